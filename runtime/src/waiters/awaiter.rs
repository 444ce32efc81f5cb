//! A task or a plain thread that polls a future, and waits for a call of its waker.
//!
//! # The protocol
//!
//! A task has one place for the calls of its wakers, and so has a plain thread: the *call*, which
//! is a flag. Who sets and clears it:
//!
//! 1. Right before a poll, whoever polls clears the call.
//! 2. Every waker of the task or thread sets the call, from whatever thread, and then wakes the
//!    task or thread if it waits for the call. A waker on a thread that is not the task's worker
//!    leaves a request in the task's word. The owner makes that the flag when it drains its inbox,
//!    between two tasks, as it does with every request.
//! 3. After a poll that was not ready, the call is looked at before each park, and ends the wait.
//! 4. When an `Awaiter` goes that has cleared a call, it sets the call again.
//!
//! Why the call is not lost: what a waker's caller has done before is seen by the poll that follows
//! the clearing of its call. On a task both are on the owner's thread, after the drain. On a thread
//! the clearing is a read-modify-write. A call that comes after the clearing stays, and point 3
//! finds it. Between that look and the switch of a task nothing runs on its thread, and a request
//! by another thread waits in the inbox until then. A thread's parker keeps its token.
//!
//! Why a bare wake is not enough: a poll may itself wait, for a lock, a sleep, or another future.
//! That wait takes wakes for its own, looks at its own record, and waits on. So it uses up the wake
//! of a waker. The call is seen by waits for the call alone. A wait for another future inside of a
//! poll may clear a call for the outer one, which has the same waker. That is what point 4 is for:
//! the outer future is polled once more, for nothing if the call was for the inner one.
//!
//! A waker holds a counted reference to its task, or to the thread's parker, so it may be called
//! after the wait, the task, and the thread have ended. It then changes nothing that anybody waits
//! for. A call that comes after its future's end is found by the next wait for the call, which
//! polls once more than it had to.

use std::cell::Cell;
use std::mem::{ManuallyDrop, offset_of};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::current;
use crate::park::{self, Left, Woken};
use crate::parker::Parker;
use crate::task::{Described, Flags, Header, Legible, Plain, Reason, Target, Words};
use crate::wake;

/// The running task, or this plain thread, while it polls a future.
pub(crate) struct Awaiter {
    who: Who,
    /// A task's waker owns no reference, and is not dropped.
    waker: ManuallyDrop<Waker>,
    /// Whether a call was cleared, which may have been for a future around this one.
    cleared: Cell<bool>,
}

enum Who {
    Task(&'static Header),
    Thread(Arc<Parker>),
}

impl Awaiter {
    /// For the running task, or this plain thread. The answer stays in the frame that asks.
    #[inline]
    pub(crate) fn here() -> Awaiter {
        match current::task() {
            Some((_, task)) => {
                // SAFETY: the worker holds a reference to the task that it runs, and the answer
                // does not outlive the frame, which is the task's: where that is on another stack,
                // a boundary is open around it, inside of which no coroutine of gocoro's suspends
                // and no task ends.
                let waker = unsafe { wake::lend_waker(task) };
                Awaiter { who: Who::Task(task), waker, cleared: Cell::new(false) }
            }
            None => Awaiter::of_thread(current::parker()),
        }
    }

    /// For the plain thread that waits by this parker.
    pub(crate) fn of_thread(parker: Arc<Parker>) -> Awaiter {
        let waker = ManuallyDrop::new(Waker::from(parker.clone()));
        Awaiter { who: Who::Thread(parker), waker, cleared: Cell::new(false) }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Clears the call, before a poll.
    #[inline]
    pub(crate) fn begin(&self) {
        let called = match &self.who {
            Who::Task(task) => {
                let called = task.has(Flags::POLL);
                task.clear(Flags::POLL);
                called
            }
            Who::Thread(parker) => parker.take_call(),
        };
        if called {
            self.cleared.set(true);
        }
    }

    /// Whether a waker was called since the last poll began.
    #[inline]
    pub(crate) fn is_called(&self) -> bool {
        match &self.who {
            Who::Task(task) => task.has(Flags::POLL),
            Who::Thread(parker) => parker.is_called(),
        }
    }

    /// Waits until a waker is called. `future` names what is polled. `false`: the deadline came
    /// first.
    #[inline]
    pub(crate) fn wait(&self, future: &'static str, deadline: Option<Instant>) -> bool {
        // The target is made once, for where thread-locals are being destroyed each wait would get
        // a parker of its own.
        let target = match &self.who {
            Who::Task(task) => Target::Task(*task),
            Who::Thread(parker) => Target::Thread(parker.clone()),
        };
        let polled = Polled(future);
        while !self.is_called() {
            let wanted = Reason::Future.on(&polled);
            if park::park(&target, wanted, deadline, || Left::Withdrawn) == Woken::TimedOut {
                return false;
            }
        }
        true
    }
}

/// What is polled, as what a task waits for.
struct Polled(&'static str);

impl Legible for Polled {
    const PLAIN: Plain = Plain::of("future").name(offset_of!(Polled, 0));
}

impl Described for Polled {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.say(format_args!("future {}", self.0));
    }
}

impl Drop for Awaiter {
    fn drop(&mut self) {
        let cleared = self.cleared.get();
        match &self.who {
            Who::Task(task) if cleared => task.set(Flags::POLL),
            Who::Task(_) => {}
            Who::Thread(parker) => {
                if cleared {
                    parker.call();
                }
                // SAFETY: the waker is not used again, and is dropped here only.
                unsafe { ManuallyDrop::drop(&mut self.waker) };
            }
        }
    }
}
