//! A call that the blocking pool makes for one who waits for it.
//!
//! | stage | who may change it, and to what |
//! |---|---|
//! | `Queued` | the pool, to `Running`; who waits, to `Over`: the closure was withdrawn |
//! | `Running` | the pool, to `Returned`; who waits, to `Over`, if the closure borrows nothing |
//! | `Returned` | who waits, to `Over` |
//! | `Over` | nobody |
//!
//! Each change is made under the stage's lock. Whoever waits does not leave before the stage is
//! `Over`, and takes closure or result along. So what the pool still holds of a call that is over
//! is neither.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::current;
use crate::lock::Lock;
use crate::park::{self, Left, Woken};
use crate::task::{Described, Legible, Plain, Reason, Target, Unparker, Words};
use crate::thread_pool::{self, Job};
use crate::unwind::{self, AbortIfPanic};

/// What becomes of a call that runs when the wait for it is to be cut short. One that is still
/// queued is withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cut {
    /// The call is waited for: it uses what the caller lends.
    Waits,
    /// The call is left to the pool, which drops its result.
    Detaches,
    /// As `Detaches`, of I/O as of a socket, for which a cancelled task that unwinds does not
    /// wait.
    Refuses,
}

enum Stage<F, T> {
    Queued(F),
    Running,
    Returned(thread::Result<T>),
    Over,
}

struct Errand<F, T> {
    stage: Lock<Stage<F, T>>,
    waiter: Unparker,
}

impl<F: FnOnce() -> T + Send, T: Send> Job for Errand<F, T> {
    fn run(&self) {
        let mut stage = self.stage.lock();
        let Stage::Queued(f) = mem::replace(&mut *stage, Stage::Running) else {
            *stage = Stage::Over;
            return;
        };
        drop(stage);
        let result = unwind::catch(f);
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Over) {
            drop(stage);
            unwind::drop_quietly(result);
            return;
        }
        *stage = Stage::Returned(result);
        drop(stage);
        self.waiter.unpark();
    }

    fn is_withdrawn(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Over)
    }
}

impl<F, T> Errand<F, T> {
    /// Takes the wait back, if the stage and `cut` permit. A closure that was withdrawn goes to
    /// `withdrawn`: its destructor is a user's, and may wait.
    fn leave(&self, cut: Cut, withdrawn: &Cell<Option<F>>) -> Left {
        let mut stage = self.stage.lock();
        match mem::replace(&mut *stage, Stage::Over) {
            Stage::Queued(f) => {
                drop(stage);
                withdrawn.set(Some(f));
                thread_pool::note_withdrawn();
                Left::Withdrawn
            }
            Stage::Running if cut != Cut::Waits => Left::Withdrawn,
            other => {
                *stage = other;
                Left::Ended
            }
        }
    }

    fn take_result(&self) -> Option<thread::Result<T>> {
        let mut stage = self.stage.lock();
        match mem::replace(&mut *stage, Stage::Over) {
            Stage::Returned(result) => Some(result),
            other => {
                *stage = other;
                None
            }
        }
    }

    fn is_running(&self) -> bool {
        matches!(*self.stage.lock(), Stage::Running)
    }

    /// `None`: the deadline has passed, or the wait is refused. Unwinds if a cancel or a timeout
    /// cuts the wait short.
    fn wait(
        &self,
        target: &Target,
        cut: Cut,
        mut deadline: Option<Instant>,
    ) -> Option<thread::Result<T>> {
        let withdrawn = Cell::new(None);
        loop {
            if let Some(result) = self.take_result() {
                return Some(result);
            }
            if cut == Cut::Refuses
                && park::refuses_io()
                && self.leave(cut, &withdrawn) == Left::Withdrawn
            {
                return None;
            }
            if cut == Cut::Waits && self.is_running() {
                // A deadline does not end a call that runs, and would end each park at once.
                deadline = None;
            }
            let leave = || self.leave(cut, &withdrawn);
            match park::park(target, Reason::Blocking.on(self), deadline, leave) {
                Woken::Perhaps => {}
                Woken::TimedOut | Woken::Refused => return None,
            }
        }
    }
}

/// Has the pool run `f`, and waits until it has returned. `None`: the deadline has passed, or the
/// wait is refused. Unwinds if a cancel or a timeout cuts the wait short.
///
/// `f` and its result may borrow if `cut` is [`Cut::Waits`].
///
/// # Safety
///
/// Unless `cut` is [`Cut::Waits`], neither `F` nor `T` borrows anything.
pub(super) unsafe fn run<F: FnOnce() -> T + Send, T: Send>(
    f: F,
    cut: Cut,
    deadline: Option<Instant>,
) -> Option<thread::Result<T>> {
    let target = park::target();
    // SAFETY: the target is this very task or thread, which goes on only after this call.
    let waiter = unsafe { target.unparker() };
    let errand = Arc::new(Errand { stage: Lock::new(Stage::Queued(f)), waiter });
    let job: Arc<dyn Job + '_> = errand.clone();
    // SAFETY: the two types differ in a lifetime alone. The pool touches the closure and the result
    // only in the stages `Queued`, `Running` and `Returned`.
    //
    // If they borrow, `wait` neither returns nor unwinds in these stages: it withdraws the closure,
    // or takes the result, or waits on. After that the pool has an `Errand` without either, which
    // it may drop at any time.
    let job = unsafe { mem::transmute::<Arc<dyn Job + '_>, Arc<dyn Job + 'static>>(job) };
    // An unwinding here would leave the job queued, and what it borrows freed.
    let abort = AbortIfPanic("queueing a blocking call");
    thread_pool::run(job, current::apart);
    mem::forget(abort);
    errand.wait(&target, cut, deadline)
}

impl<F, T> Legible for Errand<F, T> {
    const PLAIN: Plain = Plain::of("a call on the blocking pool");
}

impl<F, T> Described for Errand<F, T> {
    fn in_words(&self, reason: Reason, words: &mut Words) {
        let state = if self.is_running() { "runs" } else { "is queued" };
        let what = std::any::type_name::<F>();
        words.say(format_args!("{} that {state}: {what}", reason.plain()));
    }
}
