//! Cycles of tasks that wait for each other, in a program that may go on without them.
//!
//! A task whose wait seems to close a cycle ([`cycle`]) says so here, and waits on. A thread of
//! its own looks at the cycle [`CYCLE_AGE`] later. Most are gone by then: locks were handed on
//! while the edges were read. If the edges still lead round, the thread asks all workers, twice, by
//! a dump.
//!
//! A dump is no picture of one moment. But if both show each task of a cycle in one and the same
//! wait, then all of them have waited all the time between the end of the first dump and the
//! beginning of the second, and none could do anything for another one. Two waits of a task are the
//! same if they have begun at the same time: the first dump counts only if the wait was older than
//! a tick of the clock that tells when it began, so a later wait has begun later by that clock.
//! Nothing but a cancel ends such a wait then, or an unlock by somebody to whom the guard was lent.
//! A wait that has a deadline ends by itself, and its cycle is not reported.
//!
//! A worker that does not answer may have a task of the cycle. So as long as the edges lead round
//! and the dumps do not show it, they are repeated after ever longer pauses.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::report::{self, Cycle, cycles};
use crate::census::Internal;
use crate::clock::{self, COARSE_TICK_MAX};
use crate::cycle;
use crate::limits::{CYCLE_AGE, DUMP_PATIENCE, STILL_MAX, SUSPECTS_MAX};
use crate::observe::dump::{Dump, dump_within};

/// What tasks have said since the thread looked last.
struct Said {
    /// The tasks, and whether the process aborts if there is a cycle with them.
    tasks: Vec<(u64, bool)>,
    /// Whether the thread is there.
    is_looked_after: bool,
}

static SAID: Mutex<Said> = Mutex::new(Said { tasks: Vec::new(), is_looked_after: false });

/// Notified when a task has said something.
static NEWS: Condvar = Condvar::new();

fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wait of this task, which runs, seems to close a cycle.
pub(super) fn suspect(task: u64, aborts: bool) {
    let mut said = said();
    if said.tasks.len() < SUSPECTS_MAX && !said.tasks.contains(&(task, aborts)) {
        said.tasks.push((task, aborts));
    }
    if said.is_looked_after {
        drop(said);
        return NEWS.notify_one();
    }
    said.is_looked_after = true;
    drop(said);
    let begun = thread::Builder::new().name("gocoro-deadlock".into()).spawn(|| {
        let _internal = Internal::new();
        look_after();
    });
    if begun.is_err() {
        // The next one who suspects tries again.
        self::said().is_looked_after = false;
    }
}

/// A task that may be in a cycle.
struct Suspect {
    task: u64,
    aborts: bool,
    /// When its cycle is looked at next, and how long after the last look that is.
    due: Instant,
    pause: Duration,
}

/// Looks at all cycles until there is none left that may be one.
fn look_after() {
    let mut suspects: Vec<Suspect> = Vec::new();
    loop {
        let now = clock::now();
        let mut said = said();
        for (task, aborts) in said.tasks.drain(..) {
            // A task that waits anew is looked at anew.
            suspects.retain(|suspect| suspect.task != task);
            suspects.push(Suspect { task, aborts, due: now + CYCLE_AGE, pause: CYCLE_AGE });
        }
        let Some(next) = suspects.iter().map(|suspect| suspect.due).min() else {
            said.is_looked_after = false;
            return;
        };
        if next > now {
            drop(NEWS.wait_timeout(said, next - now).unwrap_or_else(PoisonError::into_inner));
            continue;
        }
        drop(said);
        suspects.retain(|suspect| suspect.due > now || cycle::is_closed(suspect.task));
        if suspects.iter().any(|suspect| suspect.due <= now) {
            look(&mut suspects, now);
        }
    }
}

/// Asks the workers, reports what is certain of the suspects that are due, and keeps the others.
fn look(suspects: &mut Vec<Suspect>, now: Instant) {
    // Only the second one is shown.
    let dump = |traces| dump_within(DUMP_PATIENCE, traces);
    let (first, second) = (dump(false), dump(true));
    for cycle in lasting(&first, &second) {
        let concerns = |suspect: &Suspect| cycle.has(suspect.task);
        if suspects.iter().any(concerns) {
            let aborts = suspects.iter().any(|suspect| concerns(suspect) && suspect.aborts);
            report::write_cycle(&cycle, aborts);
            report::end(aborts);
            suspects.retain(|suspect| !concerns(suspect));
        }
    }
    for suspect in suspects.iter_mut().filter(|suspect| suspect.due <= now) {
        suspect.pause = (suspect.pause * 2).min(STILL_MAX);
        suspect.due = clock::now() + suspect.pause;
    }
}

/// The cycles of the second dump whose tasks waited as they do all the time since the first.
fn lasting<'a>(first: &Dump, second: &'a Dump) -> Vec<Cycle<'a>> {
    let mut cycles = cycles(second.tasks());
    cycles.retain(|cycle| {
        cycle.tasks().iter().all(|task| {
            let before = first.tasks().iter().find(|before| before.id() == task.id());
            before.is_some_and(|before| {
                before.waited() > Some(COARSE_TICK_MAX)
                    && before.waits_as(task)
                    && task.time_left().is_none()
            })
        })
    });
    cycles
}
