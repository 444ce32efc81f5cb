//! Receivers that all wait for the same news: each news is told to all of them.

use std::cell::Cell;
use std::time::Instant;

use crate::task::Reason;
use crate::waiters::{ArmNode, Locked, Node, Place, Queue};

/// A state with news, which are numbered. The node of a receiver that waits carries the number of
/// the newest news that the receiver has seen.
pub(super) trait News {
    /// The number of the newest news. It only grows.
    fn newest(&self) -> u64;
}

/// Wakes all who have not seen `news`.
pub(super) fn tell<S: News>(queue: &Queue<u64, S>, news: u64) {
    // The waits are claimed one at a time, each under the lock, so no list of wakes is needed.
    // Whoever begins to wait meanwhile has seen the news.
    loop {
        let wake = {
            let mut waiting = queue.lock();
            if waiting.first().is_none_or(|seen| seen >= news) {
                return;
            }
            waiting.claim_first(|_| ())
        };
        let Some(wake) = wake else { return };
        wake.give();
    }
}

/// Waits for news. `false`: the deadline came first. After a `true` there may be none all the same.
pub(super) fn wait<S: News>(
    queue: &Queue<u64, S>,
    locked: Locked<'_, u64, S>,
    deadline: Option<Instant>,
) -> bool {
    let seen = locked.newest();
    queue.wait(locked, seen, Reason::Receive, deadline).is_some()
}

/// The node of a choice's arm that waits for news.
pub(super) struct NewsNode {
    node: ArmNode<Node<u64>>,
    /// The number of the newest news when the node was linked.
    seen: Cell<u64>,
}

impl NewsNode {
    pub(super) fn new() -> NewsNode {
        NewsNode { node: ArmNode::new(), seen: Cell::new(0) }
    }

    /// Whether there is news since the link. Waits are claimed one by one, so this one may not be
    /// yet.
    pub(super) fn has_news<S: News>(&self, queue: &Queue<u64, S>) -> bool {
        queue.lock().newest() != self.seen.get()
    }

    /// Links the arm, to wait for news that is newer than the newest now. Does not unwind.
    pub(super) fn link<S: News>(
        &self,
        queue: &Queue<u64, S>,
        locked: Locked<'_, u64, S>,
        place: Place<'_>,
    ) {
        let seen = locked.newest();
        self.seen.set(seen);
        queue.link(locked, &self.node, place, seen);
    }

    /// Takes the link back. After this nobody touches the node, even if it was chosen.
    pub(super) fn unlink<S: News>(&self, queue: &Queue<u64, S>) {
        queue.unlink(&self.node);
    }
}
