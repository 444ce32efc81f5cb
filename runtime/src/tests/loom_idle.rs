//! Falling asleep against spawning: whoever sleeps while a task waits in a queue is woken.
//!
//! A worker here does what `Worker::turn` does from one piece of work to the next, and then is busy
//! for ever: so each model holds as many pieces as workers, and one that sleeps on is a deadlock.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use loom::sync::Arc;
use loom::thread;

use super::Poll;
use crate::loom::{AtomicPtr, AtomicUsize};
use crate::scheduler::idle::Idle;
use crate::task::inbox::{Inbox, Linked, Notify};

/// A place in a queue that thieves look at.
const EMPTY: usize = 0;
const QUEUED: usize = 1;
const TAKEN: usize = 2;

struct Link(AtomicPtr<Link>);

impl Linked for Link {
    fn link(&self) -> &AtomicPtr<Link> {
        &self.0
    }
}

struct Seat {
    inbox: Inbox<Link>,
    poll: Poll,
    /// A task of this worker's own, to be made runnable by others.
    own: Link,
}

struct Model {
    idle: Idle,
    /// The unstarted tasks of somebody who is busy. Weaker than the real deque, which has fences.
    queue: Vec<AtomicUsize>,
    seats: [Seat; 2],
    /// The other worker has had both pieces.
    over: AtomicUsize,
}

impl Model {
    fn new(tasks: usize) -> Arc<Model> {
        let seat = || Seat {
            inbox: Inbox::new(),
            poll: Poll::new(),
            own: Link(AtomicPtr::new(std::ptr::null_mut())),
        };
        Arc::new(Model {
            idle: Idle::new(2),
            queue: (0..tasks).map(|_| AtomicUsize::new(EMPTY)).collect(),
            seats: [seat(), seat()],
            over: AtomicUsize::new(0),
        })
    }

    /// As `Worker::spawn`.
    fn spawn(&self, task: usize) {
        self.queue[task].store(QUEUED, Release);
        self.wake_thief();
    }

    /// As `Worker::start_wanted` when the newest task is another one, up to `Worker::pass_look_on`.
    fn take_out_and_put_back(&self, task: usize) {
        let task = &self.queue[task];
        if task.compare_exchange(QUEUED, EMPTY, AcqRel, Relaxed).is_ok() {
            task.store(QUEUED, Release);
            self.wake_thief();
        }
    }

    fn wake_thief(&self) {
        if let Some(worker) = self.idle.wake_one() {
            self.poke(worker);
        }
    }

    fn has_stealable(&self) -> bool {
        self.queue.iter().any(|task| task.load(Acquire) == QUEUED)
    }

    fn poke(&self, worker: usize) {
        let notify = self.seats[worker].inbox.poke();
        self.notify(worker, notify);
    }

    /// A wake of a task of this worker.
    fn unpark(&self, worker: usize) {
        // SAFETY: pushed once, and the seats live as long as the model.
        let notify = unsafe { self.seats[worker].inbox.push(&self.seats[worker].own) };
        self.notify(worker, notify);
    }

    fn notify(&self, worker: usize, notify: Notify) {
        if notify == Notify::Yes {
            self.seats[worker].poll.notify();
        }
    }

    fn check(&self) {
        assert!(self.queue.iter().all(|task| task.load(Relaxed) == TAKEN));
    }
}

/// A piece of work.
#[derive(PartialEq, Debug)]
enum Found {
    Stolen,
    Own,
}

struct Worker {
    model: Arc<Model>,
    index: usize,
    owes_look: bool,
    /// A spawner has woken this worker in vain, so it watches before it sleeps.
    watches: bool,
    /// A task of its own was made runnable.
    has_work: bool,
}

impl Worker {
    fn new(model: &Arc<Model>, index: usize) -> Worker {
        let model = model.clone();
        Worker { model, index, owes_look: false, watches: false, has_work: false }
    }

    fn watching(model: &Arc<Model>, index: usize) -> Worker {
        Worker { watches: true, ..Worker::new(model, index) }
    }

    fn seat(&self) -> &Seat {
        &self.model.seats[self.index]
    }

    fn next(&mut self) -> Option<Found> {
        while self.model.over.load(Relaxed) == 0 {
            if let Some(found) = self.turn() {
                return Some(found);
            }
        }
        None
    }

    fn turn(&mut self) -> Option<Found> {
        if self.has_work {
            return Some(Found::Own);
        }
        let ran = !self.seat().inbox.is_empty();
        if ran {
            self.drain();
        }
        if self.has_work {
            self.pass_look_on();
            return None;
        }
        if self.search() {
            return Some(Found::Stolen);
        }
        if !ran {
            if std::mem::take(&mut self.watches) {
                self.watch();
            } else {
                self.sleep();
            }
        }
        None
    }

    /// As `Worker::sleep` of a worker that watches, whose time is over at once.
    fn watch(&mut self) {
        self.model.idle.start_search();
        let _ = self.seat().inbox.announce_sleep();
        self.drain();
        if self.model.idle.end_search() {
            self.owes_look = true;
        }
        if self.has_work {
            self.pass_look_on();
        }
    }

    fn search(&mut self) -> bool {
        if !self.model.has_stealable() {
            return false;
        }
        self.model.idle.start_search();
        let found = self.steal();
        let last = self.model.idle.end_search();
        self.owes_look = last && !found;
        if last && found {
            self.model.wake_thief();
        }
        found
    }

    fn steal(&self) -> bool {
        self.model.queue.iter().any(|task| {
            task.load(Acquire) == QUEUED
                && task.compare_exchange(QUEUED, TAKEN, AcqRel, Relaxed).is_ok()
        })
    }

    fn pass_look_on(&mut self) {
        if std::mem::take(&mut self.owes_look) {
            self.model.wake_thief();
        }
    }

    fn sleep(&mut self) {
        self.model.idle.announce(self.index);
        if self.model.has_stealable() {
            self.model.idle.retract(self.index);
            self.owes_look = true;
            return;
        }
        self.owes_look = false;
        if self.seat().inbox.announce_sleep() {
            self.seat().poll.wait();
        }
        self.wake_up();
    }

    fn wake_up(&mut self) {
        self.drain();
        if self.model.idle.retract(self.index) {
            self.owes_look = true;
        }
        if self.has_work {
            self.pass_look_on();
        }
    }

    fn drain(&mut self) {
        self.has_work |= self.seat().inbox.drain().count() > 0;
    }
}

/// One task for one worker, which comes while that worker goes to sleep.
fn with_thief(worker: fn(&Arc<Model>, usize) -> Worker, busy: fn(&Model)) {
    loom::model(move || {
        let model = Model::new(1);
        let mut thief = worker(&model, 0);
        let thief = thread::spawn(move || assert_eq!(thief.next(), Some(Found::Stolen)));
        busy(&model);
        thief.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_a_spawn_finds_the_sleeper_or_is_found() {
    with_thief(Worker::new, |model| model.spawn(0));
}

#[test]
fn loom_a_task_that_was_out_of_its_queue_for_a_moment_gets_a_thief() {
    with_thief(Worker::new, |model| {
        model.spawn(0);
        model.take_out_and_put_back(0);
    });
}

#[test]
fn loom_a_spawn_that_sees_a_watch_is_found() {
    with_thief(Worker::watching, |model| model.spawn(0));
}

/// A thread that goes on as the second worker, which sleeps. That leaves loom the time for the
/// first.
fn sleeper<T: 'static>(
    model: &Arc<Model>,
    then: impl FnOnce(Worker) -> T + 'static,
) -> thread::JoinHandle<T> {
    model.idle.announce(1);
    assert!(model.seats[1].inbox.announce_sleep());
    let mut second = Worker::new(model, 1);
    thread::spawn(move || {
        second.seat().poll.wait();
        second.wake_up();
        then(second)
    })
}

#[test]
fn loom_a_watch_that_ends_beside_a_sleeper_has_it_woken() {
    loom::model(|| {
        let model = Model::new(2);
        let second = sleeper(&model, |mut second| assert_eq!(second.next(), Some(Found::Stolen)));
        let mut first = Worker::watching(&model, 0);
        let first = thread::spawn(move || assert_eq!(first.next(), Some(Found::Stolen)));
        model.spawn(0);
        model.spawn(1);
        first.join().unwrap();
        second.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_two_spawns_get_two_thieves() {
    loom::model(|| {
        let model = Model::new(2);
        let thieves = [0, 1].map(|index| {
            let mut thief = Worker::new(&model, index);
            thread::spawn(move || assert_eq!(thief.next(), Some(Found::Stolen)))
        });
        model.spawn(0);
        model.spawn(1);
        thieves.into_iter().for_each(|thief| thief.join().unwrap());
        model.check();
    });
}

/// One task to steal and one of the first worker's own, for two workers.
fn with_own_work(start: fn(&mut Worker), busy: fn(&Model)) {
    loom::model(move || {
        let model = Model::new(1);
        let second = sleeper(&model, |mut second| second.next());
        let mut first = Worker::new(&model, 0);
        let first = thread::spawn(move || {
            start(&mut first);
            if first.next() == Some(Found::Stolen) {
                // Its own task is left, and nothing for the other worker.
                first.model.over.store(1, Relaxed);
                first.model.poke(1);
            }
        });
        busy(&model);
        first.join().unwrap();
        second.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_a_thief_that_is_woken_for_its_own_work_too_has_another_look() {
    with_own_work(
        |_| (),
        |model| {
            model.unpark(0);
            model.spawn(0);
        },
    );
}

#[test]
fn loom_a_thief_that_found_nothing_before_its_own_work_came_has_another_look() {
    with_own_work(
        |_| (),
        |model| {
            model.poke(0);
            model.spawn(0);
            model.unpark(0);
        },
    );
}

#[test]
fn loom_a_thief_that_saw_a_task_before_its_own_work_came_has_another_look() {
    with_own_work(
        // Not the last to search, so it owes nothing yet.
        Worker::sleep,
        |model| {
            model.spawn(0);
            model.unpark(0);
        },
    );
}

#[test]
fn loom_a_watch_that_own_work_ends_has_another_look() {
    with_own_work(
        |first| first.watches = true,
        |model| {
            model.spawn(0);
            model.unpark(0);
        },
    );
}
