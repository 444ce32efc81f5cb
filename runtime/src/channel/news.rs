//! Receivers that all wait for the same news.

use std::cell::Cell;
use std::time::Instant;

use crate::task::Reason;
use crate::waiters::{ArmNode, Locked, Node, Place, Queue};

/// What receivers wait for news of. Each waits for what is newer than the number that its node
/// carries.
pub(super) trait News {
    /// The number of the newest news. It only grows.
    fn newest(&self) -> u64;
}

/// Wakes all who wait for anything older than `news`.
pub(super) fn tell<S: News>(queue: &Queue<u64, S>, news: u64) {
    // One at a time: no list of wakes is needed. Whoever comes meanwhile has seen the news.
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

/// Waits for news; `false`: the deadline came first. There may be none after a `true`.
pub(super) fn wait<S: News>(
    queue: &Queue<u64, S>,
    locked: Locked<'_, u64, S>,
    deadline: Option<Instant>,
) -> bool {
    let seen = locked.newest();
    queue.wait(locked, seen, Reason::Receive, deadline).is_some()
}

/// The node of an arm that waits for news.
pub(super) struct NewsNode {
    node: ArmNode<Node<u64>>,
    /// The newest when it was linked.
    seen: Cell<u64>,
}

impl NewsNode {
    pub(super) fn new() -> NewsNode {
        NewsNode { node: ArmNode::new(), seen: Cell::new(0) }
    }

    /// Whether there are news since the link: those who wait are told of them one by one, later.
    pub(super) fn has_news<S: News>(&self, queue: &Queue<u64, S>) -> bool {
        queue.lock().newest() != self.seen.get()
    }

    /// Links the arm, for what is newer than the newest now. It does not unwind.
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

    /// Takes the link back. After this nobody is at the node, also if it was chosen.
    pub(super) fn unlink<S: News>(&self, queue: &Queue<u64, S>) {
        queue.unlink(&self.node);
    }
}
