//! Unwinding: catching, whose it is, and aborting where it would leave others with freed memory.
//!
//! Two questions are asked of an unwinding. *Is this task unwinding?* `thread::panicking()` says,
//! whose count leaves the thread with a task that waits while it unwinds ([`count`]). *Was it
//! thrown by the runtime?* A mark says, which leaves with the count ([`throw`]). [`Unwinding`] is
//! what leaves.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

#[allow(unsafe_code)]
pub(crate) mod count;
mod throw;

pub(crate) use count::Count;
use count::Counted;
pub(crate) use throw::{Destination, Throw, is_throw, is_thrown, leads_to, not_thrown};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What says of a thread that it unwinds, taken off it: while the task that unwinds waits, or while
/// the thread is a worker's.
#[derive(Debug)]
#[must_use = "an unwinding that is not put back is lost"]
pub(crate) struct Unwinding {
    counted: Option<(Count, Counted)>,
    mark: u64,
}

impl Unwinding {
    /// Takes it off this thread; without the thread's count, only whether it was thrown.
    pub(crate) fn take(count: Option<Count>) -> Unwinding {
        let mark = throw::mark();
        throw::put_mark(0);
        Unwinding { counted: count.map(|count| (count, count.take())), mark }
    }

    /// Puts it back, on the same thread.
    pub(crate) fn put_back(self) {
        throw::put_mark(self.mark);
        if let Some((count, counted)) = self.counted {
            count.put(counted);
        }
    }
}

/// Runs `f` and catches its unwinding.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Runs a user's code: a backtrace that is printed short ends here, before the runtime's own
/// frames.
///
/// std's printer, and that of the `backtrace` crate, know the name; it is that of std's own
/// function for this.
#[inline(never)]
pub(crate) fn __rust_begin_short_backtrace<T>(f: impl FnOnce() -> T) -> T {
    let result = f();
    // Keeps the call above from becoming a jump, which would take this frame away.
    std::hint::black_box(());
    result
}

/// Runs `f` when the answer is dropped, at the latest by an unwinding.
pub(crate) fn on_drop(f: impl FnOnce()) -> impl Drop {
    struct OnDrop<F: FnOnce()>(Option<F>);
    impl<F: FnOnce()> Drop for OnDrop<F> {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    OnDrop(Some(f))
}

/// Drops a value, and swallows a panic out of its destructor; what that panic carries is dropped
/// the same way.
pub(crate) fn drop_quietly<T>(value: T) {
    let mut caught = catch(|| drop(value));
    // A payload's own destructor may panic too, with a new payload each time: after a few it is
    // leaked.
    for _ in 0..4 {
        match caught {
            Ok(()) => return,
            Err(payload) => caught = catch(|| drop(payload)),
        }
    }
    std::mem::forget(caught);
}

/// Drops values, each of them also if the destructors of others panic. The first panic goes on when
/// all are dropped, unless this thread unwinds already, where it would abort the process.
pub(crate) fn drop_each<T>(values: impl IntoIterator<Item = T>) {
    let mut first = None;
    for value in values {
        if let Err(payload) = catch(|| drop(value)) {
            if first.is_none() && !thread::panicking() {
                first = Some(payload);
            } else {
                drop_quietly(payload);
            }
        }
    }
    if let Some(payload) = first {
        panic::resume_unwind(payload);
    }
}

/// Runs a job whose panic has nowhere to go but the panic hook.
pub(crate) fn run_quietly(job: impl FnOnce()) {
    if let Err(payload) = catch(job) {
        drop_quietly(payload);
    }
}

/// The message of a panic, if it has one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a value that is not a string"
    }
}

/// Carries the constants that refuse a build whose panics abort: each is evaluated by those functions
/// alone that cannot do without unwinding, which are generic over `T`.
pub(crate) struct Unwinds<T>(PhantomData<T>);

/// Aborts the process, with the reason, if it is dropped by an unwind.
///
/// Stands where an unexpected panic would let other threads read what it frees; forgotten on the
/// good path.
#[derive(Debug)]
pub(crate) struct AbortIfPanic(pub(crate) &'static str);

impl Drop for AbortIfPanic {
    fn drop(&mut self) {
        eprintln!("gocoro: {} panicked; this is a bug in gocoro; aborting", self.0);
        std::process::abort();
    }
}
