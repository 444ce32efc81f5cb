//! The flight recorder: what a worker did last, for whoever wants to know afterwards.
//!
//! Each worker of a runtime that records has a [`Recorder`], into whose ring its own thread writes.
//! Other threads read it at any time ([`ring`]), also while the worker is stuck, and make a
//! [`FlightRecord`] of it.
//!
//! # What it costs
//!
//! Nothing where it is off. What happens between two tasks is learned by the worker's own loop,
//! which has another form for workers that are watched (`scheduler/watched.rs`) and is chosen once
//! a turn: who has run, for how long, and what it waits for then, and whom it has woken, for these
//! stand in the worker's queues now and did not before. A spawn looks at the byte that says whether
//! its runtime is closed, which says this too. All else (wakes of other workers' tasks, steals,
//! cancels, sleeps) looks for a recorder where it costs a hundred times as much anyway.
//!
//! Where it is on, a switch takes one look at a clock and one event of 32 bytes, and a wake one
//! event. `benches/README.md` has the figures. They are more than a percent where tasks do little
//! but wake each other. So it is off unless somebody asks for it. Without wakes and without a look
//! at the clock it would still not be one percent there.
//!
//! # Times
//!
//! In ticks of the processor's counter, if that runs evenly, and of the system's clock otherwise
//! (`clock`). A wake by a task is dated when the task suspends, for before that the worker cannot
//! run whom it wakes.
//!
//! # Open
//!
//! - *On which object a task waits*, in words, as dumps say it: only the reason is recorded, for
//!   the
//!   words are a string, made when the task parks. The address of the object would fit.
//! - *What plain threads do*: they have no ring. Tasks that they wake are seen to be woken.

mod event;
mod file;
mod json;
mod known;
mod record;
mod ring;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::known::Known;
use self::ring::Ring;
use crate::clock::Ticker;
use crate::task::Header;

pub(crate) use self::event::{By, Event, What};
pub(crate) use self::file::{set_file, wanted, write_file, write_file_in_time};
pub use self::record::FlightRecord;
pub(crate) use self::record::record;
#[cfg(all(test, loom))]
pub(crate) use self::ring::Ring as ModelledRing;

/// What one worker records. Only the worker's thread writes.
#[derive(Debug)]
pub(crate) struct Recorder {
    runtime: u32,
    worker: usize,
    ticker: Ticker,
    ring: Ring,
    known: Mutex<Known>,
    /// What the worker does: the id of the task that runs, or [`NOTHING`] or [`SLEEPS`]; and since
    /// when. A reader may find the one without the other.
    does: AtomicU64,
    since: AtomicU64,
}

/// A worker is between two tasks.
const NOTHING: u64 = 0;

/// A worker sleeps. No task has this id.
const SLEEPS: u64 = u64::MAX;

/// The recorders of all workers that are alive.
static ALL: Mutex<Vec<Weak<Recorder>>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Weak<Recorder>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// The recorder of a worker, for at least so many events.
    pub(crate) fn new(runtime: u32, worker: usize, events: usize) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder {
            runtime,
            worker,
            ticker: Ticker::new(),
            ring: Ring::new(events),
            known: Mutex::default(),
            does: AtomicU64::new(NOTHING),
            since: AtomicU64::new(0),
        });
        let mut all = all();
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(&recorder));
        recorder
    }

    /// The time now, in ticks.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        self.ticker.now()
    }

    /// Records what took no time, and happens now.
    pub(crate) fn happened(&self, what: What, task: u64, by: u64) {
        self.write(Event { at: self.now(), took: 0, what, task, by });
    }

    #[inline]
    pub(crate) fn write(&self, event: Event) {
        self.ring.push(event.words());
    }

    /// Notes who a task is that starts here.
    pub(crate) fn started(&self, task: &Header) {
        self.known().enter(task, self.ring.written(), self.ring.room());
    }

    /// Notes that a task that has started here has ended.
    pub(crate) fn ended(&self, task: &Header) {
        self.known().leave(task.id, self.ring.written());
    }

    /// Notes that the task with this id runs from now on.
    #[inline]
    pub(crate) fn runs(&self, task: u64, since: u64) {
        self.since.store(since, Relaxed);
        self.does.store(task, Relaxed);
    }

    /// Notes that the worker sleeps from now on.
    pub(crate) fn sleeps(&self, since: u64) {
        self.runs(SLEEPS, since);
    }

    /// Notes that the worker neither sleeps nor runs a task.
    #[inline]
    pub(crate) fn does_nothing(&self) {
        self.does.store(NOTHING, Relaxed);
    }

    /// Records that a panic has reached the root of a task, and writes the record to its file if it
    /// is the first.
    pub(crate) fn panicked(&self, task: u64) {
        self.happened(What::Panicked, task, 0);
        file::panicked();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
