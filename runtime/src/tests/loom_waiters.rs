//! Waits under a lock: the claim, the grant and the leaving, as a primitive writes them. The
//! primitive is a pot of permits.

use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::clock;
use crate::loom::{Mutex, MutexGuard};
use crate::park::Left;
use crate::task::Reason;
use crate::waiters::{List, Node, Waiter};

/// What a node is granted. Fails the model if it is touched without the lock, or after it is gone.
struct Grant(UnsafeCell<bool>);

impl Grant {
    fn none() -> Grant {
        Grant(UnsafeCell::new(false))
    }

    fn give(&mut self) {
        // SAFETY: by `&mut`.
        self.0.with_mut(|granted| unsafe { *granted = true });
    }

    fn is_given(&self) -> bool {
        // SAFETY: under the lock.
        self.0.with(|granted| unsafe { *granted })
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}

struct State {
    permits: usize,
    waiters: List<Grant>,
}

struct Pot(Mutex<State>);

impl Pot {
    fn new(permits: usize) -> Pot {
        Pot(Mutex::new(State { permits, waiters: List::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Puts one permit in: to the first who waits, if there is one.
    fn put(&self) {
        let wake = {
            let mut state = self.lock();
            let wake = state.waiters.claim_first(None, Grant::give);
            if wake.is_none() {
                state.permits += 1;
            }
            wake
        };
        if let Some(wake) = wake {
            wake.give();
        }
    }

    /// Takes one, waiting until the deadline. `false`: none came in time.
    fn take(&self, deadline: Option<Instant>) -> bool {
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, Grant::none());
        let link = {
            let mut state = self.lock();
            if state.permits > 0 {
                state.permits -= 1;
                return true;
            }
            // SAFETY: `Link` unlinks it before node and waiter go.
            unsafe { state.waiters.push_back(&node) };
            Link { pot: self, node: &node }
        };
        while waiter.claimed().is_none() && deadline.is_none_or(|at| clock::now() < at) {
            let _ = waiter
                .park(Reason::Park, deadline, || Left::if_withdrawn(waiter.claimed().is_none()));
        }
        link.leave()
    }
}

/// A node's stay in its pot.
struct Link<'a> {
    pot: &'a Pot,
    node: &'a Node<Grant>,
}

impl Link<'_> {
    /// `true`: a permit was granted.
    fn leave(&self) -> bool {
        let mut state = self.pot.lock();
        // SAFETY: the node was linked to this list.
        unsafe { state.waiters.remove(self.node) };
        // SAFETY: under the lock.
        unsafe { self.node.payload() }.is_given()
    }
}

/// Waits for a permit out of either pot. `None`: none came in time, and none was taken.
fn take_either(pots: &[Pot; 2], deadline: Option<Instant>) -> Option<usize> {
    let waiter = Waiter::many();
    let nodes = [0, 1].map(|arm| Node::new(&waiter, arm, Grant::none()));
    let mut links = Vec::new();
    for (pot, node) in pots.iter().zip(&nodes) {
        let mut state = pot.lock();
        if state.permits > 0 && waiter.claim(links.len() as u32) {
            state.permits -= 1;
            // SAFETY: under the lock.
            unsafe { node.payload() }.give();
        } else {
            // SAFETY: `Link` unlinks it before node and waiter go.
            unsafe { state.waiters.push_back(node) };
        }
        links.push(Link { pot, node });
        if waiter.claimed().is_some() {
            break;
        }
    }
    while waiter.claimed().is_none() && deadline.is_none_or(|at| clock::now() < at) {
        let _ =
            waiter.park(Reason::Park, deadline, || Left::if_withdrawn(waiter.claimed().is_none()));
    }
    let granted: Vec<bool> = links.iter().map(Link::leave).collect();
    let arm = waiter.claimed()? as usize;
    assert!(granted.iter().enumerate().all(|(at, &granted)| granted == (at == arm)));
    Some(arm)
}

fn put(pots: &Arc<[Pot; 2]>, arm: usize) -> thread::JoinHandle<()> {
    let pots = pots.clone();
    thread::spawn(move || pots[arm].put())
}

fn pots() -> Arc<[Pot; 2]> {
    Arc::new([Pot::new(0), Pot::new(0)])
}

#[test]
fn loom_a_grant_wakes_the_one_who_waits() {
    loom::model(|| {
        let pots = pots();
        let putter = put(&pots, 0);
        assert!(pots[0].take(None));
        putter.join().unwrap();
        assert_eq!(pots[0].lock().permits, 0);
    });
}

#[test]
fn loom_two_who_wait_are_both_granted() {
    loom::model(|| {
        let pots = pots();
        let taker = {
            let pots = pots.clone();
            thread::spawn(move || assert!(pots[0].take(None)))
        };
        let putter = put(&pots, 0);
        pots[0].put();
        assert!(pots[0].take(None));
        taker.join().unwrap();
        putter.join().unwrap();
        assert_eq!(pots[0].lock().permits, 0);
    });
}

#[test]
fn loom_a_wait_that_is_given_up_has_the_permit_or_left_it() {
    loom::model(|| {
        let pots = pots();
        let putter = put(&pots, 0);
        let taken = pots[0].take(Some(clock::now()));
        putter.join().unwrap();
        assert_eq!(pots[0].lock().permits, usize::from(!taken));
    });
}

#[test]
fn loom_a_grant_that_is_undone_goes_to_the_next() {
    loom::model(|| {
        let pots = pots();
        let leaver = {
            let pots = pots.clone();
            thread::spawn(move || {
                // Cancelled, as a task would be: what it was granted meanwhile it puts back.
                if pots[0].take(Some(clock::now())) {
                    pots[0].put();
                }
            })
        };
        let putter = put(&pots, 0);
        assert!(pots[0].take(None));
        leaver.join().unwrap();
        putter.join().unwrap();
        assert_eq!(pots[0].lock().permits, 0);
    });
}

#[test]
fn loom_of_many_arms_one_is_granted_and_the_others_take_nothing() {
    loom::model(|| {
        let pots = pots();
        let putters = [put(&pots, 0), put(&pots, 1)];
        let arm = take_either(&pots, None).unwrap();
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        assert_eq!(pots[arm].lock().permits, 0);
        assert_eq!(pots[1 - arm].lock().permits, 1);
    });
}

#[test]
fn loom_many_arms_given_up_take_one_or_nothing() {
    loom::model(|| {
        let pots = pots();
        let putters = [put(&pots, 0), put(&pots, 1)];
        let arm = take_either(&pots, Some(clock::now()));
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        for (at, pot) in pots.iter().enumerate() {
            assert_eq!(pot.lock().permits, usize::from(arm != Some(at)));
        }
    });
}
