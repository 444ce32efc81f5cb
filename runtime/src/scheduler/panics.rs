//! What becomes of a task's panic, besides its report and its joiner.

use std::io::{self, Write};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Once};

use super::default_runtime::default_if_any;
use super::{Shared, Worker, current_worker};
use crate::task::{End, Family, Header};
use crate::unwind::{self, Payload};

/// What a program does when a panic is lost, which is dropped and nobody was given it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum OnPanic {
    /// No more than the report of any panic.
    #[default]
    Report,
    Abort,
    /// The runtime is closed, and the program fails.
    Cancel,
}

impl Shared {
    #[cold]
    pub(super) fn count_panic(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    /// A panic was lost.
    fn panic_lost(self: &Arc<Self>) {
        match self.on_panic {
            OnPanic::Report => {}
            OnPanic::Abort => {
                // Said once: tasks of other workers may panic meanwhile, and wait here for the end.
                static ABORTS: Once = Once::new();
                ABORTS.call_once(|| {
                    // Not `eprintln`, which panics when stderr is closed.
                    let _ = writeln!(
                        io::stderr(),
                        "gocoro: nobody joins that task, and on_panic is \"abort\"; aborting"
                    );
                    std::process::abort();
                });
            }
            OnPanic::Cancel => {
                self.failed.store(true, Release);
                self.close();
            }
        }
    }

    /// Whether a panic ended the runtime.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Acquire)
    }
}

/// Drops a panic that nobody was given, and does what the program wants done then: that is known to
/// the runtime of `#[go_main]`, whichever runtime the task was of.
#[cold]
pub(crate) fn lose(panic: Payload) {
    unwind::drop_quietly(panic);
    let here = current_worker().map(Worker::shared);
    here.into_iter().chain(default_if_any()).for_each(Shared::panic_lost);
}

/// Drops an end that nobody can take. Whether a task does that or whoever gives up its handle is
/// decided by a race.
pub(crate) fn drop_unclaimed<T>(end: End<T>) {
    match end {
        End::Panicked(panic) => lose(panic),
        end => unwind::drop_quietly(end),
    }
}

/// The family of tasks without one.
pub(crate) struct NoFamily;

impl Family for NoFamily {
    const IS_TOLD: bool = false;

    fn unclaimed<T>(&self, _: &Header, end: End<T>) {
        drop_unclaimed(end);
    }

    fn ended(&self) {}
}
