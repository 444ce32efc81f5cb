//! The dump that all who ask share for a while, and what is kept from one to the next.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::history::History;
use crate::clock;
use crate::observe::dump::{Dump, dump_for_page, dump_one};
use crate::scheduler::all_runtimes;
use crate::sync::{Mutex, MutexGuard};

/// How old a dump gets at least before there is another one.
const AGE_MIN: Duration = Duration::from_secs(1);

/// For how many times as long as a dump has taken there is no other one.
const REST: u32 = 5;

/// For how many of its lifetimes a dump is kept that nobody asks for.
const KEPT: u32 = 10;

/// How far back it is looked for what has grown, and in how many steps.
const GROWTH_STEP: Duration = Duration::from_secs(10);
const GROWTH_STEPS: usize = 30;

/// A dump, and what was found out beside it.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) dump: Dump,
    pub(super) number: u64,
    pub(super) taken: Instant,
    /// How long it took.
    pub(super) took: Duration,
    /// The workers that did not answer, and since when they do not.
    pub(super) silent: Vec<(u32, usize, Instant)>,
    /// How many tasks of each spawn site there were some time ago, and when that was.
    pub(super) earlier: (Instant, Rc<Sites>),
}

/// How many tasks were spawned at each place.
pub(super) type Sites = HashMap<&'static Location<'static>, usize>;

impl Snapshot {
    /// How old it gets before there is another one.
    pub(super) fn lasts(&self) -> Duration {
        AGE_MIN.max(self.took * REST)
    }
}

/// The last dump of one task, with its backtrace.
struct One {
    id: u64,
    dump: Rc<Dump>,
    taken: Instant,
    took: Duration,
}

impl One {
    /// For how long there is none of another task.
    fn rests(&self) -> Duration {
        self.took * REST
    }

    /// How old it gets before there is another one.
    fn lasts(&self) -> Duration {
        AGE_MIN.max(self.rests())
    }
}

/// What the tasks of the server share.
pub(super) struct State {
    pub(super) begun: Instant,
    pub(super) history: RefCell<History>,
    dumps: Mutex<Dumps>,
    /// When somebody has asked for a dump.
    asked: Cell<Instant>,
}

/// The last dump, and what is kept of those before.
#[derive(Default)]
struct Dumps {
    last: Option<Rc<Snapshot>>,
    one: Option<One>,
    number: u64,
    silent: Vec<(u32, usize, Instant)>,
    /// Oldest first.
    sites: VecDeque<(Instant, Rc<Sites>)>,
}

impl State {
    pub(super) fn new() -> State {
        let now = clock::now();
        let (history, dumps) = (RefCell::new(History::new()), Mutex::new(Dumps::default()));
        State { begun: now, history, dumps, asked: Cell::new(now) }
    }

    /// The last dump, or a new one if that is old. Whoever asks while one is made waits for it.
    pub(super) fn snapshot(&self) -> Rc<Snapshot> {
        self.dumps().snapshot()
    }

    /// A dump of the task with this id. It has a backtrace, unless one of another task has just
    /// been made: so the workers are asked no more often than for dumps of all tasks.
    pub(super) fn task(&self, id: u64) -> Rc<Dump> {
        let mut dumps = self.dumps();
        match &dumps.one {
            Some(one) if one.id == id && one.taken.elapsed() < one.lasts() => one.dump.clone(),
            Some(one) if one.id != id && one.taken.elapsed() < one.rests() => {
                Rc::new(dumps.snapshot().dump.only(id))
            }
            _ => dumps.renew_one(id),
        }
    }

    fn dumps(&self) -> MutexGuard<'_, Dumps> {
        let dumps = self.dumps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.asked.set(clock::now());
        dumps
    }

    /// Reads the numbers, and forgets a dump that nobody needs, which may be large.
    pub(super) fn tick(&self) {
        self.history.borrow_mut().sample();
        if let Ok(mut dumps) = self.dumps.try_lock() {
            let idle = self.asked.get().elapsed();
            dumps.last.take_if(|last| idle > last.lasts() * KEPT);
            dumps.one.take_if(|one| idle > one.lasts() * KEPT);
        }
    }
}

impl Dumps {
    fn snapshot(&mut self) -> Rc<Snapshot> {
        match &self.last {
            Some(last) if last.taken.elapsed() < last.lasts() => last.clone(),
            _ => self.renew(),
        }
    }

    fn renew_one(&mut self, id: u64) -> Rc<Dump> {
        let begun = clock::now();
        let dump = Rc::new(dump_one(id));
        let taken = clock::now();
        self.one = Some(One { id, dump: dump.clone(), taken, took: taken - begun });
        dump
    }

    fn renew(&mut self) -> Rc<Snapshot> {
        self.last = None;
        let begun = clock::now();
        let dump = dump_for_page();
        let taken = clock::now();
        self.note_silent(&dump, taken);
        let earlier = self.note_sites(&dump, taken);
        self.number += 1;
        let snapshot = Rc::new(Snapshot {
            dump,
            number: self.number,
            taken,
            took: taken - begun,
            silent: self.silent.clone(),
            earlier,
        });
        self.last = Some(snapshot.clone());
        snapshot
    }

    fn note_silent(&mut self, dump: &Dump, now: Instant) {
        let before = std::mem::take(&mut self.silent);
        if dump.silent_workers() == 0 {
            return;
        }
        let answered: Vec<_> = dump.workers().collect();
        for runtime in all_runtimes() {
            let workers = (0..runtime.seats.len()).map(|worker| (runtime.id, worker));
            for who in workers.filter(|who| !answered.contains(who)) {
                let known = before.iter().find(|&&(runtime, worker, _)| (runtime, worker) == who);
                self.silent.push((who.0, who.1, known.map_or(now, |&(.., since)| since)));
            }
        }
    }

    /// Notes how many tasks each site has, and gives the oldest such note.
    fn note_sites(&mut self, dump: &Dump, now: Instant) -> (Instant, Rc<Sites>) {
        if self.sites.back().is_none_or(|&(at, _)| now - at >= GROWTH_STEP) {
            let mut sites = Sites::new();
            for task in dump.tasks() {
                *sites.entry(task.spawned_at()).or_default() += 1;
            }
            self.sites.push_back((now, Rc::new(sites)));
        }
        while self.sites.len() > GROWTH_STEPS {
            self.sites.pop_front();
        }
        let (at, sites) = self.sites.front().expect("one was noted");
        (*at, sites.clone())
    }
}
