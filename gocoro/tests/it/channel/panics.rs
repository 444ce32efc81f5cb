//! Messages whose destructors panic are all dropped, and the first panic goes on.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::channel::{Select, bounded, broadcast, oneshot, unbounded, watch};
use gocoro::sync::mpsc;
use gocoro::task;

use super::{live, matrix};

/// Counts itself, and panics when it is dropped.
#[derive(Clone)]
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    fn new(live: &Arc<AtomicUsize>) -> Bomb {
        live.fetch_add(1, SeqCst);
        Bomb(live.clone())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
        panic!("a message's destructor");
    }
}

/// Makes a receiver with messages in it. With it comes what has to live meanwhile.
type Make = fn(&Arc<AtomicUsize>) -> (Box<dyn Any>, Box<dyn Any>);

const KINDS: [Make; 8] = [
    |live| {
        let (sender, receiver) = unbounded();
        (0..4).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = bounded(4);
        (0..4).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = unbounded();
        (0..3).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        // Received by choices that were forgotten.
        for _ in 0..2 {
            let mut set = Select::new();
            set.recv(&receiver);
            std::mem::forget(set.select());
        }
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = oneshot();
        assert!(sender.send(Bomb::new(live)).is_ok());
        (Box::new(receiver), Box::new(()))
    },
    |live| {
        let (sender, receiver) = mpsc::channel();
        (0..4).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = mpsc::sync_channel(4);
        (0..4).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = broadcast(4);
        (0..4).for_each(|_| assert!(sender.send(Bomb::new(live)).is_ok()));
        (Box::new(receiver), Box::new(sender))
    },
    |live| {
        let (sender, receiver) = watch(Bomb::new(live));
        drop(sender);
        (Box::new(receiver), Box::new(()))
    },
];

#[test]
fn all_are_dropped_and_the_first_panic_goes_on() {
    matrix(|_| {
        for (kind, make) in KINDS.iter().enumerate() {
            let live = live();
            let (receiver, _sender) = make(&live);
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(receiver)));
            let payload = dropped.expect_err("the first panic goes on");
            assert_eq!(payload.downcast_ref(), Some(&"a message's destructor"), "kind {kind}");
            assert_eq!(live.load(SeqCst), 0, "kind {kind}");
        }
    });
}

/// In the middle of another panic, where one more would abort the process.
#[test]
fn none_goes_on_while_its_task_unwinds() {
    matrix(|_| {
        for (kind, make) in KINDS.iter().enumerate().take(KINDS.len() - 1) {
            let live = live();
            let inner = live.clone();
            let task = task::spawn(move || {
                let _both = make(&inner);
                panic!("the task's own");
            });
            let error = task.join().unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&"the task's own"), "kind {kind}");
            assert_eq!(live.load(SeqCst), 0, "kind {kind}");
        }
    });
}

#[test]
fn a_side_that_stays_is_told() {
    let live = live();
    let (sender, receiver) = unbounded();
    (0..2).for_each(|_| assert!(sender.send(Bomb::new(&live)).is_ok()));
    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    let refused = sender.send(Bomb::new(&live)).expect_err("no receiver is left");
    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(refused))).is_err());
}
