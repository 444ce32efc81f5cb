//! Go-style tasks for Rust without function colours.

mod macros;

/// Tasks: spawning, joining, waiting; the shape of [`std::thread`].
pub mod task {
    pub use gocoro_runtime::export::task::{
        AccessError, Builder, Cancelled, JoinError, JoinHandle, LocalKey, Racers, Scope,
        ScopedJoinHandle, Task, TaskGroup, TaskId, checkpoint, current, is_cancelled, park,
        park_timeout, race, remaining_stack, scope, shield, spawn, spawn_local, try_current,
        wait_all, wait_any, yield_now,
    };
}

/// Channels, which tasks and threads send messages through; the shape of crossbeam-channel.
pub mod channel {
    pub use gocoro_runtime::export::channel::{
        IntoIter, Iter, ReadyTimeoutError, Receive, Receiver, RecvError, RecvTimeoutError, Select,
        SelectTimeoutError, Selectable, SelectedOperation, SendError, SendTimeoutError, Sender,
        TryIter, TryReadyError, TryRecvError, TrySelectError, TrySendError, after, at, bounded,
        broadcast, never, oneshot, tick, unbounded, watch,
    };
}

/// What tasks and threads share and wait for; the shape of [`std::sync`], and a few more.
pub mod sync {
    pub use gocoro_runtime::export::sync::{
        Abandoned, Barrier, BarrierWaitResult, Closed, Condvar, Deferred, Event, LazyLock, Mutex,
        MutexGuard, Once, OnceLock, OnceState, OwnedPermit, Permit, Promise, RwLock,
        RwLockReadGuard, RwLockWriteGuard, Semaphore, TryAcquireError, WaitGroup,
        WaitTimeoutResult, mpsc, promise,
    };
    pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
}

/// Waiting for times; the shape of [`std::time`].
pub mod time {
    pub use gocoro_runtime::export::time::{
        Elapsed, Interval, MissedTicks, interval, io_deadline, sleep, sleep_until, timeout,
        timeout_at,
    };
    pub use std::time::{Duration, Instant, SystemTime, SystemTimeError, UNIX_EPOCH};
}

/// TCP sockets whose operations suspend the task; the shape of [`std::net`].
pub mod net {
    pub use gocoro_runtime::export::net::{
        AddrParseError, Incoming, IntoIncoming, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr,
        SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, ToSocketAddrs,
    };
}

/// Runtimes made by hand: most programs need none.
pub mod runtime {
    pub use gocoro_runtime::export::runtime::{Builder, LocalRuntime, Runtime};
}

pub use gocoro_macros::{go_main, go_test};

#[doc(hidden)]
pub mod __private {
    pub use gocoro_macros::{colorless_impl, go_impl, select_biased_impl, select_impl};
    pub use gocoro_runtime::export::private::{
        MainOptions, TestOptions, run_main, run_test, spawn_local_with, spawn_with, switch_pairs,
    };
    pub use gocoro_runtime::export::select;
}
