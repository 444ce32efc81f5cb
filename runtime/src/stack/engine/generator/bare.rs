//! Coroutines of which nothing is known but what `generator` says.

use ::generator::Gn;

use super::suspend::Own;
use super::{Coroutine, Generated};
use crate::limits::STACK_BYTES_MIN;
use crate::stack::{Job, whole};
#[cfg(gocoro_asan)]
use crate::stack::{page_top, sanitizer};

/// A coroutine outside any pool, guarded by `generator` alone, for this engine's own purposes.
pub(super) struct Bare(pub(super) Coroutine);

impl Bare {
    pub(super) fn new(body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        Bare::of(STACK_BYTES_MIN, body)
    }

    pub(super) fn of(bytes: usize, body: impl FnOnce(Own<'_>) + Send + 'static) -> Bare {
        let words = bytes / size_of::<usize>();
        let made = Gn::<Job>::new_scoped_opt(words, move |own| whole(|| body(own)));
        Bare(Coroutine::from_made(made))
    }

    pub(super) fn resume(&mut self) {
        assert!(!self.0.is_ended(), "a coroutine that has ended was resumed");
        #[cfg(gocoro_asan)]
        let usable = {
            let top = page_top(self.0.record());
            top - STACK_BYTES_MIN..top
        };
        // SAFETY: the coroutine is not running, for only this method resumes it, by `&mut self`;
        // and a `Bare` is not `Send`, so no other thread has resumed it.
        let resume = || unsafe { self.0.resume() };
        #[cfg(gocoro_asan)]
        return sanitizer::resume(usable, resume);
        #[cfg(not(gocoro_asan))]
        resume();
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        assert!(self.0.is_ended(), "a coroutine was dropped before its end");
        // SAFETY: `raw` came from `into_raw`, the coroutine has ended, and `self` is not used
        // again.
        drop(unsafe { Generated::from_raw(self.0.raw.as_ptr()) });
    }
}
