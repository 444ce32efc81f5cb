//! Catching at the root, and aborting where an unwind would leave others with freed memory.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `f` and catches its unwinding.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
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
