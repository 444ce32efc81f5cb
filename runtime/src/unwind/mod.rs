//! Unwinding: catching it, telling whose it is, and aborting where it would leave others with freed
//! memory.
//!
//! The runtime asks two questions. *Is this task unwinding?* `thread::panicking()` answers, for the
//! thread's count of panics leaves the thread with a task that waits while it unwinds ([`count`]).
//! *Did the runtime throw this unwinding?* A mark answers, which leaves with the count ([`throw`]).
//! [`Unwinding`] is count and mark, taken off their thread.

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

/// A panic's payload.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A thread's count of panics and its mark of a throw, taken off the thread: while the task that
/// unwinds waits, or while the thread is a worker's.
#[derive(Debug)]
#[must_use = "an unwinding that is not put back is lost"]
pub(crate) struct Unwinding {
    /// `None`: the thread's count could not be found, and still stands on the thread.
    counted: Option<(Count, Counted)>,
    mark: u64,
}

impl Unwinding {
    /// Takes this thread's unwinding off it. Without the thread's `count`, only the mark is taken.
    pub(crate) fn take(count: Option<Count>) -> Unwinding {
        let mark = throw::mark();
        throw::put_mark(0);
        Unwinding { counted: count.map(|count| (count, count.take())), mark }
    }

    /// Puts the unwinding back, on the thread that it was taken from.
    pub(crate) fn put_back(self) {
        throw::put_mark(self.mark);
        if let Some((count, counted)) = self.counted {
            count.put(counted);
        }
    }

    /// Puts an unwinding that was taken by [`Below::take_above`] upon what unwinds on the thread
    /// now.
    pub(crate) fn put_upon(self) {
        throw::put_mark(self.mark);
        if let Some((count, counted)) = self.counted {
            count.put_upon(counted);
        }
    }
}

/// What unwinds on a thread at some moment. Code that begins then may unwind too; what that adds is
/// its own.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Below {
    panics: usize,
    mark: u64,
}

impl Below {
    /// What unwinds on this thread now. `None`: something does, and the thread's count of panics
    /// cannot be found.
    #[inline]
    pub(crate) fn now() -> Option<Below> {
        if thread::panicking() { Below::of_panicking() } else { Some(Below::default()) }
    }

    #[cold]
    fn of_panicking() -> Option<Below> {
        Some(Below { panics: Count::find()?.get(), mark: throw::mark() })
    }

    /// Says again whose throw the unwinding is that was under way then, after code that may have
    /// put another mark.
    pub(crate) fn mark_again(self) {
        throw::put_mark(self.mark);
    }

    /// Whether an unwinding that began since is under way on this thread.
    #[cold]
    pub(crate) fn is_unwinding(self) -> bool {
        thread::panicking() && Count::find().is_none_or(|count| count.get() > self.panics)
    }

    /// Takes the unwinding off this thread that began since, if one did.
    ///
    /// # Errors
    ///
    /// If the thread unwinds, and its count of panics cannot be found.
    #[inline]
    pub(crate) fn take_above(self) -> Result<Option<Unwinding>, NotFound> {
        if thread::panicking() { self.take_panicking() } else { Ok(None) }
    }

    #[cold]
    fn take_panicking(self) -> Result<Option<Unwinding>, NotFound> {
        let count = Count::find().ok_or(NotFound)?;
        if count.get() <= self.panics {
            return Ok(None);
        }
        let mark = throw::mark();
        throw::put_mark(self.mark);
        Ok(Some(Unwinding { counted: Some((count, count.take_beyond(self.panics))), mark }))
    }
}

/// The thread's count of panics cannot be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotFound;

/// Runs `f` and catches its unwinding.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Runs a user's code. A backtrace that is printed short ends here, before the runtime's own
/// frames: std's printer, and that of the `backtrace` crate, stop at a function of this name.
#[inline(never)]
pub(crate) fn __rust_begin_short_backtrace<T>(f: impl FnOnce() -> T) -> T {
    let result = f();
    // Without this, the call of `f` could become a jump, and this frame would be in no backtrace.
    std::hint::black_box(());
    result
}

/// Returns a guard that runs `f` when it is dropped, also by an unwinding.
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

/// Runs `f` in the middle of an unwinding, as if a cancel had been thrown just before. So `f` may
/// wait, in a task that is cancelled, and its I/O, which fails where it would wait, does not hang.
/// Where panics abort, `f` is run as it is.
pub(crate) fn amid_cancel<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    if cfg!(panic = "abort") {
        return catch(f);
    }
    let mut result = None;
    let thrown = catch(|| {
        let _run = on_drop(|| result = Some(catch(f)));
        Throw::raise(Destination::Root);
    });
    drop(thrown);
    result.expect("the guard has run `f`")
}

/// Drops a value, and swallows a panic out of its destructor. The panic's payload is dropped in the
/// same way.
pub(crate) fn drop_quietly<T>(value: T) {
    let mut caught = catch(|| drop(value));
    // A payload's destructor may panic too, each time with a new payload. After a few the payload
    // is leaked, so that this ends.
    for _ in 0..4 {
        match caught {
            Ok(()) => return,
            Err(payload) => caught = catch(|| drop(payload)),
        }
    }
    std::mem::forget(caught);
}

/// Drops all of these values, also if destructors of some panic. The first panic goes on when all
/// values are dropped, unless this thread unwinds already, for then it would abort the process.
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

/// Runs a job, and swallows its panic: nobody but the panic hook hears of it.
pub(crate) fn run_quietly(job: impl FnOnce()) {
    if let Err(payload) = catch(job) {
        drop_quietly(payload);
    }
}

/// The message of a panic, or a text in its place.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a value that is not a string"
    }
}

/// Carries the constants that refuse to build a program whose panics abort. Each is evaluated only
/// by the functions that cannot do without unwinding. These are generic over `T`, so a program that
/// does not call them builds.
pub(crate) struct Unwinds<T>(PhantomData<T>);

/// Aborts the process when it is dropped. The text says what panicked.
///
/// It stands where a panic, which nobody expects, would free memory that other threads still read.
/// Code that gets through without a panic forgets it.
#[derive(Debug)]
pub(crate) struct AbortIfPanic(pub(crate) &'static str);

impl Drop for AbortIfPanic {
    fn drop(&mut self) {
        eprintln!("gocoro: {} panicked; this is a bug in gocoro; aborting", self.0);
        std::process::abort();
    }
}
