//! Coroutines as values: functions on stacks of their own that are resumed by hand, without a
//! runtime or within tasks.
//!
//! | type | who goes on after a suspension | for |
//! |---|---|---|
//! | [`Coroutine`] | whoever has resumed it | typed values in and out, step by step |
//! | [`iter::generate`] | whoever asks for the next item | what emits items from any depth, as an [`Iterator`] |
//! | [`Greenlet`] | whoever it names | functions that hand control to each other |
//!
//! ```
//! use gocoro::coroutine::{Coroutine, Step};
//!
//! // Words, from text that comes in pieces: the function stops wherever the text does.
//! let mut words = Coroutine::new(|text, mut piece: &'static str| {
//!     let mut word = String::new();
//!     loop {
//!         for letter in piece.chars() {
//!             match letter {
//!                 ' ' => println!("{}", std::mem::take(&mut word)),
//!                 '.' => return word,
//!                 letter => word.push(letter),
//!             }
//!         }
//!         piece = text.suspend(());
//!     }
//! });
//! assert_eq!(words.resume("to be or n")?, Step::Yielded(()));
//! assert_eq!(words.resume("ot to be.")?, Step::Returned("be".to_owned()));
//! # Ok::<(), gocoro::coroutine::ResumeError>(())
//! ```
//!
//! # What to know
//!
//! - A **task** runs by itself, and its scheduler resumes it. A **coroutine** runs only while its
//!   resumer waits for it, on the same thread. So nothing of it has to be `Send`, and what it
//!   shares with its resumer needs no lock.
//! - A coroutine's body may wait for whatever gocoro's operations wait for. In a task that suspends
//!   the task, with all coroutines that it runs; the coroutine is [`Running`](State::Running)
//!   meanwhile. On a plain thread it blocks the thread.
//! - A switch is a call, and does not give way to other tasks. A loop of nothing but switches calls
//!   [`task::yield_now`](crate::task::yield_now) now and then.
//! - A panic goes to the resumer. Dropping a suspended coroutine unwinds its body, so that
//!   destructors run; where panics abort they do not, and the stack leaks.
//! - A coroutine stays on its thread, and its stack comes from a pool of that thread, which goes
//!   when the thread ends. Stacks are guarded as tasks' are, and an overflow names the coroutine.
//! - A body is `'static`, for a coroutine can be leaked, and nothing would end what it borrowed.
//!   Hand borrowed data in through `Rc`s, or by moving it in and out.

pub use gocoro_runtime::export::coroutine::{
    Coroutine, Greenlet, ResumeError, State, Step, Suspender, SwitchError, iter,
};
