//! The tasks that meet one another, and what they meet over.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use gocoro::channel::{Receiver, Sender, bounded, unbounded};
use gocoro::sync::{self, Condvar, Event, RwLock, Semaphore, TryLockError, WaitGroup};
use gocoro::task::{self, JoinError, JoinHandle, Task};
use gocoro::{go, select};

use super::Expected;
use super::act::act;
use super::family::spawn;
use super::ledger::{Ledger, Message, Tally};
use crate::support::{Random, until};

/// Channels that the tasks send into; helpers receive what nobody else does, so a send always ends.
pub(super) const INS: usize = 4;
/// Channels that helpers send into, a message for each request, so a receive always ends.
pub(super) const OUTS: usize = 3;

pub(super) const PERMITS: usize = 3;
const GENERATIONS: usize = 2;

pub(super) struct Channel<T> {
    pub(super) sender: Sender<T>,
    pub(super) receiver: Receiver<T>,
}

impl<T> From<(Sender<T>, Receiver<T>)> for Channel<T> {
    fn from((sender, receiver): (Sender<T>, Receiver<T>)) -> Channel<T> {
        Channel { sender, receiver }
    }
}

pub(super) struct Cell {
    pub(super) ins: [Channel<Message>; INS],
    pub(super) outs: [Channel<Message>; OUTS],
    pub(super) requests: [Channel<()>; OUTS],
    pub(super) ledger: Arc<Ledger>,
    pub(super) mutex: sync::Mutex<()>,
    pub(super) rwlock: RwLock<()>,
    /// Readers and, far above them, writers inside.
    pub(super) inside: [AtomicUsize; 3],
    pub(super) semaphore: Semaphore,
    pub(super) tokens: sync::Mutex<usize>,
    pub(super) more_tokens: Condvar,
    pub(super) turn: Event,
    /// Closed when all tasks have ended.
    stop: Mutex<Option<Sender<()>>>,
    stopped: Receiver<()>,
    /// Some of the tasks, to be cancelled by others.
    known: Mutex<Vec<Task>>,
    /// Task bodies that have not been dropped.
    alive: WaitGroup,
    tasks: AtomicUsize,
    cancelled: AtomicUsize,
    panicked: AtomicUsize,
    begins_with: usize,
}

/// A task's body, until it is dropped.
pub(super) struct Alive(Arc<Cell>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.done();
    }
}

impl Cell {
    pub(super) fn new(tasks: usize) -> Cell {
        let (stop, stopped) = bounded(0);
        let turn = Event::auto();
        turn.set();
        Cell {
            ins: [bounded(0), bounded(1), bounded(4), unbounded()].map(Channel::from),
            outs: [bounded(0), bounded(1), unbounded()].map(Channel::from),
            requests: [unbounded(), unbounded(), unbounded()].map(Channel::from),
            ledger: Arc::default(),
            mutex: sync::Mutex::new(()),
            rwlock: RwLock::new(()),
            inside: Default::default(),
            semaphore: Semaphore::new(PERMITS),
            tokens: sync::Mutex::new(0),
            more_tokens: Condvar::new(),
            turn,
            stop: Mutex::new(Some(stop)),
            stopped,
            known: Mutex::default(),
            alive: WaitGroup::new(),
            tasks: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            panicked: AtomicUsize::new(0),
            begins_with: tasks,
        }
    }

    pub(super) fn enter(self: &Arc<Cell>) -> Alive {
        self.tasks.fetch_add(1, SeqCst);
        self.alive.add(1);
        Alive(self.clone())
    }

    pub(super) fn introduce(&self, task: &Task, random: &mut Random) {
        let mut known = self.known.lock().unwrap();
        if known.len() < 32 {
            known.push(task.clone());
        } else {
            let at = random.below(known.len());
            known[at] = task.clone();
        }
    }

    pub(super) fn cancel_one(&self, random: &mut Random) {
        let known = self.known.lock().unwrap();
        let picked = (!known.is_empty()).then(|| known[random.below(known.len())].clone());
        drop(known);
        if let Some(task) = picked {
            task.cancel();
        }
    }

    /// A task has ended as tasks of the storm may.
    #[track_caller]
    pub(super) fn ended<T>(&self, ended: Result<T, JoinError>) -> Option<T> {
        let error = match ended {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        if error.is_cancelled() {
            self.cancelled.fetch_add(1, SeqCst);
        } else {
            assert!(error.downcast_ref::<Expected>().is_some(), "{error}");
            self.panicked.fetch_add(1, SeqCst);
        }
        None
    }

    /// From the first task to the end of the last one.
    pub(super) fn live(self: &Arc<Cell>, mut random: Random, threads: bool) {
        let helpers = self.start_helpers(threads);
        let actor = threads.then(|| {
            let (cell, own) = (self.clone(), Random::new(random.next()));
            thread::spawn(move || act(&cell, own, 0))
        });
        let tasks: Vec<JoinHandle<()>> =
            (0..self.begins_with).map(|_| spawn(self, &mut random, GENERATIONS)).collect();
        for _ in 0..self.begins_with / 5 {
            task::yield_now();
            self.cancel_one(&mut random);
        }
        for task in tasks {
            self.ended(task.join());
        }
        if let Some(actor) = actor {
            until(|| actor.is_finished());
            if let Err(payload) = actor.join() {
                assert!(payload.is::<Expected>());
            }
        }
        self.alive.wait();
        self.stop.lock().unwrap().take();
        // What was requested by those that were cut short.
        until(|| {
            self.outs.iter().flat_map(|out| out.receiver.try_iter()).for_each(Message::arrived);
            helpers.iter().all(|helper| helper.load(SeqCst))
        });
        let left = self.ins.iter().chain(&self.outs);
        left.flat_map(|channel| channel.receiver.try_iter()).for_each(Message::arrived);
        self.known.lock().unwrap().clear();
    }

    /// Starts those that keep the others going; each says when it has ended.
    fn start_helpers(self: &Arc<Cell>, threads: bool) -> Vec<Arc<AtomicBool>> {
        let mut helpers = Vec::new();
        let mut start = |thread: bool, body: fn(&Cell, usize), at| {
            let ended = Arc::new(AtomicBool::new(false));
            helpers.push(ended.clone());
            let cell = self.clone();
            let body = move || {
                body(&cell, at);
                drop(cell);
                ended.store(true, SeqCst);
            };
            if thread {
                drop(thread::spawn(body));
            } else {
                drop(go!({ body() }));
            }
        };
        start(threads, Cell::take_all, 0);
        start(false, Cell::take_all, 1);
        for at in 0..OUTS {
            start(threads && at == 0, Cell::fulfil, at);
        }
        helpers
    }

    /// Receives what nobody else does.
    fn take_all(&self, _: usize) {
        let [a, b, c, d] = &self.ins;
        loop {
            select! {
                recv(a.receiver) -> message => message.unwrap().arrived(),
                recv(b.receiver) -> message => message.unwrap().arrived(),
                recv(c.receiver) -> message => message.unwrap().arrived(),
                recv(d.receiver) -> message => message.unwrap().arrived(),
                recv(self.stopped) -> _ => return,
            }
        }
    }

    /// Sends a message for each request.
    fn fulfil(&self, at: usize) {
        loop {
            select! {
                recv(self.requests[at].receiver) -> _ => {
                    let (message, ticket) = self.ledger.message();
                    ticket.told(self.outs[at].sender.send(message).err().map(|error| error.0));
                }
                recv(self.stopped) -> _ => return,
            }
        }
    }

    /// All have ended: looks at what they left.
    pub(super) fn close(mut self) -> Tally {
        assert!(!matches!(self.mutex.try_lock(), Err(TryLockError::WouldBlock)));
        assert!(!matches!(self.rwlock.try_write(), Err(TryLockError::WouldBlock)));
        assert!(!matches!(self.tokens.try_lock(), Err(TryLockError::WouldBlock)));
        assert!(self.inside.iter_mut().all(|inside| *inside.get_mut() == 0));
        assert_eq!(self.semaphore.available_permits(), PERMITS);
        assert!(self.turn.is_set());
        let mut tally = self.ledger.close();
        tally.tasks = self.tasks.into_inner();
        tally.cancelled = self.cancelled.into_inner();
        tally.panicked = self.panicked.into_inner();
        tally
    }
}
