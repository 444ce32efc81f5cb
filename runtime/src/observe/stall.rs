//! Stalls: tasks that keep their worker from its other tasks for long, because they compute, or
//! block in a call that gocoro does not know of.
//!
//! A thread of the process's own looks at the workers of the runtimes that want it: whether they
//! sleep, and how many tasks each has picked and how many turns it has made so far, which are
//! numbers that a worker counts anyway. So nothing is paid where tasks run, and no worker reads a
//! clock for it. If both stay the same for the limit, the worker's thread is asked which task it
//! runs, and where, and the system what the thread does ([`busy`]).
//!
//! A loaded machine raises no false alarm: of a thread that computes its processor time counts, and
//! of one that blocks the time less that in which it could have run. Where the kernel does not say
//! how long these are, all time counts.
//!
//! While a worker is awake there are four looks in the time of the limit. While all sleep, looks
//! become rarer, down to one a second: so the first stall after a quiet time is noticed up to a
//! second later.
//!
//! # Open
//!
//! - *While names are looked up* for a report's backtrace nobody looks at the workers: some
//!   milliseconds, and without optimisation a second or two the first time.
//! - *A `LocalRuntime`* is not watched: its thread may do other things for as long as it likes.
//! - *Systems other than Linux*: no stall is reported.

use std::collections::HashSet;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::busy::{self, Answer, Doing, Spent, Stand, Thread};
use crate::census::Internal;
use crate::clock;
use crate::limits::STALL_MIN;
use crate::scheduler::{Beat, Seat, Shared};

/// The longest pause between two looks, while all workers sleep.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// How often a thread is asked which task it runs before it is reported without that. One that gets
/// no processor answers late.
const ASKED_MAX: u8 = 10;

/// How many looks there are in the time of the limit.
const LOOKS: u32 = 4;

/// The stack of the thread. Without optimisation a walk takes some 50 KiB of it.
const STACK_BYTES: usize = 256 * 1024;

/// What is to be watched from now on.
static NEW: Mutex<New> = Mutex::new(New { watched: Vec::new(), watcher: None });

struct New {
    watched: Vec<Watched>,
    /// The thread that watches. `None`: nothing is watched.
    watcher: Option<std::thread::Thread>,
}

fn new() -> MutexGuard<'static, New> {
    NEW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime whose tasks are to run no longer than this without a wait.
struct Watched {
    shared: Weak<Shared>,
    limit: Duration,
    /// By worker.
    seen: Vec<Option<Seen>>,
}

/// A worker that was awake at the last look.
#[derive(Clone, Copy)]
struct Seen {
    at: Stand,
    /// When it was first seen there for the second time, and what its thread had spent.
    begun: Option<(Instant, Option<Spent>)>,
    /// How often its thread was asked what it runs.
    asked: u8,
    is_reported: bool,
}

/// Reports tasks of this runtime that run for longer than `limit` without a wait. Does nothing on
/// systems other than Linux, and if no thread can be had.
pub(crate) fn watch(shared: &Arc<Shared>, limit: Duration) {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return;
    }
    let limit = limit.max(STALL_MIN);
    let seen = vec![None; shared.seats.len()];
    let mut new = new();
    new.watched.push(Watched { shared: Arc::downgrade(shared), limit, seen });
    if let Some(watcher) = &new.watcher {
        return watcher.unpark();
    }
    let watcher = std::thread::Builder::new().name("gocoro-watch".into()).stack_size(STACK_BYTES);
    if let Ok(thread) = watcher.spawn(run) {
        new.watcher = Some(thread.thread().clone());
    }
}

/// Looks until nothing is left to be watched.
#[expect(clippy::disallowed_methods, reason = "this is a thread of its own")]
fn run() {
    // This thread wakes no task.
    let _internal = Internal::new();
    let mut watched = Vec::new();
    let mut reported = Reported::default();
    let mut pause = Duration::ZERO;
    loop {
        {
            let mut new = new();
            watched.append(&mut new.watched);
            watched.retain(|watched: &Watched| watched.shared.strong_count() > 0);
            if watched.is_empty() {
                new.watcher = None;
                return;
            }
        }
        let mut is_awake = false;
        for watched in &mut watched {
            is_awake |= watched.look(&mut reported);
        }
        let limit = watched.iter().map(|watched| watched.limit).min().unwrap_or(LOOK_MAX);
        pause = if is_awake { limit / LOOKS } else { pause * 2 };
        std::thread::park_timeout(pause.clamp(limit / LOOKS, LOOK_MAX.max(limit / LOOKS)));
    }
}

impl Watched {
    /// Whether a worker is awake.
    fn look(&mut self, reported: &mut Reported) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let mut is_awake = false;
        for (index, (seat, seen)) in shared.seats.iter().zip(&mut self.seen).enumerate() {
            let Some((at, beat)) = Stand::of(seat) else {
                *seen = None;
                continue;
            };
            is_awake = true;
            let seen = match seen {
                Some(seen) if seen.at == at => seen,
                _ => {
                    *seen = Some(Seen { at, begun: None, asked: 0, is_reported: false });
                    continue;
                }
            };
            if seen.is_reported {
                continue;
            }
            // In this order: the kernel counts a time without a processor when it is over, and so
            // what a thread that blocks has waited before is counted after that.
            let thread = Thread(beat.thread);
            let (now, doing, spent) = (clock::now(), thread.doing(), thread.spent());
            let (begun, spent_then) = *seen.begun.get_or_insert((now, spent));
            let all = now.saturating_duration_since(begun);
            let busy = match (spent.zip(spent_then), &doing) {
                (None, _) => all,
                (Some((now, then)), Doing::Computes | Doing::Unknown) => now.since(then).computing,
                (Some((now, then)), _) => all.saturating_sub(now.since(then).without_processor),
            };
            if busy >= self.limit {
                seen.asked += 1;
                let may_be_nameless = seen.asked == ASKED_MAX;
                let stall = Stall { shared: &shared, index, seat, at, beat, busy, doing };
                seen.is_reported = stall.report(reported, may_be_nameless);
            }
        }
        is_awake
    }
}

/// What was reported: where the tasks were spawned, or else what was said.
#[derive(Default)]
struct Reported {
    sites: HashSet<String>,
    is_advised: bool,
}

/// A worker that has run one task for so long.
struct Stall<'a> {
    shared: &'a Shared,
    index: usize,
    seat: &'a Seat,
    at: Stand,
    beat: Beat,
    busy: Duration,
    doing: Doing,
}

impl Stall<'_> {
    /// Reports the stall, and whether that is all that is to be done about it. A thread that gives
    /// no answer in time is asked again, unless a report may be nameless.
    fn report(self, reported: &mut Reported, may_be_nameless: bool) -> bool {
        let thread = Thread(self.beat.thread);
        let answer = busy::ask(&self.beat, true);
        let goes_on = Stand::of(self.seat).is_none_or(|(now, _)| now != self.at);
        match answer {
            _ if goes_on => return true,
            Answer::Nothing => return true,
            Answer::Silent if !may_be_nameless && thread.is_kept(&self.doing) => return false,
            _ => {}
        }
        let what = self.doing.in_words();
        let (who, site, calls) = match answer {
            Answer::Task(sample) => {
                let site = sample.who.spawned_at.to_string();
                let who = match &sample.who.name {
                    Some(name) => format!("task '{name}'"),
                    None => format!("task {}", sample.who.id),
                };
                let calls = sample.backtrace();
                (format!("{who} (spawned at {site})"), site, calls)
            }
            _ => ("a task".to_owned(), format!("{} {what}", self.index), None),
        };
        if !reported.sites.insert(site) {
            return true;
        }
        let (index, runtime, millis) = (self.index, self.shared.id, self.busy.as_millis());
        // The names of a backtrace may take a while to be found, and the process may end before. So
        // the headline is said first.
        say(&format!(
            "gocoro: stall: {who} has kept worker {index} of runtime {runtime} to itself for {millis} \
             ms; it {what}\n"
        ));
        let calls = calls.map(|calls| calls.to_string()).unwrap_or_default();
        let mut text: String = calls.lines().map(|line| format!("      {line}\n")).collect();
        if !mem::replace(&mut reported.is_advised, true) {
            text += ADVICE;
        }
        say(&text);
        true
    }
}

fn say(text: &str) {
    // `eprint` is not used, since it panics when stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What can be done, said once.
const ADVICE: &str = "gocoro: calls that block belong in blocking::unblock, long computations let \
                      others run by task::yield_now; each place that spawns is reported once\n";
