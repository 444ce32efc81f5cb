//! Go-style tasks for Rust, without function colours: **gocoro is `std`, suspendable.**
//!
//! ```no_run
//! use gocoro::{go, go_main, net::{TcpListener, TcpStream}};
//! use std::io::{self, prelude::*, BufReader};
//!
//! fn shout(stream: TcpStream) -> io::Result<()> {    // an ordinary function
//!     for line in BufReader::new(&stream).lines() {  // suspends, blocks no thread
//!         writeln!(&stream, "{}", line?.to_uppercase())?;
//!     }
//!     Ok(())
//! }
//!
//! #[go_main]
//! fn main() -> io::Result<()> {
//!     for stream in TcpListener::bind("127.0.0.1:7000")?.incoming() {
//!         go!({
//!             if let Err(e) = stream.and_then(shout) {
//!                 eprintln!("connection: {e}");
//!             }
//!         });
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Code is written as plain sequential functions. Inside a task, an operation that would block
//! suspends the task, at any call depth, and its worker thread runs other tasks. On a plain thread the
//! same call blocks that thread. Nothing in a function's signature tells, and nothing needs to.
//!
//! When the process has no descriptors left, [`incoming`](net::TcpListener::incoming) pauses
//! between the errors that it returns, 5 ms to 1 s: the loop above reports them about once a
//! second, does not spin, and serves again when there are descriptors. It bounds neither the length
//! of a line nor how long a peer may say nothing; the HTTP server in the repository's examples
//! shows how that is done.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | spawning | [`go!`], [`task::spawn`], [`task::Builder`] |
//! | the program's entry | [`go_main`], [`go_test`] |
//! | results, parking, groups, scopes | [`task`] |
//! | messages, [`select!`] | [`channel`] |
//! | locks and their like | [`sync`] |
//! | sleeping, deadlines | [`time`] |
//! | sockets | [`net`] |
//! | runtimes made by hand | [`runtime`] |
//! | what std's names became | [`std_map`] |
//!
//! # What a task may not do
//!
//! A task may call anything, but **only gocoro's operations suspend it**. Whatever else waits
//! blocks the worker thread, and with it every task that is pinned there; std and the kernel give
//! no sign of it. So, in a task:
//!
//! - Do not wait in std's own calls: [`std::thread::sleep`], [`std::net`], [`std::sync::mpsc`], the
//!   join of a [`std::thread`], a child process, a terminal, a C library that does I/O. Take
//!   gocoro's operation of the same name, or do it on a thread of its own and wait for a
//!   [`channel`].
//! - Do not hold a [`std::sync::Mutex`] across a wait: the next task of the worker that wants it
//!   blocks the thread on which its holder would go on, for ever. Let go of it first, or use
//!   [`sync::Mutex`]. Operations that have not to wait, and questions, give way now and then, so
//!   they count as waits here; spawns and wakes do not.
//! - Do not wait in the initialiser of a [`std::sync::LazyLock`], [`std::sync::OnceLock`] or
//!   [`std::sync::Once`]: the next task of the worker that asks for the value blocks the thread in
//!   the same way. Those in [`sync`] suspend it.
//! - Do not wait inside a `std::thread_local!`'s `with` or initialiser unless any other task may
//!   use it meanwhile: the value is the worker's, and all of its tasks share it. [`task_local!`] is
//!   a task's own.
//! - Do not compute for long without a wait: call [`task::yield_now`] now and then, or use a
//!   thread.
//!
//! # Cancellation unwinds
//!
//! A cancelled task, and code inside an expired [`time::timeout`], unwinds from where it waits, as if
//! a future were dropped there: destructors run, nothing else does. That reaches any code, and it has
//! three hazards:
//!
//! - a [`std::sync::Mutex`] held across a wait is poisoned by it (gocoro's own locks are not);
//! - a [`std::sync::LazyLock`] or [`std::sync::Once`] that is being initialised is poisoned for good;
//! - it aborts the process at an `extern "C"` frame, as every unwinding does.
//!
//! Every operation that waits says under *Parks* when, which is also where it may unwind.
//! Questions that a loop may ask, such as [`is_finished`](task::JoinHandle::is_finished), give way
//! once in a while; they do not unwind there. Spawns and wakes never do. [`std_map`] has the list.
//!
//! What was unwound has lost what it had half done: after [`time::timeout`] ended a `read_line`,
//! its stream is not to be read from again. [`time::io_deadline`] ends I/O by an error in place of
//! that.

mod macros;

#[doc = include_str!("std_map.md")]
pub mod std_map {}

/// Tasks: spawning, joining, waiting; the shape of [`std::thread`].
pub mod task {
    pub use gocoro_runtime::export::task::{
        AccessError, Builder, Cancelled, GroupBuilder, JoinError, JoinHandle, LocalKey, Racers,
        Scope, ScopedJoinHandle, Task, TaskGroup, TaskId, checkpoint, current, is_cancelled, park,
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
        AbandonedPromise, AcquireError, Barrier, BarrierWaitResult, Condvar, Deferred, Event,
        LazyLock, Mutex, MutexGuard, Once, OnceLock, OnceState, OwnedPermit, Permit, Promise,
        RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, TryAcquireError, WaitGroup,
        WaitTimeoutResult, mpsc, promise,
    };
    // What two of them were called before.
    #[doc(hidden)]
    pub use gocoro_runtime::export::sync::{AbandonedPromise as Abandoned, AcquireError as Closed};
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

#[doc(hidden)]
pub use gocoro_macros::main;
pub use gocoro_macros::{go_main, go_test};

#[doc(hidden)]
pub mod __private {
    pub use gocoro_macros::{colorless_impl, go_impl, select_biased_impl, select_impl};
    pub use gocoro_runtime::export::private::{
        MainOptions, NotAFuture, ScopeForLocal, ScopeOrGroup, TestOptions, not_a_future, place,
        run_main, run_test, spawn_local_with, spawn_with, used, value_of,
    };
    pub use gocoro_runtime::export::select;
}
