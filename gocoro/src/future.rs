//! Futures both ways: waiting for any future from plain code, and awaiting gocoro's operations
//! in any executor.
//!
//! ```
//! use gocoro::channel::bounded;
//! use gocoro::{future, go};
//!
//! // In: plain code waits for a future, in a task or on a thread.
//! async fn add(one: u32, two: u32) -> u32 {
//!     one + two
//! }
//! let sum = go!({ future::wait(add(1, 2)) });
//!
//! // Out: an async block awaits a task and a channel, whatever executor polls it.
//! let (sender, receiver) = bounded(1);
//! let doubling = async move {
//!     sender.send_async(sum.await.unwrap() * 2).await.unwrap();
//! };
//! go!({ future::wait(doubling) });
//! assert_eq!(receiver.recv(), Ok(6));
//! ```
//!
//! # What to know
//!
//! - [`wait`] polls on the caller's own stack. What a poll calls may wait as all code in a task
//!   does: it suspends the task, and other tasks run.
//! - In an executor of async tasks, gocoro's blocking calls (`recv`, `lock`, `sleep`, …) block
//!   the executor's thread, which is a plain thread to gocoro. Use the futures there.
//! - A future that is dropped leaves nothing behind: no message is lost, nobody waits for it in
//!   vain. So all of them may be raced, and dropped when another wins.
//! - A waker that a future keeps holds the memory of its task, but not its stack.
//! - Wakers of other executors are called where a gocoro operation ends the wait, and as if
//!   that were no task: one that blocks blocks the worker. If one panics, the panic is reported
//!   and goes no further.

pub use gocoro_runtime::export::future::{
    BroadcastFuture, ChangedFuture, DeferredFuture, JoinFuture, RecvFuture, SendFuture, wait,
    wait_timeout,
};
