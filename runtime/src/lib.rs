//! The runtime of the crate `gocoro`, which re-exports all that users see.
//!
//! The modules stand in reading order: each imports only from those above it. `ARCHITECTURE.md` in
//! the repository is the map.

#![deny(unsafe_code)]

mod loom;
mod limits;
mod census;
#[allow(unsafe_code)]
mod clock;
mod environment;
mod json;
#[allow(unsafe_code)]
mod lock;
mod unwind;
#[allow(unsafe_code)]
mod stack;
mod parker;
mod thread_pool;
#[allow(unsafe_code)]
mod boundary;
#[allow(unsafe_code)]
mod task;
mod counters;
mod recorder;
mod timer;
mod trace;
#[allow(unsafe_code)]
mod current;
mod cycle;
mod hook;
#[allow(unsafe_code)]
mod wake;
#[allow(unsafe_code)]
mod park;
#[allow(unsafe_code)]
mod waiters;
mod cancel;
#[allow(unsafe_code)]
mod join;
#[allow(unsafe_code)]
mod reactor;
#[allow(unsafe_code)]
mod blocking;
#[allow(unsafe_code)]
mod scheduler;
#[allow(unsafe_code)]
mod spawn;
mod task_local;
#[allow(unsafe_code)]
mod scope;
#[allow(unsafe_code)]
mod channel;
#[allow(unsafe_code)]
mod sync;
mod select;
mod time;
mod group;
#[allow(unsafe_code)]
mod net;
mod io;
mod fs;
mod process;
mod signal;
mod coroutine;
mod future;
mod go;
mod observe;
#[allow(unsafe_code)]
mod runtime;
#[allow(unsafe_code)]
mod thread;
#[cfg(all(test, loom))]
#[allow(unsafe_code)]
mod tests;

/// What the facade re-exports, module by module.
pub mod export {
    /// The items of `gocoro::task`.
    pub mod task {
        pub use crate::cancel::{Cancelled, checkpoint, is_cancelled, shield};
        pub use crate::group::{GroupBuilder, TaskGroup};
        pub use crate::join::{JoinError, JoinHandle, wait_all, wait_any};
        pub use crate::scope::{Racers, Scope, ScopedJoinHandle, race, scope};
        pub use crate::spawn::{
            Builder, current, park, park_timeout, remaining_stack, spawn, spawn_local, try_current,
            yield_now,
        };
        pub use crate::task::{Task, TaskId};
        pub use crate::task_local::{AccessError, LocalKey};
    }

    /// The items of `gocoro::blocking`.
    pub mod blocking {
        pub use crate::blocking::{Stats, stats, unblock, unblock_scoped};
    }

    /// The items of `gocoro::channel`.
    pub mod channel {
        pub use crate::channel::{
            IntoIter, Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select,
            SelectTimeoutError, SelectedOperation, SendError, SendTimeoutError, Sender, TryIter,
            TryReadyError, TryRecvError, TrySelectError, TrySendError, after, at, bounded,
            broadcast, never, oneshot, tick, unbounded, watch,
        };
        pub use crate::waiters::{Receive, Selectable};
    }

    /// The items of `gocoro::future`.
    pub mod future {
        pub use crate::channel::{BroadcastFuture, ChangedFuture, RecvFuture, SendFuture};
        pub use crate::future::{wait, wait_timeout};
        pub use crate::join::JoinFuture;
        pub use crate::sync::DeferredFuture;
    }

    /// The items of `gocoro::coroutine`.
    pub mod coroutine {
        pub use crate::coroutine::{
            Coroutine, Greenlet, ResumeError, State, Step, Suspender, SwitchError, iter,
        };
    }

    /// The items of `gocoro::future::hyper`.
    #[cfg(feature = "hyper")]
    pub mod hyper {
        pub use crate::future::hyper::{Executor, LocalExecutor, Timer};
    }

    /// The items of `gocoro::io`.
    pub mod io {
        pub use crate::io::*;
    }

    /// The items of `gocoro::fs`.
    pub mod fs {
        pub use crate::fs::*;
    }

    /// The items of `gocoro::net`.
    pub mod net {
        pub use crate::net::*;
    }

    /// The items that `select!` expands to.
    pub mod select {
        pub use crate::select::{
            Limit, Order, Taken, join, outcome, readable, recv, run, send, take, unique, wait,
            writable,
        };
    }

    /// The items of `gocoro::process`.
    pub mod process {
        pub use crate::process::{
            Child, ChildStderr, ChildStdin, ChildStdout, Command, CommandExt,
        };
    }

    /// The items of `gocoro::runtime`.
    pub mod runtime {
        pub use crate::observe::{
            Dump, DumpedTask, FlightRecord, LatencyBucket, Metrics, OnDeadlock, OpenMetrics,
            RuntimeMetrics, StackAdvice, Stacks, TaskBacktrace, TaskCounts, TaskFrame, TaskScope,
            TaskScopeKind, TaskState, WorkerMetrics, dump, flight_record, metrics,
            set_flight_record_file, stacks,
        };
        pub use crate::runtime::{Builder, LocalRuntime, Runtime};
    }

    /// The items of `gocoro::runtime::inspect`.
    #[cfg(feature = "inspect")]
    pub mod inspect {
        pub use crate::observe::inspect::{Inspector, serve};
    }

    /// The items of `gocoro::signal`.
    pub mod signal {
        pub use crate::signal::{
            Handle, Pending, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGQUIT,
            SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGWINCH, Signals,
            ctrl_c,
        };
    }

    /// The items of `gocoro::sync`.
    pub mod sync {
        pub use crate::sync::*;
    }

    /// The items of `gocoro::thread`.
    pub mod thread {
        pub use crate::thread::*;
    }

    /// The items of `gocoro::time`.
    pub mod time {
        pub use crate::time::{
            Elapsed, Interval, MissedTicks, interval, io_deadline, sleep, sleep_until, timeout,
            timeout_at,
        };
    }

    /// The items that other macros expand to, and sealed or unnameable parts of public types.
    pub mod private {
        pub use crate::channel::{Chosen, NewsArm, ReceiverArm, RecvArm, SendArm};
        pub use crate::go::{
            NotAFuture, ScopeForLocal, ScopeOrGroup, Used, Value, not_a_future, place,
            spawn_local_with, spawn_with, used, value_of,
        };
        pub use crate::group::State as GroupState;
        pub use crate::join::{Join, JoinArm};
        pub use crate::process::ExitArm;
        pub use crate::reactor::{Readiness, ReadyArm};
        pub use crate::runtime::entry::{MainOptions, TestOptions, run_main, run_test};
        pub use crate::signal::SignalArm;
        pub use crate::task::Words;
        pub use crate::waiters::{Arm, Choice, Place};
    }
}
