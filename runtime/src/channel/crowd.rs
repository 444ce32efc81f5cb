//! Receivers that all wait for the same news.

use std::cell::Cell;
use std::time::Instant;

use crate::current;
use crate::lock::{Guard, Lock};
use crate::park::Woken;
use crate::task::Reason;
use crate::waiters::{ArmNode, List, Listed, Node, Place, Stay, Waiter};

/// A state with a list of those who wait for what is newer than the number that their node carries.
pub(super) trait Crowd {
    fn waiting(&mut self) -> &mut List<u64>;

    /// The number of the newest news. It only grows.
    fn news(&self) -> u64;
}

/// Wakes all who wait for anything older than `news`.
pub(super) fn tell<S: Crowd>(lock: &Lock<S>, news: u64) {
    // One at a time: no list of wakes is needed. Whoever comes meanwhile has seen the news.
    loop {
        let wake = {
            let mut state = lock.lock();
            let waiting = state.waiting();
            if waiting.first().is_none_or(|&seen| seen >= news) {
                return;
            }
            waiting.claim_first(current::here(), |_| ())
        };
        let Some(wake) = wake else { return };
        wake.give();
    }
}

/// Waits for news; `false`: the deadline came first. There may be none after a `true`.
pub(super) fn wait<S: Crowd>(
    lock: &Lock<S>,
    mut state: Guard<'_, S>,
    deadline: Option<Instant>,
) -> bool {
    let waiter = Waiter::solo();
    let node = Node::new(&waiter, 0, state.news());
    // SAFETY: `stay` unlinks it before node and waiter go.
    unsafe { state.waiting().push_back(&node) };
    drop(state);
    let stay = Stay::new(lock, &node);
    while waiter.claimed().is_none() {
        if waiter.park(Reason::Receive, deadline, || stay.leave()) == Woken::TimedOut {
            return false;
        }
    }
    true
}

impl<S: Crowd> Listed<u64> for &Lock<S> {
    fn remove(&self, node: &Node<u64>) -> bool {
        // SAFETY: the node was linked to this list.
        unsafe { self.lock().waiting().remove(node) }
    }
}

/// The node of an arm that waits for news.
pub(super) struct CrowdNode {
    node: ArmNode<Node<u64>>,
    /// The news when it was linked.
    seen: Cell<u64>,
}

impl CrowdNode {
    pub(super) fn new() -> CrowdNode {
        CrowdNode { node: ArmNode::new(), seen: Cell::new(0) }
    }

    /// Whether there are news since the link: those who wait are told of them one by one, later.
    pub(super) fn has_news<S: Crowd>(&self, lock: &Lock<S>) -> bool {
        lock.lock().news() != self.seen.get()
    }

    /// Links the arm, for what is newer than the news now. It does not unwind.
    pub(super) fn link<S: Crowd>(&self, state: &mut S, place: Place<'_>) {
        let seen = state.news();
        self.seen.set(seen);
        // SAFETY: an arm that is to be linked is linked nowhere.
        let node = unsafe { self.node.make(Node::new(place.waiter, place.arm, seen)) };
        // SAFETY: whoever links arms unlinks them before they and the waiter go.
        unsafe { state.waiting().push_back(node) };
    }

    /// Takes the link back. After this nobody is at the node, also if it was chosen.
    pub(super) fn unlink<S: Crowd>(&self, lock: &Lock<S>) {
        if let Some(node) = self.node.get() {
            // SAFETY: the node was linked to this list.
            unsafe { lock.lock().waiting().remove(node) };
        }
    }
}
