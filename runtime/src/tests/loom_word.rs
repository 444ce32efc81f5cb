//! The word of a task with its link and its owner's inbox: what others ask, against claim, drain
//! and complete.

use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{Poll, Probe};
use crate::loom::AtomicPtr;
use crate::task::inbox::{Inbox, Linked, Notify};
use crate::task::word::{Asked, Requests, Word};

const OWNERS: usize = 2;

struct Task {
    word: Word,
    link: AtomicPtr<Task>,
    /// Had alone by whoever may touch the link.
    link_held: Probe,
}

impl Linked for Task {
    fn link(&self) -> &AtomicPtr<Task> {
        &self.link
    }
}

struct Worker {
    inbox: Inbox<Task>,
    poll: Poll,
    /// Shared by those who push, had alone by the worker when it gives its mailbox back.
    open: Probe,
}

struct Model {
    task: Task,
    workers: [Worker; OWNERS],
}

/// What the owner of the task knows.
#[derive(Default)]
struct Owner {
    wakes: bool,
    permits: bool,
    cancelled: bool,
    expired: bool,
    polls: bool,
    links_due: usize,
}

impl Owner {
    fn note(&mut self, requests: Requests) {
        self.wakes |= requests.wake();
        self.permits |= requests.permit();
        self.cancelled |= requests.cancel();
        self.expired |= requests.expired();
        self.polls |= requests.poll();
    }
}

impl Model {
    fn new() -> Arc<Model> {
        let worker = || Worker { inbox: Inbox::new(), poll: Poll::new(), open: Probe::new() };
        Arc::new(Model {
            task: Task {
                word: Word::new(),
                link: AtomicPtr::new(std::ptr::null_mut()),
                link_held: Probe::new(),
            },
            workers: [worker(), worker()],
        })
    }

    /// As `push_if_asked`.
    fn carry_out(&self, asked: Asked) {
        let Asked::Push(owner) = asked else { return };
        let worker = &self.workers[usize::from(owner)];
        worker.open.share();
        self.task.link_held.alone();
        // SAFETY: the word said to push, and the task lives as long as the model.
        if unsafe { worker.inbox.push(&self.task) } == Notify::Yes {
            worker.poll.notify();
        }
    }

    /// As `Worker::drain`.
    fn drain(&self, id: u16, owner: &mut Owner) {
        for task in self.workers[usize::from(id)].inbox.drain() {
            // SAFETY: the task lives as long as the model.
            let task = unsafe { &*task };
            task.link_held.alone();
            let requests = task.word.take_requests();
            if requests.is_done() {
                owner.links_due = owner.links_due.checked_sub(1).expect("a link nobody counted");
            } else {
                owner.note(requests);
            }
        }
    }

    /// Turns until this is so.
    fn turn_until(&self, id: u16, owner: &mut Owner, done: impl Fn(&Owner) -> bool) {
        let worker = &self.workers[usize::from(id)];
        loop {
            self.drain(id, owner);
            if done(owner) {
                return;
            }
            if worker.inbox.announce_sleep() {
                worker.poll.wait();
            }
        }
    }

    /// As the end of a task, and then of its worker.
    fn complete_and_end(&self, id: u16, owner: Owner) {
        self.complete_as(id, owner, false);
    }

    fn complete_as(&self, id: u16, mut owner: Owner, alone: bool) {
        let completed = self.task.word.complete(true, alone).expect("the handle is there");
        owner.links_due += usize::from(completed.link);
        self.turn_until(id, &mut owner, |owner| owner.links_due == 0);
        let worker = &self.workers[usize::from(id)];
        assert!(worker.inbox.is_empty());
        worker.open.alone();
    }

    fn claim(&self, id: u16) -> Owner {
        let mut owner = Owner::default();
        owner.note(self.task.word.claim(id, false));
        owner
    }

    fn check(&self) {
        assert!(self.task.word.is_done());
        assert!(self.workers.iter().all(|worker| worker.inbox.is_empty()), "pushed after DONE");
    }
}

fn spawn(model: &Arc<Model>, f: impl FnOnce(&Model) + 'static) -> thread::JoinHandle<()> {
    let model = model.clone();
    thread::spawn(move || f(&model))
}

#[test]
fn loom_a_wake_finds_the_task_before_or_after_its_start() {
    loom::model(|| {
        let model = Model::new();
        let other = spawn(&model, |model| model.carry_out(model.task.word.ask_wake()));
        let mut owner = model.claim(0);
        model.turn_until(0, &mut owner, |owner| owner.wakes);
        model.complete_and_end(0, owner);
        other.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_requests_share_one_link_and_none_is_lost() {
    loom::model(|| {
        let model = Model::new();
        let mut owner = model.claim(1);
        let waker = spawn(&model, |model| {
            model.carry_out(model.task.word.ask_wake());
            model.carry_out(model.task.word.ask_permit());
        });
        let canceller = spawn(&model, |model| {
            model.carry_out(model.task.word.ask_cancel());
            model.carry_out(model.task.word.ask_expiry());
        });
        model.turn_until(1, &mut owner, |owner| {
            owner.wakes && owner.permits && owner.cancelled && owner.expired
        });
        model.complete_and_end(1, owner);
        waker.join().unwrap();
        canceller.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_links_of_a_task_that_ends_are_counted() {
    loom::model(|| {
        let model = Model::new();
        let mut owner = model.claim(0);
        let waker = spawn(&model, |model| model.carry_out(model.task.word.ask_wake()));
        let canceller = spawn(&model, |model| model.carry_out(model.task.word.ask_cancel()));
        model.drain(0, &mut owner);
        model.complete_and_end(0, owner);
        waker.join().unwrap();
        canceller.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_a_refused_task_is_pushed_by_nobody() {
    loom::model(|| {
        let model = Model::new();
        let canceller = spawn(&model, |model| {
            model.carry_out(model.task.word.ask_cancel());
            model.carry_out(model.task.word.ask_wake());
        });
        model.task.word.claim_to_refuse();
        assert!((0..OWNERS).all(|id| !model.task.word.is_owned_by(id as u16)));
        assert!(!model.task.word.complete(true, false).expect("the handle is there").joiner);
        canceller.join().unwrap();
        model.check();
    });
}

/// A waker is called by several, one of them perhaps after the task's end, which is no fault.
#[test]
fn loom_a_call_of_a_waker_reaches_the_task_or_finds_it_ended() {
    loom::model(|| {
        let model = Model::new();
        let mut owner = model.claim(0);
        let callers =
            [0, 1].map(|_| spawn(&model, |model| model.carry_out(model.task.word.ask_poll())));
        model.turn_until(0, &mut owner, |owner| owner.polls);
        model.complete_and_end(0, owner);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        model.check();
    });
}

/// As `Header::has_two_references`, beside somebody who has the third one.
fn beside_a_third(owner: impl Fn(&Model, &dyn Fn() -> bool) + Sync + Send + 'static) {
    let owner = std::sync::Arc::new(owner);
    loom::model(move || {
        let model = Model::new();
        let refs = Arc::new(AtomicU32::new(3));
        let theirs = refs.clone();
        let third = spawn(&model, move |model| {
            model.carry_out(model.task.word.ask_wake());
            theirs.fetch_sub(1, AcqRel);
        });
        owner(&model, &|| refs.load(Acquire) == 2);
        third.join().unwrap();
        model.check();
    });
}

#[test]
fn loom_a_claim_that_finds_itself_alone_loses_no_request() {
    beside_a_third(|model, is_alone| {
        let mut owner = Owner::default();
        owner.note(model.task.word.claim(0, is_alone()));
        model.turn_until(0, &mut owner, |owner| owner.wakes);
        model.complete_and_end(0, owner);
    });
}

#[test]
fn loom_an_end_that_finds_itself_alone_counts_the_link() {
    beside_a_third(|model, is_alone| {
        let mut owner = model.claim(0);
        model.drain(0, &mut owner);
        model.complete_as(0, owner, is_alone());
    });
}

#[test]
fn loom_an_announcement_that_finds_itself_alone_loses_no_request() {
    beside_a_third(|model, is_alone| {
        let _ = model.task.word.announce_joiner(is_alone());
        let mut owner = model.claim(0);
        model.turn_until(0, &mut owner, |owner| owner.wakes);
        let completed = model.task.word.complete(true, is_alone()).expect("the handle is there");
        assert!(completed.joiner);
        owner.links_due += usize::from(completed.link);
        model.turn_until(0, &mut owner, |owner| owner.links_due == 0);
    });
}

/// Somebody finds the task by the node of a wait, and takes a reference there, under the lock that
/// the wait takes before it leaves.
#[test]
fn loom_an_end_after_a_wait_that_was_found_counts_the_link() {
    loom::model(|| {
        let model = Model::new();
        let (refs, waits) = (Arc::new(AtomicU32::new(2)), Arc::new(Mutex::new(true)));
        let mut owner = model.claim(0);
        let (their_refs, their_waits) = (refs.clone(), waits.clone());
        let waker = spawn(&model, move |model| {
            let mut waits = their_waits.lock().unwrap();
            let found = std::mem::take(&mut *waits);
            if found {
                their_refs.fetch_add(1, Relaxed);
            }
            drop(waits);
            if found {
                model.carry_out(model.task.word.ask_wake());
                their_refs.fetch_sub(1, AcqRel);
            }
        });
        *waits.lock().unwrap() = false;
        model.drain(0, &mut owner);
        model.complete_as(0, owner, refs.load(Acquire) == 2);
        waker.join().unwrap();
        model.check();
    });
}
