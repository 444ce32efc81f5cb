//! Futures: the call of a thread's wakers against polls that park for something else; what others
//! ask of a task by its wakers, against its end; and a wait that is a future, against its claim.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Wake, Waker};

use loom::thread;

use super::Probe;
use crate::loom::{AtomicU32, Mutex};
use crate::parker::Parker;
use crate::task::Poller;
use crate::waiters::{Awaiter, List, Node, Waiter};

/// Polls until the flag is set. Each poll parks once for something else, whose wake comes from the
/// same thread as the call of the waker.
fn drive(awaiter: &Awaiter, parker: &Parker, ready: &AtomicU32, other: &AtomicU32) {
    loop {
        awaiter.begin();
        if ready.load(Relaxed) == 1 {
            return;
        }
        while other.load(Relaxed) == 0 {
            parker.park(None);
        }
        awaiter.wait("", None);
    }
}

#[test]
fn loom_a_poll_that_parks_for_something_else_loses_no_call() {
    loom::model(|| {
        let parker = Arc::new(Parker::default());
        let (ready, other) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let awaiter = Awaiter::of_thread(parker.clone());
        let caller = {
            let (waker, parker) = (awaiter.waker().clone(), parker.clone());
            let (ready, other) = (ready.clone(), other.clone());
            thread::spawn(move || {
                ready.store(1, Relaxed);
                waker.wake();
                other.store(1, Relaxed);
                parker.unpark();
            })
        };
        drive(&awaiter, &parker, &ready, &other);
        caller.join().unwrap();
    });
}

#[test]
fn loom_a_poll_sees_what_was_written_before_each_call_that_it_clears() {
    loom::model(|| {
        let parker = Arc::new(Parker::default());
        let flags = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let awaiter = Awaiter::of_thread(parker);
        let callers = [0, 1].map(|number| {
            let (waker, flags) = (awaiter.waker().clone(), flags.clone());
            thread::spawn(move || {
                flags[number].store(1, Relaxed);
                waker.wake_by_ref();
            })
        });
        loop {
            awaiter.begin();
            if flags.iter().all(|flag| flag.load(Relaxed) == 1) {
                break;
            }
            awaiter.wait("", None);
        }
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

#[test]
fn loom_an_inner_wait_gives_the_call_of_the_outer_one_back() {
    loom::model(|| {
        let parker = Arc::new(Parker::default());
        let flags = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let outer = Awaiter::of_thread(parker.clone());
        let callers = [0, 1].map(|number| {
            let (waker, flags) = (outer.waker().clone(), flags.clone());
            thread::spawn(move || {
                flags[number].store(1, Relaxed);
                waker.wake();
            })
        });
        loop {
            outer.begin();
            if flags[0].load(Relaxed) == 1 {
                break;
            }
            let inner = Awaiter::of_thread(parker.clone());
            loop {
                inner.begin();
                if flags[1].load(Relaxed) == 1 {
                    break;
                }
                inner.wait("", None);
            }
            drop(inner);
            outer.wait("", None);
        }
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

/// A waker that a model waits for. Fails the model if it is called more than once a poll.
struct Called {
    parker: Parker,
    calls: AtomicUsize,
}

impl Called {
    fn new() -> (Arc<Called>, Waker) {
        let called = Arc::new(Called { parker: Parker::default(), calls: AtomicUsize::new(0) });
        (called.clone(), Waker::from(called))
    }
}

impl Wake for Called {
    fn wake(self: Arc<Called>) {
        self.calls.fetch_add(1, SeqCst);
        self.parker.unpark();
    }
}

/// A primitive that grants each wait once.
struct Pot {
    list: Mutex<List<Probe>>,
}

impl Pot {
    fn grant(&self) -> bool {
        let mut list = self.list.lock().unwrap();
        let wake = list.claim_first(None, |probe| probe.alone());
        drop(list);
        wake.map(|wake| wake.give()).is_some()
    }
}

#[test]
fn loom_a_wait_that_is_a_future_is_called_or_finds_its_claim() {
    loom::model(|| {
        let pot = Arc::new(Pot { list: Mutex::new(List::new()) });
        let poller = Arc::new(Poller::default());
        let waiter = Waiter::polled(poller.clone());
        let node = Node::new(&waiter, 0, Probe::new());
        // SAFETY: the node is claimed or removed before this closure returns.
        unsafe { pot.list.lock().unwrap().push_back(&node) };
        let granter = {
            let pot = pot.clone();
            thread::spawn(move || assert!(pot.grant()))
        };
        // Two polls, each with a waker of its own, as an executor that moves the future makes them.
        let wakers = [Called::new(), Called::new()];
        for (number, (called, waker)) in wakers.iter().enumerate() {
            poller.listen(waker);
            if waiter.claimed().is_some() {
                break;
            }
            if number == 1 {
                called.parker.park(None);
            }
        }
        assert!(waiter.claimed().is_some());
        // As `settle`: whoever granted the wait has finished with the node under the lock.
        drop(pot.list.lock().unwrap());
        drop(node);
        drop(waiter);
        drop(poller.take());
        granter.join().unwrap();
        let calls = wakers.iter().map(|(called, _)| called.calls.load(SeqCst)).sum::<usize>();
        assert!(calls <= 1);
    });
}

#[test]
fn loom_a_future_that_is_dropped_leaves_unclaimed_or_with_its_grant() {
    loom::model(|| {
        let pot = Arc::new(Pot { list: Mutex::new(List::new()) });
        let poller = Arc::new(Poller::default());
        let waiter = Waiter::polled(poller.clone());
        let node = Node::new(&waiter, 0, Probe::new());
        // SAFETY: the node is claimed or removed before this closure returns.
        unsafe { pot.list.lock().unwrap().push_back(&node) };
        let (called, waker) = Called::new();
        poller.listen(&waker);
        drop(waker);
        let granter = {
            let pot = pot.clone();
            thread::spawn(move || pot.grant())
        };
        // As the destructor of `ArmFuture` with the number by which a waiting side claims.
        let taken_back = waiter.claim(u32::MAX - 1);
        // SAFETY: the node was linked to this list.
        unsafe { pot.list.lock().unwrap().remove(&node) };
        drop(node);
        drop(waiter);
        drop(poller.take());
        drop(poller);
        let granted = granter.join().unwrap();
        assert_ne!(granted, taken_back);
        // Nobody keeps the waker.
        assert_eq!(Arc::strong_count(&called), 1);
    });
}
