//! The primitives of `gocoro::sync` do what std documents of its own, in tasks and on plain
//! threads, and serve those who wait in their order.

mod barrier;
mod condvar;
mod event;
mod lazy;
mod mutex;
mod once;
mod poison;
mod promise;
mod rwlock;
mod select;
mod semaphore;
mod traits;
mod wait_group;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use gocoro::go;
use gocoro::sync::{Arc, Mutex, RwLock};
use gocoro::task::{self, JoinHandle};

use crate::support::{Colour, WORKERS, settle, until};

pub(crate) const COLOURS: [Colour; 2] = [Colour::Task, Colour::Thread];

/// The other side of a scenario.
pub(crate) enum Peer<T> {
    Task(JoinHandle<T>),
    Thread(thread::JoinHandle<T>),
}

pub(crate) fn spawn<T: Send + 'static>(
    colour: Colour,
    body: impl FnOnce() -> T + Send + 'static,
) -> Peer<T> {
    match colour {
        Colour::Task => Peer::Task(task::spawn(body)),
        Colour::Thread => Peer::Thread(thread::spawn(body)),
    }
}

impl<T> Peer<T> {
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Peer::Task(task) => task.is_finished(),
            Peer::Thread(thread) => thread.is_finished(),
        }
    }

    pub(crate) fn wait(self) -> T {
        match self {
            Peer::Task(task) => task.wait(),
            Peer::Thread(thread) => {
                // Not to keep a worker from running what the thread waits for.
                until(|| thread.is_finished());
                thread.join().expect("the peer panicked")
            }
        }
    }

    /// Waits for the end, which is a panic or not.
    pub(crate) fn ended(self) -> Result<T, ()> {
        match self {
            Peer::Task(task) => task.join().map_err(drop),
            Peer::Thread(thread) => {
                until(|| thread.is_finished());
                thread.join().map_err(drop)
            }
        }
    }
}

/// Runs `scenario` in a task and on a thread, with peers of each colour.
pub(crate) fn matrix(scenario: fn(Colour)) {
    for own in COLOURS {
        for workers in WORKERS {
            for peer in COLOURS {
                println!("peers: {peer:?}");
                own.run(workers, move || scenario(peer));
            }
        }
    }
}

/// Runs `scenario`, which has no peers, in a task and on a thread.
fn both(scenario: fn()) {
    for own in COLOURS {
        own.run(1, scenario);
    }
}

/// Runs `scenario` as a task of a runtime with one worker, where [`settle`] lets everybody come to
/// where they wait.
pub(crate) fn on_one_worker(scenario: fn()) {
    Colour::Task.run(1, scenario);
}

/// Starts tasks one after another, each as soon as the one before waits in `wait`, and says in
/// which order the waits end.
fn order_of_waits(
    count: usize,
    wait: impl Fn(usize, &dyn Fn()) + Send + Sync + 'static,
    release: impl FnOnce(),
) -> Vec<usize> {
    let wait = Arc::new(wait);
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let task = go!(clone(wait, order) => {
                wait(n, &|| order.lock().unwrap().push(n));
            });
            settle();
            task
        })
        .collect();
    assert!(order.lock().unwrap().is_empty());
    release();
    tasks.into_iter().for_each(|task| task.wait());
    let order = order.lock().unwrap();
    order.clone()
}

/// Counts its drops.
#[derive(Clone, Debug, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

struct Counted(Drops);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, SeqCst);
    }
}

/// Which of them are poisoned.
pub(crate) fn poisoned(locks: &(Mutex<()>, RwLock<()>)) -> (bool, bool) {
    (locks.0.is_poisoned(), locks.1.is_poisoned())
}
