//! `std::thread` to the letter, whose threads are tasks: for code that was written for threads.
//!
//! These are thin types around what the modules `spawn`, `join` and `scope` do. What differs from
//! those is what std promises: a spawned task ends with the program, its stack is as large as a
//! thread's, a scope's children are not cancelled, and a join gives the panic's payload.

mod builder;
mod handle;
mod id;
mod local;
mod scoped;

use std::panic::Location;
use std::time::Duration;

use crate::spawn;

pub use builder::Builder;
pub use handle::JoinHandle;
pub use id::{Thread, ThreadId};
pub use local::LocalKey;
pub use scoped::{Scope, ScopedJoinHandle, scope};

pub use crate::spawn::{park, park_timeout, yield_now};
pub use crate::task_local::AccessError;
pub use crate::time::sleep;
pub use std::thread::{Result, available_parallelism, panicking};

/// Spawns a task and returns the right to its result. As [`std::thread::spawn`].
///
/// The task has a stack of 2 MiB, of which memory takes what is touched: see
/// [`Builder::stack_size`]. It ends with the program, which does not wait for it, as the program
/// does not wait for std's threads: a `main` under `#[go_main]` that returns has it cancelled.
/// [`task::spawn`](crate::spawn::spawn) and `go!` spawn what the program waits for.
///
/// # Parks
///
/// Never: tasks may be spawned with a lock of std's in hand.
///
/// # Panics
///
/// If the default runtime cannot start, or if `RUST_MIN_STACK` asks for a stack that cannot be. If
/// there is no memory for the stack, that shows when the task would start: the error of
/// [`JoinHandle::join`] says so.
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let handle = thread::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T,
    F: Send + 'static,
    T: Send + 'static,
{
    let spawned = Builder::new().spawn_at(f, Location::caller());
    spawned.expect("failed to spawn thread")
}

/// A handle to the task that calls this, or to the plain thread that does. As
/// [`std::thread::current`].
///
/// # Panics
///
/// On a plain thread, if its thread-locals have been destroyed, as std's does.
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let handle = thread::Builder::new().name("reader".into()).spawn(|| {
///     assert_eq!(thread::current().name(), Some("reader"));
/// });
/// handle.unwrap().join().unwrap();
/// ```
#[must_use]
pub fn current() -> Thread {
    match spawn::running() {
        Some(task) => Thread::of_task(task),
        None => Thread::of_thread(std::thread::current()),
    }
}

/// Waits for so many milliseconds. As [`std::thread::sleep_ms`].
///
/// # Parks
///
/// As [`sleep`].
#[deprecated(note = "replaced by `gocoro::thread::sleep`")]
pub fn sleep_ms(ms: u32) {
    sleep(Duration::from_millis(ms.into()));
}

/// Waits for the token, but not longer than so many milliseconds. As
/// [`std::thread::park_timeout_ms`].
///
/// # Parks
///
/// As [`park_timeout`].
#[deprecated(note = "replaced by `gocoro::thread::park_timeout`")]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(ms.into()));
}
