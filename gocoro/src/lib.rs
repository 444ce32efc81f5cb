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
//! suspends the task, at any call depth, and its worker thread runs other tasks. On a plain thread
//! the same call blocks that thread. Nothing in a function's signature tells, and nothing needs to.
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
//! | files, directories | [`fs`] |
//! | reading, writing, copying, pipes, standard streams, streams in memory | [`io`] |
//! | child processes | [`process`] |
//! | calls that block, on other threads | [`blocking`] |
//! | signals of the system, Ctrl-C | [`signal`] |
//! | coroutines as values, generators | [`coroutine`] |
//! | futures of async crates, and being awaited by them | [`future`] |
//! | runtimes made by hand | [`runtime`] |
//! | programs for std, ported with one line | [`std`](mod@std) |
//! | code that was written for threads | [`thread`] |
//! | what std's names became | [`std_map`] |
//!
//! The cargo features `hyper`, `tokio` and `futures-io`, off by default, make gocoro's streams
//! those of async crates: see [`future`]. The feature `inspect`, off by default too, adds a page
//! that a program serves of what its tasks do: see [`runtime`]. The feature `corosensei` has the
//! crate of that name switch between tasks, which is faster than the default; the README says which
//! to choose.
//!
//! # What a task may not do
//!
//! A task may call anything, but **only gocoro's operations suspend it**. Whatever else waits
//! blocks the worker thread, and with it every task that is pinned there; std and the kernel give
//! no sign of it. So, in a task:
//!
//! - Do not wait in std's own calls: [`std::thread::sleep`], [`std::net`], [`std::sync::mpsc`], the
//!   join of a [`std::thread`], [`std::fs`], [`std::process`], [`std::io::stdin`], a [`println!`]
//!   that nobody reads, a C library that does I/O. Take gocoro's operation of the same name
//!   where there is one, else [`blocking::unblock`].
//! - Do not hold a [`std::sync::Mutex`] across a wait: the next task of the worker that wants it
//!   blocks the thread on which its holder would go on, for ever. Let go of it first, or use
//!   [`sync::Mutex`]. Operations that have not to wait, and questions, give way now and then, so
//!   they count as waits here; spawns and wakes do not.
//! - Do not wait in the initialiser of a [`std::sync::LazyLock`], [`std::sync::OnceLock`] or
//!   [`std::sync::Once`]: the next task of the worker that asks for the value blocks the thread in
//!   the same way. Those in [`sync`] suspend it.
//! - Do not wait inside a `std::thread_local!`'s `with` or initialiser unless any other task may
//!   use it meanwhile: the value is the worker's, and all of its tasks share it. [`task_local!`] is
//!   a task's own, and so is gocoro's [`thread_local!`](macro@crate::thread_local).
//! - Do not compute for long without a wait: call [`task::yield_now`] now and then, or use a
//!   thread.
//!
//! # Cancellation unwinds
//!
//! A cancelled task, and code inside an expired [`time::timeout`], unwinds from where it waits, as
//! if a future were dropped there: destructors run, nothing else does. That reaches any code, and
//! it has three hazards:
//!
//! - a [`std::sync::Mutex`] held across a wait is poisoned by it (gocoro's own locks are not);
//! - a [`std::sync::LazyLock`] or [`std::sync::Once`] that is being initialised is poisoned for
//!   good;
//! - it aborts the process at an `extern "C"` frame, as every unwinding does.
//!
//! Every operation that waits says under *Parks* when, which is also where it may unwind.
//! Questions that a loop may ask, such as [`is_finished`](task::JoinHandle::is_finished), give way
//! once in a while; they do not unwind there. Spawns and wakes never do. [`std_map`] has the list.
//!
//! What was unwound has lost what it had half done: after [`time::timeout`] ended a `read_line`,
//! its stream is not to be read from again. [`time::io_deadline`] ends I/O by an error in place of
//! that.
//!
//! [`std::thread`]: ::std::thread
//! [`std::thread::sleep`]: ::std::thread::sleep
//! [`std::net`]: ::std::net
//! [`std::sync::mpsc`]: ::std::sync::mpsc
//! [`std::io::stdin`]: ::std::io::stdin
//! [`std::sync::Mutex`]: ::std::sync::Mutex
//! [`std::sync::LazyLock`]: ::std::sync::LazyLock
//! [`std::sync::OnceLock`]: ::std::sync::OnceLock
//! [`std::sync::Once`]: ::std::sync::Once

mod macros;

pub mod std;

#[doc = include_str!("std_map.md")]
pub mod std_map {}

pub mod task {
    //! Tasks: spawning, joining, cancelling; the shape of [`std::thread`].
    //!
    //! A task is a closure with a stack of its own. A worker thread runs it beside thousands of
    //! others, and goes on with those while it waits. [`go!`](crate::go) or [`spawn`] starts one,
    //! and its [`JoinHandle`] gives the result.
    //!
    //! ```
    //! use gocoro::{go, task};
    //!
    //! fn squares(of: Vec<u64>) -> u64 {
    //!     of.iter().map(|n| n * n).sum()
    //! }
    //!
    //! // One task. A handle that is dropped leaves its task running.
    //! let sum = go!(squares(vec![1, 2, 3]));
    //! assert_eq!(sum.join().unwrap(), 14);
    //!
    //! // Tasks that borrow: the scope ends after all of them.
    //! let numbers = vec![1, 2, 3, 4];
    //! let (left, right) = numbers.split_at(2);
    //! let total = task::scope(|s| {
    //!     let left = s.spawn(|| squares(left.to_vec()));
    //!     let right = s.spawn(|| squares(right.to_vec()));
    //!     left.wait() + right.wait()
    //! });
    //! assert_eq!(total, 30);
    //! ```
    //!
    //! # Starting tasks
    //!
    //! | | starts | may borrow | must be [`Send`] |
    //! |---|---|---|---|
    //! | [`go!`](crate::go), [`spawn`] | one task | no | yes |
    //! | `go!(local => …)`, [`spawn_local`] | one task, on this worker | no | no |
    //! | [`scope`] | tasks that end before it returns | yes | [`Scope::spawn`]: yes, [`Scope::spawn_local`]: no |
    //! | [`TaskGroup`] | tasks whose results come in the order in which they end | no | yes |
    //! | [`race`] | a few, of which the first to end counts | yes | yes |
    //!
    //! [`Builder`] gives a task a name or a stack size, or makes it a daemon, for which the
    //! program's end does not wait. A task stays where it first runs: it does not change its
    //! thread, so what it holds across a wait need not be `Send`.
    //!
    //! # Waiting for their ends
    //!
    //! [`JoinHandle::join`] returns a [`JoinError`] for a task that panicked, was cancelled or got
    //! no stack. [`JoinHandle::wait`] returns the value alone, and passes a panic on. [`wait_all`]
    //! and [`wait_any`] take several handles. A panic in a task ends that task and no other. It is
    //! reported on stderr with the task's name and the place where it was spawned.
    //!
    //! # Cancelling
    //!
    //! [`JoinHandle::cancel`] and [`Task::cancel`] have the task unwind from the place where it
    //! waits, or will wait next: its destructors run, and nothing else does. [`shield`] holds that
    //! off for a while, [`checkpoint`] and [`is_cancelled`] ask for it. The [crate's
    //! page](crate#cancellation-unwinds) names the hazards.

    pub use gocoro_runtime::export::task::{
        AccessError, Builder, Cancelled, GroupBuilder, JoinError, JoinHandle, LocalKey, Racers,
        Scope, ScopedJoinHandle, Task, TaskGroup, TaskId, checkpoint, current, is_cancelled, park,
        park_timeout, race, remaining_stack, scope, shield, spawn, spawn_local, try_current,
        wait_all, wait_any, yield_now,
    };
}

pub mod channel {
    //! Channels, which tasks and threads send messages through; the shape of crossbeam-channel.
    //!
    //! ```
    //! use gocoro::channel::{self, bounded};
    //! use gocoro::{go, select};
    //! use std::time::Duration;
    //!
    //! let (jobs, inbox) = bounded(16);
    //! let (results, sums) = channel::unbounded();
    //! for _ in 0..4 {
    //!     let (inbox, results) = (inbox.clone(), results.clone());
    //!     go!({
    //!         for job in &inbox {
    //!             results.send(job * 2).unwrap();
    //!         }
    //!     });
    //! }
    //! drop(results); // the workers have theirs
    //!
    //! for job in 1..=10 {
    //!     jobs.send(job)?; // waits while 16 are under way
    //! }
    //! drop(jobs); // the workers' loops end when all is received
    //!
    //! let mut sum = 0;
    //! loop {
    //!     select! {
    //!         recv(sums) -> result => match result {
    //!             Ok(result) => sum += result,
    //!             Err(_) => break, // no sender is left
    //!         },
    //!         default(Duration::from_secs(60)) => panic!("nothing for a minute"),
    //!     }
    //! }
    //! assert_eq!(sum, 110);
    //! # Ok::<(), channel::SendError<i32>>(())
    //! ```
    //!
    //! # Kinds
    //!
    //! | | from | to | holds |
    //! |---|---|---|---|
    //! | [`bounded`] | many | many, each message to one of them | so many messages; none: sender and receiver meet |
    //! | [`unbounded`] | many | many, each message to one of them | what memory holds |
    //! | [`oneshot`](fn@oneshot) | one | one | one message, once |
    //! | [`broadcast`](fn@broadcast) | many | many, each message to all of them | the newest so many; slower receivers miss some, and are told |
    //! | [`watch`](fn@watch) | many | many | the newest value |
    //! | [`after`], [`at`], [`tick`], [`never`](fn@never) | the clock | many | a moment; moments; nothing |
    //!
    //! # Ends
    //!
    //! A channel is disconnected when all of its senders or all of its receivers are gone. Then
    //! sending fails and gives the message back. Receiving still takes what was sent before, and
    //! fails after that. Loops over a receiver end there.
    //!
    //! # Waiting
    //!
    //! Operations suspend a task, or block a plain thread. A send or a receive that is cancelled
    //! has not happened: no message is lost by it. [`select!`](crate::select) waits for several
    //! operations at once, also for tasks, sockets, events and times; [`Select`] does so for a set
    //! that is known only when the program runs.

    pub use gocoro_runtime::export::channel::{
        IntoIter, Iter, ReadyTimeoutError, Receive, Receiver, RecvError, RecvTimeoutError, Select,
        SelectTimeoutError, Selectable, SelectedOperation, SendError, SendTimeoutError, Sender,
        TryIter, TryReadyError, TryRecvError, TrySelectError, TrySendError, after, at, bounded,
        broadcast, never, oneshot, tick, unbounded, watch,
    };
}

pub mod sync {
    //! What tasks and threads share and wait for; the shape of [`std::sync`], and a few more.
    //!
    //! ```
    //! use gocoro::sync::{Arc, Mutex, Semaphore, WaitGroup};
    //! use gocoro::{go, task};
    //!
    //! let seen = Arc::new(Mutex::new(Vec::new()));
    //! let slots = Arc::new(Semaphore::new(3)); // three at a time
    //! let all = Arc::new(WaitGroup::new());
    //! for n in 0..10 {
    //!     all.add(1);
    //!     go!(clone(seen, slots, all) => {
    //!         let permit = slots.acquire().unwrap();
    //!         let mut seen = seen.lock().unwrap();
    //!         task::yield_now(); // a lock may be held across a wait
    //!         seen.push(n);
    //!         drop((seen, permit));
    //!         all.done();
    //!     });
    //! }
    //! all.wait();
    //! assert_eq!(seen.lock().unwrap().len(), 10);
    //! ```
    //!
    //! # What there is
    //!
    //! - As in std: [`Mutex`], [`RwLock`], [`Condvar`], [`Barrier`], [`Once`], [`OnceLock`],
    //!   [`LazyLock`], [`mpsc`]; and re-exports of what cannot wait: [`Arc`], [`atomic`].
    //! - [`Semaphore`]: so many may go on at once.
    //! - [`WaitGroup`]: waits until what was added is done, as Go's.
    //! - [`Event`]: something has happened, for all who wait or for one of them.
    //! - [`promise`]: a value that is set once and awaited by many.
    //!
    //! # What differs from std
    //!
    //! Locks are granted in the order in which they were asked for. A guard may be held across
    //! waits, since a task stays on its thread. A panic poisons, a cancel does not. A task that
    //! locks what it holds already panics with its name, where std may hang. std's own types know
    //! threads only: one that a task holds across a wait blocks the worker for the next task that
    //! wants it, for good. [`std_map`](crate::std_map) has the details.

    #[cfg(not(loom))]
    #[expect(deprecated, reason = "std has it, too")]
    pub use gocoro_runtime::export::sync::ONCE_INIT;
    pub use gocoro_runtime::export::sync::{
        AbandonedPromise, AcquireError, Barrier, BarrierWaitResult, Condvar, Deferred, Event,
        LazyLock, Mutex, MutexGuard, Once, OnceLock, OnceState, OwnedPermit, Permit, Promise,
        RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, TryAcquireError, WaitGroup,
        WaitTimeoutResult, mpsc, promise,
    };
    // Former names of `AbandonedPromise` and `AcquireError`.
    #[doc(hidden)]
    pub use gocoro_runtime::export::sync::{AbandonedPromise as Abandoned, AcquireError as Closed};
    pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};
}

pub mod time {
    //! Sleeping, timeouts and ticks; the shape of [`std::time`].
    //!
    //! ```
    //! use gocoro::channel;
    //! use gocoro::time::{Duration, Instant, interval, sleep, timeout};
    //!
    //! let start = Instant::now();
    //! sleep(Duration::from_millis(5)); // suspends the task, blocks no thread
    //! assert!(start.elapsed() >= Duration::from_millis(5));
    //!
    //! // A bound for any code: it is unwound where it waits.
    //! let (_sender, receiver) = channel::unbounded::<()>();
    //! let late = timeout(Duration::from_millis(5), || receiver.recv());
    //! assert!(late.is_err());
    //! assert_eq!(timeout(Duration::from_secs(60), || 42), Ok(42));
    //!
    //! for _tick in interval(Duration::from_millis(1)).take(3) {
    //!     // every millisecond
    //! }
    //! ```
    //!
    //! # Which bound for what
    //!
    //! | | ends | by |
    //! |---|---|---|
    //! | [`timeout`], [`timeout_at`] | any code that waits | unwinding it: what it had half done is lost |
    //! | [`io_deadline`] | I/O in any code | an error of kind `TimedOut`: buffers keep what they have |
    //! | `set_read_timeout`, `recv_timeout`, `wait_timeout` and their like | that one operation | its error, as in std |
    //!
    //! Timeouts nest, and the outermost that has run out wins. Code that computes is not stopped: a
    //! timeout is noticed where a task waits, or has called gocoro's operations often enough.
    //! Timers have a resolution of a millisecond, and never fire early.

    pub use gocoro_runtime::export::time::{
        Elapsed, Interval, MissedTicks, interval, io_deadline, sleep, sleep_until, timeout,
        timeout_at,
    };
    pub use std::time::{
        Duration, Instant, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH,
    };
}

pub mod fs;
pub mod io;

pub mod net {
    //! Sockets whose operations suspend the task; the shape of [`std::net`], and in [`unix`] of
    //! [`std::os::unix::net`].
    //!
    //! A program moves over by changing its imports. Crates that are generic over
    //! [`Read`](std::io::Read) and [`Write`](std::io::Write) run on these sockets as they are.
    //!
    //! ```
    //! use gocoro::go;
    //! use gocoro::net::{TcpListener, TcpStream};
    //! use std::io::{self, BufRead, BufReader, Write};
    //! use std::time::Duration;
    //!
    //! fn greet(stream: TcpStream) -> io::Result<()> {
    //!     stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    //!     let mut reader = BufReader::new(&stream);
    //!     let mut name = String::new();
    //!     reader.read_line(&mut name)?; // suspends the task, blocks no thread
    //!     write!(&stream, "hello, {name}")
    //! }
    //!
    //! let listener = TcpListener::bind("127.0.0.1:0")?;
    //! let address = listener.local_addr()?;
    //! go!({
    //!     for stream in listener.incoming() {
    //!         go!(greet(stream?)); // one task for each connection
    //!     }
    //!     io::Result::Ok(())
    //! });
    //!
    //! let mut stream = TcpStream::connect(address)?;
    //! stream.write_all(b"you\n")?;
    //! let mut answer = String::new();
    //! BufReader::new(stream).read_line(&mut answer)?;
    //! assert_eq!(answer, "hello, you\n");
    //! # io::Result::Ok(())
    //! ```
    //!
    //! # What to know
    //!
    //! - Several tasks may use one socket, in both directions: `&TcpStream` reads and writes too.
    //!   [`TcpStream::shutdown`] wakes those who wait.
    //! - A read timeout gives `ErrorKind::TimedOut`. One for all I/O of a piece of code is
    //!   [`time::io_deadline`](crate::time::io_deadline).
    //! - Names are looked up on threads beside the workers, since the system's call for it blocks.
    //!   A connect by a name with several addresses takes the address that answers first.
    //! - Sockets convert to std's and back, and to and from descriptors. A std socket in a task
    //!   blocks its worker.
    //! - [`select!`](crate::select) has arms `readable(…)` and `writable(…)`.

    #[cfg(target_os = "linux")]
    pub use gocoro_runtime::export::net::linux;
    pub use gocoro_runtime::export::net::{
        AddrParseError, Incoming, IntoIncoming, IpAddr, Ipv4Addr, Ipv6Addr, ListenerBuilder,
        Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, ToSocketAddrs,
        UdpSocket, unix,
    };
}

pub mod blocking;

pub mod thread;
pub mod process;

pub mod signal;
pub mod coroutine;
pub mod future;
pub mod runtime;

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
