//! `std::thread` to the letter, whose threads are tasks.
//!
//! For code that was written for threads: with `use gocoro::thread` in place of `use std::thread`
//! it runs as it is, and thousands of its threads need no more than the runtime's workers. New code
//! has more from [`task`](crate::task) and [`go!`](crate::go): errors that tell what happened,
//! cancelling, groups, tasks for which the program waits.
//!
//! ```
//! use gocoro::sync::mpsc;
//! use gocoro::thread;
//! use std::time::Duration;
//!
//! let (results, inbox) = mpsc::channel();
//! let threads: Vec<_> = (1..=3)
//!     .map(|n| {
//!         let results = results.clone();
//!         thread::spawn(move || {
//!             thread::sleep(Duration::from_millis(n)); // suspends the task, blocks no thread
//!             results.send(n * n).unwrap();
//!         })
//!     })
//!     .collect();
//! drop(results);
//! for thread in threads {
//!     thread.join().unwrap();
//! }
//! assert_eq!(inbox.iter().sum::<u64>(), 14);
//! ```
//!
//! # What is kept
//!
//! - **Signatures and results** are std's: [`JoinHandle::join`] gives a [`thread::Result`](Result)
//!   with the panic's payload, [`Builder::name`] takes a `String`.
//! - **Ends.** What is spawned here ends with the program, and does not keep it alive: it is a
//!   daemon, in the words of [`task::Builder`](crate::task::Builder). A program that wants its
//!   threads' results joins them. Where a thread of std's is stopped wherever it is, a task is
//!   cancelled under [`#[go_main]`](crate::go_main): its destructors run. What is spawned in a
//!   runtime that ends earlier ends with that: with its test under
//!   [`#[go_test]`](crate::go_test), so that no test can start a server for the others.
//! - **Scopes** wait for all of their tasks, whoever panics: see [`scope`].
//! - **Stacks** have 2 MiB, or what `RUST_MIN_STACK` says, so that code that recurses as deeply as
//!   on a thread does so here. That is a matter of addresses: memory takes what is touched, 4 KiB
//!   of a task that does little, and 4 KiB more for the kernel to find it. `GOCORO_STACK_SIZE` wins
//!   over both, and [`Builder::stack_size`] over all.
//! - **Thread-locals** that [`thread_local!`](crate::thread_local) declares are a task's own.
//! - **Plain threads**, which std's `spawn` has made, can call all of this: there [`current`] is
//!   the thread, and [`park`], [`sleep`] and the joins block it.
//!
//! # What differs
//!
//! - A task runs among others on a worker, and keeps that from them while it computes, or calls
//!   what does not suspend: the [crate's page](crate#what-a-task-may-not-do) has the list. Threads
//!   share the processor by force.
//! - A task can be cancelled, by the end of its runtime or by a [`timeout`](crate::time::timeout)
//!   around the code that joins: then it [unwinds](crate#cancellation-unwinds) from where it waits,
//!   and the error of the join is a text that says so.
//! - If there is no memory for a stack, [`Builder::spawn`] does not say so: the join does, for a
//!   task gets its stack when it starts. So it is where the runtime is closed already.
//! - [`park`] returns for no reason but the token.
//! - `std::os::unix::thread::JoinHandleExt` has nothing to return: there is no thread.

pub use gocoro_runtime::export::thread::{
    AccessError, Builder, JoinHandle, LocalKey, Result, Scope, ScopedJoinHandle, Thread, ThreadId,
    available_parallelism, current, panicking, park, park_timeout, scope, sleep, spawn, yield_now,
};
#[expect(deprecated, reason = "std has them, and code that was written for it may")]
pub use gocoro_runtime::export::thread::{park_timeout_ms, sleep_ms};
