//! The inbox: links and messages against the owner's going to sleep.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use loom::sync::Arc;
use loom::thread;

use super::{Poll, Probe};
use crate::loom::{AtomicPtr, AtomicU32};
use crate::task::inbox::{Inbox, Linked, Notify};

struct Node {
    link: AtomicPtr<Node>,
    number: u32,
    held: Probe,
}

impl Linked for Node {
    fn link(&self) -> &AtomicPtr<Node> {
        &self.link
    }
}

fn node(number: u32) -> Node {
    Node { link: AtomicPtr::new(std::ptr::null_mut()), number, held: Probe::new() }
}

/// A mailbox in small: the nodes are in it, so that they outlive the pushes.
struct Model {
    inbox: Inbox<Node>,
    poll: Poll,
    nodes: [Node; 2],
    message: AtomicU32,
    announced: AtomicUsize,
    notified: AtomicUsize,
}

impl Model {
    fn new() -> Arc<Model> {
        Arc::new(Model {
            inbox: Inbox::new(),
            poll: Poll::new(),
            nodes: [node(0), node(1)],
            message: AtomicU32::new(0),
            announced: AtomicUsize::new(0),
            notified: AtomicUsize::new(0),
        })
    }

    fn push(&self, number: usize) {
        let node = &self.nodes[number];
        node.held.alone();
        // SAFETY: the nodes live as long as the inbox, and each is pushed once.
        let notify = unsafe { self.inbox.push(node) };
        self.notify(notify);
    }

    fn send(&self) {
        self.message.store(1, Relaxed);
        let notify = self.inbox.poke();
        self.notify(notify);
    }

    fn notify(&self, notify: Notify) {
        if notify == Notify::Yes {
            self.notified.fetch_add(1, Relaxed);
            self.poll.notify();
        }
    }

    /// As `Worker::sleep` and the drain after it. `true`: a message was left.
    fn receive(&self, numbers: &mut Vec<u32>) -> bool {
        if self.inbox.announce_sleep() {
            self.announced.fetch_add(1, Relaxed);
            self.poll.wait();
        }
        let drained = self.inbox.drain();
        let poked = drained.poked;
        for node in drained {
            // SAFETY: the nodes live as long as the inbox.
            let node = unsafe { &*node };
            node.held.alone();
            numbers.push(node.number);
        }
        if poked {
            assert_eq!(self.message.load(Relaxed), 1, "poked before the message was there");
        }
        poked
    }

    /// One notification for each sleep at most.
    fn check(&self) {
        assert!(self.notified.load(Relaxed) <= self.announced.load(Relaxed));
        assert!(self.inbox.is_empty());
    }
}

#[test]
fn loom_two_pushes_wake_the_sleeper() {
    loom::model(|| {
        let model = Model::new();
        let threads = [0, 1].map(|number| {
            let model = model.clone();
            thread::spawn(move || model.push(number))
        });
        let mut numbers = Vec::new();
        while numbers.len() < 2 {
            model.receive(&mut numbers);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
        model.check();
    });
}

#[test]
fn loom_one_threads_pushes_arrive_in_order() {
    loom::model(|| {
        let model = Model::new();
        let thread = {
            let model = model.clone();
            thread::spawn(move || {
                model.push(0);
                model.push(1);
            })
        };
        let mut numbers = Vec::new();
        while numbers.len() < 2 {
            model.receive(&mut numbers);
        }
        thread.join().unwrap();
        assert_eq!(numbers, [0, 1]);
        model.check();
    });
}

#[test]
fn loom_a_push_keeps_the_message_beside_it() {
    loom::model(|| {
        let model = Model::new();
        let sender = {
            let model = model.clone();
            thread::spawn(move || model.send())
        };
        let pusher = {
            let model = model.clone();
            thread::spawn(move || model.push(0))
        };
        let (mut numbers, mut poked) = (Vec::new(), false);
        while numbers.is_empty() || !poked {
            poked |= model.receive(&mut numbers);
        }
        sender.join().unwrap();
        pusher.join().unwrap();
        model.check();
    });
}
