//! Runtimes made by hand. Most programs need none: [`go_main`](crate::go_main) makes one, and
//! `go!` outside of any starts the default one.
//!
//! ```
//! use gocoro::go;
//! use gocoro::runtime::{Builder, LocalRuntime};
//! use gocoro::time::sleep;
//! use std::time::Duration;
//!
//! // Worker threads of its own, which end when it is dropped.
//! let runtime = Builder::new().workers(2).stack_size(64 * 1024).build()?;
//! let sum = runtime.run(|| {
//!     let tasks: Vec<_> = (1..=3).map(|n| go!({ n * n })).collect();
//!     tasks.into_iter().map(|task| task.wait()).sum::<i32>()
//! });
//! assert_eq!(sum, 14);
//! drop(runtime); // cancels what is left, and waits for it
//!
//! // One on this thread, whose tasks need not be `Send`.
//! let words = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
//! let mut local = LocalRuntime::new()?;
//! for (pause, word) in [(2, "world"), (1, "hello")] {
//!     let words = words.clone();
//!     local.spawn(move || {
//!         sleep(Duration::from_millis(pause * 20));
//!         words.borrow_mut().push(word);
//!     });
//! }
//! local.run_until_idle();
//! assert_eq!(words.take(), ["hello", "world"]);
//! # std::io::Result::Ok(())
//! ```
//!
//! # Which one
//!
//! - [`Runtime`]: worker threads. For a library that wants its own, a test, or a program that
//!   is mostly something else.
//! - [`LocalRuntime`]: the current thread. For tasks that are not `Send`, and for a loop that
//!   somebody else owns: [`LocalRuntime::poll_once`] runs what is runnable.
//!
//! Several may exist at once. A task's own spawns stay in its runtime. Whichever way a runtime
//! is made, the environment wins over what the program says of it: see [`Builder`].
//!
//! # Numbers
//!
//! [`metrics`] reads what all runtimes count: tasks by state, spawns and ends, wakes and how long
//! they take until the task runs, sleep, timers, descriptors, stacks. Its text form is what
//! Prometheus reads. [`Runtime::metrics`] reads those of one runtime.
//!
//! # What tasks do
//!
//! [`dump`] says of each task of the process what it waits for: `println!("{}", dump())`, or
//! `dump().json()` for programs. In a program under `#[go_main]` `kill -QUIT` prints it.
//!
//! With the cargo feature `backtrace`, on x86-64 Linux, it also tells on which line each task
//! waits, and by which calls it came there: see [`DumpedTask::backtrace`]. Nobody is woken for
//! that, and it takes some microseconds a task. The feature is off by default for what it costs to
//! build: 33 s of processor time from scratch instead of 19 s, and optimised 59 s instead of 36 s.
//!
//! # What workers did last
//!
//! A runtime can keep a flight record: each worker its last events, in a ring. [`flight_record`]
//! reads it, at any time, and [`FlightRecord::json`] is what [Perfetto](https://ui.perfetto.dev)
//! shows: a track for each worker, with the tasks that it ran, an arrow from whoever woke a task to
//! its next run, and a track for each task that has a name, with what it waited for. Three ways
//! switch it on:
//!
//! - `GOCORO_RECORD=/tmp/record.json` in the environment, for all runtimes. The file is written at
//!   the first panic of a task, at a deadlock that is reported, and at each `SIGQUIT` that prints a
//!   dump. `GOCORO_RECORD_EVENTS` says how many events each worker keeps, instead of 65 536, at 32
//!   bytes each.
//! - `#[go_main(record = "/tmp/record.json")]`, which does the same for the program's own runtime.
//! - [`Builder::flight_recorder`], and [`set_flight_record_file`] for the file.
//!
//! Without one of these nothing is recorded, at no cost. A runtime that records pays: each switch
//! between tasks takes a look at the processor's counter and 32 bytes of memory: a few percent of a
//! program that serves requests, and about the time of the switch itself.
//!
//! # Events for `tracing`
//!
//! Beside each task's span, the runtime tells a `tracing` subscriber what happens, under targets to
//! filter by: `RUST_LOG=warn,gocoro::task=debug`. What a level of `info` shows is worth a look.
//!
//! | target | event | level | fields | when |
//! |---|---|---|---|---|
//! | `gocoro::task` | `spawned` | trace | `id`, `name`, `spawned_at` | a task is about to be made; in the spawner's span |
//! | | `ended` | trace | `id`, `name`, `outcome`: `returned`, `panicked`, `cancelled` or `refused` | the task's closure is gone; in the task's span |
//! | | `panicked` | error | `id`, `name`, `spawned_at`, `panic`: the message | before `ended` |
//! | | `cancelled` | debug | `id`, `name`, `cause` | somebody asks the task to end; in the asker's span |
//! | `gocoro::runtime` | `resumed late` | warn | `runtime`, `worker`; `tasks`, how many had to wait; `waited_ms`; `behind.id`, `behind.name`, `behind.spawned_at`: the task that ran meanwhile | a task has kept its worker from others for 100 ms |
//! | `gocoro::sync` | `contended` | trace | `lock`: `mutex` or `rwlock`; `address`, `holder`, `at` | a `Mutex` or `RwLock` is found taken; before the wait |
//! | `gocoro` | the span `task` | info | `id`, `name`, `spawned_at` | around all that the task does |
//!
//! A subscriber runs where the event happens, and not as a task: what waits in it blocks the
//! worker. What it does itself while it is told of an event leads to no further one.
//!
//! # Stacks
//!
//! [`stacks`] says of each place where tasks were spawned how much of their stacks they have
//! needed, and which size would do.
//!
//! # Stalls
//!
//! A program made by [`go_main`](crate::go_main) says on standard error when a task runs for longer
//! than 100 ms without a wait (a second in builds with debug assertions), and so keeps its worker
//! from its other tasks: which task, and whether it computes or in which system call it blocks. Its
//! option `stall` sets the time, or `"off"`. Runtimes made by hand say nothing unless
//! [`Builder::stall_limit`] tells them to.
//!
//! # Deadlocks
//!
//! A program made by [`go_main`](crate::go_main) says on standard error when tasks wait for each
//! other in a cycle, and when all its tasks wait and nothing is left that could wake one: who
//! waits, and for what. Its option `deadlock` has it abort then, or say nothing. Runtimes made by
//! hand say nothing unless [`Builder::deadlock`] tells them to.
//!
//! # Live page
//!
//! With the feature `inspect` a program serves a page that shows all this as it changes: set
//! `GOCORO_INSPECT=7710` for one under `#[go_main]`, or see the module `inspect`, which comes with
//! that feature.
//!
//! # Ends
//!
//! Dropping a runtime cancels its tasks and waits until they have ended. [`Runtime::shutdown`]
//! bounds the wait, [`Runtime::wait_idle`] lets the tasks come to their own ends first.

pub use gocoro_runtime::export::runtime::{
    Builder, Dump, DumpedTask, FlightRecord, LatencyBucket, LocalRuntime, Metrics, OnDeadlock,
    OpenMetrics, Runtime, RuntimeMetrics, StackAdvice, Stacks, TaskBacktrace, TaskCounts,
    TaskFrame, TaskScope, TaskScopeKind, TaskState, WorkerMetrics, dump, flight_record, metrics,
    set_flight_record_file, stacks,
};

#[cfg(feature = "inspect")]
pub mod inspect {
    //! A live page that the program serves itself: what is stuck, what is slow, what grows.
    //!
    //! Available with the feature `inspect`. A program under `#[go_main]` needs no line of code for
    //! it: whoever starts it sets `GOCORO_INSPECT` to a port, such as `7710`, or to an address,
    //! such as `127.0.0.1:7710`, and opens `http://127.0.0.1:7710/`. Others call [`serve`]:
    //!
    //! ```
    //! use gocoro::runtime::inspect;
    //!
    //! let inspector = inspect::serve("127.0.0.1:0")?;
    //! println!("see http://{}/", inspector.local_addr());
    //! # std::io::Result::Ok(())
    //! ```
    //!
    //! The page comes from a thread of its own, so it answers also when every worker is stuck, and
    //! tells which ones are. It is in one piece, and fetches nothing from elsewhere.
    //!
    //! # For programs
    //!
    //! | path | what |
    //! |---|---|
    //! | `/` | the page |
    //! | `/tasks.json` | all tasks: [`Dump::json`](super::Dump::json) |
    //! | `/tasks.json?id=…` | the one with this id, and by which calls it came where it waits |
    //! | `/dump.txt` | all tasks, for people |
    //! | `/metrics` | the numbers as [`Metrics::openmetrics`](super::Metrics::openmetrics) |
    //! | `/metrics.json` | the same, by the names of the fields of [`Metrics`](super::Metrics) |
    //! | `/history.json?from=…` | the last five minutes, from that sample on |
    //! | `/view.json` | what the page shows of a dump. This may change in any version |
    //!
    //! Durations are in nanoseconds in `/metrics.json`, as `slept_ns`. The history has a sample a
    //! second, each with its number `n` and its time `ms`; tasks by state; what has happened since
    //! the sample before: tasks `spawned` and `ended`, and how often one was `resumed`;
    //! `memory_bytes`, `stacks` and their address space `stack_bytes`; and of each of `workers` the
    //! share of time that it was busy, `busy_permille`, its `queue`, and how long tasks waited for
    //! it, `median_ns` and `p99_ns`.
    //!
    //! Each JSON object has a `version`, 1 for all. Fields may be added without a new one. A dump
    //! is shared by all who ask within a second, or within five times what it has taken, so asking
    //! often costs no more.
    //!
    //! # Who may look
    //!
    //! Whoever reaches the address; there is no password. On a loopback address those are all
    //! processes and users of this machine, on any other one all the network's. What is shown are
    //! names, places in the source and what tasks wait for, addresses of peers and paths of files
    //! among it. Nothing can be changed: only `GET` is served.
    //!
    //! Foreign pages in a browser get nothing. A request has to name the server by its address or
    //! as `localhost`, and what a browser says to come from another site is refused.

    pub use gocoro_runtime::export::inspect::{Inspector, serve};
}
