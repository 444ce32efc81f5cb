//! What a task's panic leads to, besides its report and its joiner's error.

use std::io::{self, Write};
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Once};

use super::default_runtime::default_if_any;
use super::{Shared, Worker, current_worker};
use crate::task::{End, Family, Header, TaskScope};
use crate::unwind::{self, Payload};

/// What a program does when a panic is lost: when it is dropped and nobody was given it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum OnPanic {
    /// The panic is reported as any panic is, and nothing more is done.
    #[default]
    Report,
    Abort,
    /// The runtime is closed, and the program fails.
    Cancel,
}

impl Shared {
    /// Does what the program wants done when a panic is lost.
    fn panic_lost(self: &Arc<Self>) {
        match self.on_panic {
            OnPanic::Report => {}
            OnPanic::Abort => {
                // This is said once. Tasks of other workers that panic meanwhile wait here for the
                // process's end.
                static ABORTS: Once = Once::new();
                ABORTS.call_once(|| {
                    // `eprintln` is not used, since it panics when stderr is closed.
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

    /// Whether a lost panic has ended the runtime.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Acquire)
    }
}

/// Drops a panic that nobody was given, and does what the program wants done then. The runtime that
/// runs this is told, and so is the default one, `#[go_main]`'s: its options say what the program
/// wants, whichever runtime the task belonged to.
#[cold]
pub(crate) fn lose(panic: Payload) {
    unwind::drop_quietly(panic);
    let here = current_worker().map(Worker::shared);
    here.into_iter().chain(default_if_any()).for_each(Shared::panic_lost);
}

/// Drops an end that nobody can take. Either the task or whoever gives up its handle does that: a
/// race decides, so both come here.
pub(crate) fn drop_unclaimed<T>(end: End<T>) {
    match end {
        End::Panicked(panic) => lose(*panic),
        end => unwind::drop_quietly(end),
    }
}

/// The family of a task that belongs to no scope and no group.
pub(crate) struct NoFamily;

impl Family for NoFamily {
    const IS_TOLD: bool = false;

    fn unclaimed<T>(&self, _: &Header, end: End<T>) {
        drop_unclaimed(end);
    }

    fn ended(&self) {}

    fn scope(&self) -> Option<TaskScope> {
        None
    }
}
