//! Deadlocks: all that the program has waits, and nothing is left that could wake any of it.
//!
//! # When there is one
//!
//! All of these hold at one moment:
//!
//! - No worker of any runtime has a task to run or to start, a timer, or a message to act on.
//! - No task waits for the kernel, the blocking pool, a signal, or a future, which may have an
//!   event made of any of these. A descriptor that is registered and that nobody waits for counts
//!   for nothing.
//! - The pool has no job.
//! - Each thread of the process is a worker that sleeps, an idle thread of the pool, one of
//!   gocoro's own that nobody counts on ([`Internal`]), or a plain thread that waits in a gocoro
//!   operation, without a deadline, for a token that has not come. Any other thread may hold a
//!   sender, or a handle to unpark by, so the search is silent while there is one.
//! - A task that is no daemon waits.
//!
//! # How it is found
//!
//! A worker that has slept for 200 ms without a timer and without an event begins the search. If
//! nothing happens after that, it begins another one after 400 ms, then after 800 ms, and so on: a
//! thread that gocoro does not know of, and that was the last hope, may have ended meanwhile
//! without waking anybody. So the search costs nothing where tasks run, park and wake, an idle
//! program wakes once an hour for it, and a deadlock is found at the latest when the program has
//! stood still for twice as long as it had before. First of all, the system is asked for the number
//! of threads, which ends most searches.
//!
//! If the threads may all be known, two waves of messages go to all workers, by the mailboxes, each
//! worker's to its own thread. A worker answers between two tasks, after it has acted on what was
//! in its mailbox: whether it is still, and how often it has resumed a task so far. The last to
//! answer the first wave sends the second one, and the last to answer that one decides. No thread
//! waits for an answer. A worker that is busy answers late or, at its end, never, and the search
//! comes to nothing.
//!
//! Why two waves: a worker that is still may be woken after its answer, by one that has yet to
//! answer and is still by then. If both waves find all workers still, and none has resumed a task
//! between its two answers, then all of them were still at the end of the first wave. What a task
//! or thread has sent to a worker before that, the worker has acted on before its second answer.
//! Between the waves no thread is there that is not known. Plain threads are counted before the
//! first wave and after the second: the counts tell whether one of them has run meanwhile. So a
//! report is never wrong, and nothing that happens later can undo what it says.
//!
//! The report is made by a thread of its own, from a [`dump`](super::dump()): nothing changes any
//! more.
//!
//! # Cycles
//!
//! Tasks that wait for each other by locks, initialisations and joins are found when the last of
//! them begins to wait, whatever the rest of the program does: see [`cycle`] and [`confirm`].
//!
//! # Open
//!
//! - *Part of a program* that has stopped for want of a message, a permit or an event, while the
//!   rest runs on: nobody knows who might bring it.
//! - *A thread on which one worker drives another*, a `LocalRuntime` in a task: the outer one does
//!   not answer. The search is silent.
//! - *A worker looks at all its tasks in one go*, in each of the two waves. It has nothing else to
//!   do then, and stops at the first that waits for something outside.

mod confirm;
mod report;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::census::{self, Census, Internal};
use crate::current;
use crate::cycle;
use crate::recorder;
use crate::scheduler::{self, Searches, Worker};
use crate::task::Run;
use crate::task::mailbox::{Mailbox, Message};
use crate::thread_pool;

pub(super) use self::report::stuck;
#[cfg(feature = "inspect")]
pub(super) use self::report::{cycles, may_be_stuck};

/// What a runtime does when the program is deadlocked: when all that it has waits, and nothing is
/// left that could wake any of it.
///
/// Two kinds of deadlocks are searched for, by the runtimes that want to know:
///
/// - *Tasks that wait for each other*, by locks of which a task is the only holder, by
///   initialisations of a `Once` and what is made of one, and by joins. Such a cycle is reported
///   some hundredths of a second after it has closed, though the rest of the program goes on. A
///   wait with a deadline or inside a timeout is in none.
/// - *A program all of which waits.* As long as something from outside may end a wait, there is no
///   such deadlock: a task that waits for the time, a socket, a signal, a child process, a future
///   or a call on the blocking pool, or a thread that gocoro does not know of, which may hold a
///   sender. On systems other than Linux and Android it is not found.
///
/// Each deadlock that is reported is one, unless a cancel ends one of the waits, or somebody
/// unlocks to whom the holder has lent a guard. Not found are tasks that wait in vain for messages,
/// permits or events while others go on, and cycles that lead through the children of a scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OnDeadlock {
    /// Deadlocks are not searched for.
    #[default]
    Off,
    /// Each cycle, and the first deadlock of all the process, is reported on standard error.
    Report,
    /// As [`OnDeadlock::Report`], and then the process aborts.
    Abort,
}

impl OnDeadlock {
    /// How deadlocks are searched for.
    pub(crate) fn searches(self) -> Option<Searches> {
        if self != OnDeadlock::Off {
            cycle::want();
        }
        match self {
            OnDeadlock::Off => None,
            OnDeadlock::Report => Some(Searches {
                when_still: |_| Search::begin(false),
                when_cyclic: |task| confirm::suspect(task, false),
            }),
            OnDeadlock::Abort => Some(Searches {
                when_still: |_| Search::begin(true),
                when_cyclic: |task| confirm::suspect(task, true),
            }),
        }
    }
}

/// Whether a deadlock has been reported.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// A search that is under way.
struct Search {
    /// Whether the process aborts if it is deadlocked.
    aborts: bool,
    /// The plain threads as they were before the first wave.
    threads: Census,
    state: Mutex<State>,
}

/// What the workers have answered.
#[derive(Clone, Copy, Default)]
struct State {
    first: Wave,
    second: Wave,
}

#[derive(Clone, Copy, Default)]
struct Wave {
    /// How many workers were asked, once they all are.
    asked: Option<usize>,
    /// The workers that have answered that they are still.
    still: usize,
    /// How often these have resumed a task.
    resumed: u64,
    /// How many tasks of these workers are no daemons.
    waiting: usize,
}

#[derive(Clone, Copy)]
enum Round {
    First,
    Second,
}

impl State {
    fn wave(&mut self, round: Round) -> &mut Wave {
        match round {
            Round::First => &mut self.first,
            Round::Second => &mut self.second,
        }
    }
}

impl Search {
    /// By a worker that has slept for long.
    fn begin(aborts: bool) {
        if REPORTED.load(Ordering::Relaxed) {
            return;
        }
        let threads = census::census();
        let runtimes = scheduler::all_runtimes();
        let workers = runtimes.iter().map(|shared| shared.seats.len()).sum();
        if !is_all(threads, workers) {
            return;
        }
        let search = Search { aborts, threads, state: Mutex::default() };
        Arc::new(search).ask(Round::First);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a wave.
    fn ask(self: Arc<Self>, round: Round) {
        let (asked, flooded) =
            Mailbox::send_to_all(|_| Some(Box::new(Ask { search: self.clone(), round })));
        if flooded > 0 {
            return;
        }
        self.note(round, |wave| wave.asked = Some(asked));
    }

    /// Writes down what `note` does, and goes on if all have answered then, and all were still. So
    /// only the last to write of a wave goes on.
    fn note(self: &Arc<Self>, round: Round, note: impl FnOnce(&mut Wave)) {
        let mut state = self.state();
        note(state.wave(round));
        let (wave, first) = (*state.wave(round), state.first);
        drop(state);
        if wave.asked != Some(wave.still) {
            return;
        }
        match round {
            // How many threads the workers have is known only now, since a worker may have ended,
            // or never have begun to turn.
            Round::First if is_all(self.threads, wave.still) => self.clone().ask(Round::Second),
            Round::First => {}
            Round::Second => {
                let same = (first.still, first.resumed) == (wave.still, wave.resumed);
                let is_deadlock = same
                    && wave.waiting > 0
                    && census::census() == self.threads
                    && is_all(self.threads, wave.still);
                if is_deadlock {
                    tell(self.aborts);
                }
            }
        }
    }
}

/// Whether so many workers, the blocking pool's idle threads and these are all threads that there
/// are.
fn is_all(threads: Census, workers: usize) -> bool {
    let (pool, queued) = thread_pool::counts();
    let known = workers + pool.idle + threads.still + threads.internal;
    queued == 0 && census::threads().is_some_and(|all| all <= known)
}

/// Asks a worker whether it is still.
struct Ask {
    search: Arc<Search>,
    round: Round,
}

impl Message for Ask {
    fn deliver(self: Box<Self>) {
        let worker = scheduler::current_worker().expect("a worker has got this message");
        // A wake that was sent before this message may have come after the worker has looked into
        // its mailbox, and before it took this out. Then the worker looks once more.
        let mailbox = worker.core().mailbox;
        if !mailbox.is_empty() {
            return mailbox.send(self);
        }
        let Some(waiting) = waiting(worker) else { return };
        let resumed = worker.core().picked.get();
        self.search.note(self.round, |wave| {
            wave.still += 1;
            wave.resumed += resumed;
            wave.waiting += waiting;
        });
    }
}

/// How many of this worker's tasks wait that are no daemons. `None`: the worker is not still, or
/// one of its tasks may be woken from outside.
fn waiting(worker: &Worker) -> Option<usize> {
    // Where this worker runs inside another one's task, the other one does not answer.
    let core = worker.core();
    if !worker.is_still() || current::cores().count() > 1 {
        return None;
    }
    let mut waiting = 0;
    for task in core.live() {
        if task.run.get() != Run::Parked || task.reason.get().is_from_outside() {
            return None;
        }
        waiting += usize::from(!task.kind.daemon);
    }
    Some(waiting)
}

/// Reports the deadlock, once in the process.
fn tell(aborts: bool) {
    if REPORTED.swap(true, Ordering::Relaxed) {
        return;
    }
    // A worker must not wait for the others' answers, nor for whoever reads standard error.
    let report = move || {
        let _internal = Internal::new();
        report::write(aborts);
        recorder::write_file_in_time();
        report::end(aborts);
    };
    if thread::Builder::new().name("gocoro-deadlock".into()).spawn(report).is_err() {
        report::write_short(aborts);
        report::end(aborts);
    }
}
