//! Receivers that all wait for the same news: each news is told to all of them.

use std::cell::Cell;
use std::fmt;
use std::time::Instant;

use crate::clock;
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{ArmNode, Choice, Locked, Node, Place, Queue};

/// A state with news, which are numbered. The node of a receiver that waits carries the number of
/// the newest news that the receiver has seen.
pub(super) trait News {
    /// The number of the newest news. It only grows.
    fn newest(&self) -> u64;
}

/// Who receives from a state with news.
pub(super) trait Listener {
    type State: News;
    type Received;

    fn queue(&self) -> &Queue<u64, Self::State>;

    /// Receives what is there. `None`: nothing yet.
    fn try_receive(&self, state: &mut Self::State) -> Option<Self::Received>;

    /// Whether news has brought something to receive.
    fn is_told(&self, state: &mut Self::State) -> bool;

    /// When the clock brings something to receive. `None`: never.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// What is waited for, without where the channel was created.
    const PLAIN: &'static str;

    /// Says what is waited for.
    fn in_words(&self, words: &mut Words);
}

/// Who receives, as what a task waits for.
struct Told<'a, L>(&'a L);

impl<L: Listener> Legible for Told<'_, L> {
    const PLAIN: Plain = Plain::of(L::PLAIN);
}

impl<L: Listener> Described for Told<'_, L> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        self.0.in_words(words);
    }
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

/// Receives, and waits until there is something to receive. `None`: the deadline came first.
pub(super) fn receive<L: Listener>(listener: &L, deadline: Option<Instant>) -> Option<L::Received> {
    let mut late = false;
    loop {
        let mut state = listener.queue().lock();
        if let Some(received) = listener.try_receive(&mut state) {
            return Some(received);
        }
        if late {
            return None;
        }
        late = !wait(listener, state, deadline);
    }
}

/// Waits for news. `false`: the deadline came first. After a `true` there may be none all the same.
pub(super) fn wait<L: Listener>(
    listener: &L,
    locked: Locked<'_, u64, L::State>,
    deadline: Option<Instant>,
) -> bool {
    let seen = locked.newest();
    let told = Told(listener);
    listener.queue().wait(locked, seen, Reason::Receive.on(&told), deadline).is_some()
}

/// A receive of news as an arm of a choice. `L` is a [`Listener`], and `R` what that receives.
#[doc(hidden)]
pub struct NewsArm<'a, L, R> {
    listener: &'a L,
    node: ArmNode<Node<u64>>,
    /// The number of the newest news when the node was linked.
    seen: Cell<u64>,
    received: Cell<Option<R>>,
}

impl<'a, L, R> NewsArm<'a, L, R> {
    pub(super) fn new(listener: &'a L) -> Self {
        NewsArm { listener, node: ArmNode::new(), seen: Cell::new(0), received: Cell::new(None) }
    }

    pub(super) fn listener(&self) -> &'a L {
        self.listener
    }

    /// What the choice took.
    pub(super) fn received(&self) -> Option<R> {
        self.received.take()
    }
}

// SAFETY: `unlink` and `settle` take the node out under the queue's lock, and after that nobody
// reaches the node or its wait. `link` puts the node into the queue, and does not unwind.
unsafe impl<L: Listener<Received = R>, R> Choice for NewsArm<'_, L, R> {
    fn attempt(&self) -> bool {
        let received = self.listener.try_receive(&mut self.listener.queue().lock());
        let chosen = received.is_some();
        self.received.set(received);
        chosen
    }

    fn is_ready(&self) -> bool {
        self.listener.is_told(&mut self.listener.queue().lock())
            || self.listener.due().is_some_and(|due| clock::now() >= due)
    }

    /// Links the arm, to wait for news that is newer than the newest now. What the clock brings
    /// shows in the deadline, which is asked next.
    fn link(&self, place: Place<'_>) -> bool {
        let queue = self.listener.queue();
        let mut state = queue.lock();
        let ready = self.listener.is_told(&mut state);
        let seen = state.newest();
        self.seen.set(seen);
        queue.link(state, &self.node, place, seen);
        ready
    }

    fn unlink(&self) {
        self.listener.queue().unlink(&self.node);
    }

    fn settle(&self) -> bool {
        self.unlink();
        self.attempt()
    }

    /// Whether there is news since the link. Waits are claimed one by one, so this one may not be
    /// yet. What the clock has brought shows in the deadline.
    fn has_turned(&self) -> bool {
        self.listener.queue().lock().newest() != self.seen.get()
    }

    fn deadline(&self) -> Option<Instant> {
        self.listener.due()
    }

    fn in_words(&self, words: &mut Words) {
        self.listener.in_words(words);
    }
}

impl<L, R> fmt::Debug for NewsArm<'_, L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewsArm").finish_non_exhaustive()
    }
}
