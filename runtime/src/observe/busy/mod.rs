//! What keeps a worker busy: who asks for stalls, and for workers that do not answer a dump, asks
//! here.
//!
//! The worker's thread is asked by a signal which task it runs, and where ([`sys`]). The system
//! says whether the thread computes or blocks, and in which call ([`thread`]).
//!
//! # What a signal changes
//!
//! The handler of the signal was set with `SA_RESTART`, so most calls go on. Those that the kernel
//! may end even so are not disturbed: `poll` and its like, writes, of which a part may be done, all
//! on sockets, which may have timeouts, and waits for a futex with a timeout. Who blocks in one of
//! them stays without a name and a backtrace, as does a thread that blocks all signals. A sleep
//! goes on as well, if it is std's; one of C's returns early, once for each question. What a thread
//! does is looked at right before it is asked: only one that begins such a call in the few
//! microseconds between the two still sees the signal.
//!
//! # Open
//!
//! - *A coroutine of another library* that the task runs has a stack of which gocoro does not know:
//!   code on it is shown without calls, and where it has resumed a coroutine of gocoro's, what
//!   follows is missing: with `generator` its own frames, else those of the task as well.
//! - *Systems other than Linux*: nobody can be asked.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod calls;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod elsewhere;
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code)]
mod sys;
mod thread;

use super::backtrace::{Copied, TaskBacktrace, can_trace, trace_copies};
use super::identity::Identity;
use crate::clock::Coarse;
use crate::scheduler::{Beat, Seat};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use self::elsewhere::{calls, sys};

pub(super) use self::sys::own_thread;
pub(super) use self::thread::{Doing, Spent, Thread};

/// How far a worker has come. It stays the same while a task runs: what a worker picks, and finds
/// that it must not run yet, is no pick, so one that has nothing to run is told by its turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stand {
    picked: u64,
    turns: u64,
}

impl Stand {
    /// `None`: the worker sleeps, or has not begun, or is gone.
    pub(super) fn of(seat: &Seat) -> Option<(Stand, Beat)> {
        let turns = seat.counters.turns.get();
        let beat = seat.pulse.beat()?;
        let is_asleep = seat.counters.asleep_since.get() != 0;
        (!is_asleep).then_some((Stand { picked: beat.picked, turns }, beat))
    }
}

/// What a thread has answered.
pub(super) enum Answer {
    Task(Box<Sample>),
    /// The worker runs no task.
    Nothing,
    /// The thread does not answer, or must not be asked.
    Silent,
}

/// The task that a worker runs.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) who: Identity,
    /// When the worker's turn began in which the task runs.
    pub(super) since: Coarse,
    /// Copies of its stacks, innermost first. None: they were not wanted, or cannot be had.
    stacks: Vec<Copied>,
    /// Whether there are more stacks than were copied.
    is_cut: bool,
}

impl Sample {
    /// By which calls the task came where it is. `None`: that is not known.
    pub(super) fn backtrace(&self) -> Option<TaskBacktrace> {
        trace_copies(&self.stacks, self.is_cut)
    }

    /// Forgets the copies of the stacks.
    pub(super) fn forget_stacks(&mut self) {
        self.stacks = Vec::new();
    }
}

/// Asks a worker's thread what the worker runs, with copies of the stacks for a backtrace if
/// `traces`. Blocks the thread.
pub(super) fn ask(worker: &Beat, traces: bool) -> Answer {
    let thread = Thread(worker.thread);
    let copies = traces && can_trace();
    // What it does may have changed since somebody looked.
    match thread.is_kept(&thread.doing()) {
        true => sys::ask(thread, worker.mark, copies),
        false => Answer::Silent,
    }
}
