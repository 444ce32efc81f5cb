//! A wait with many ways to end: arms that are registered on the waiter itself, of which exactly
//! one is chosen.
//!
//! First each arm is tried where it stands. If none is ready, all of them link a node to the one
//! [`Waiter`], and the first claim chooses. An arm whose turn came between its try and its link says
//! so, and the round begins anew; so does one whose other side gave up after it had been chosen.
//! Arms that lose have taken nothing, and their nodes are out of every list before
//! [`choose`] returns.
//!
//! # Giving up
//!
//! A choice that does not wait, or no longer, may say that no arm was ready only if there was one
//! moment in the call at which none was. The tries do not show that: while the second arm is tried,
//! the first may become ready, and cease to be so when the second becomes ready. So [`give_up`]
//! links all arms, looks at them again, and claims the wait for itself. The moment is **L**, when
//! the last arm was linked. If the claim is won and the second look found nothing, no arm was ready
//! at L:
//!
//! - *Messages and room, partners at a rendezvous, closed channels, events, permits.* The link
//!   looks at the arm and puts the node into its list in one hold of its lock, so the arm was not
//!   ready when it was linked. Whoever makes it ready after that claims those who wait in the same
//!   hold, before the hold ends. Had it happened before L, the wait had been claimed before our own
//!   claim, which would have lost.
//! - *Queues whose word changes before their waits are claimed* (a wait group at zero, a promise
//!   that is settled, a semaphore that is closed): both are in one hold of the queue's lock, and
//!   the second look takes that lock. So it comes after the claims, or before the change.
//! - *News of `broadcast` and `watch`, an instant given back.* Those who wait are told one by one,
//!   later. But news have numbers that only grow, and the second look compares them with the
//!   link's: equal numbers mean that there were none in between.
//! - *Time.* An arm that becomes ready by the clock says when, right after its link. The clock is
//!   read after L, so what is due later was not due at L; and nobody takes what is not due.
//! - *Ends of tasks.* A task that has ended stays so, and the second look comes after L.
//! - *I/O.* The kernel tells nobody before the next poll, so these arms are only looked at, after
//!   L, past what the driver believes. A descriptor stays ready until somebody reads or writes. If
//!   others do that meanwhile, it may have been ready at L and not at the look: no system call
//!   shows several descriptors at one moment. This is the one case that is not covered.
//!
//! A claim by an arm between its link and our claim is a choice like any other: its grant is taken
//! by `settle`, be it a message, a permit or a partner at a rendezvous. So two choices that do not
//! wait may meet there, if both are linked at once. Who only watches takes nothing and looks again.
//!
//! To look again means that somebody else has got on: an arm that links as ready was made so by an
//! operation that has ended, and one that is ready no longer was used by another. The other way, a
//! counter of changes in every source that is read before and after the tries, would cost each
//! operation of each source an increment; this costs those alone that find nothing: two empty
//! channels took 22 ns and take 95 ns. A single arm is not linked, since one look at it tells the
//! truth.

use std::time::{Duration, Instant};

use super::{Choice, Place, Waiter};
use crate::clock;
use crate::current;
use crate::park::{self, Left, Woken};
use crate::task::Reason;
use crate::unwind::AbortIfPanic;

/// How long something may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    /// Not at all.
    Now,
    Until(Instant),
    Never,
}

impl Limit {
    pub(crate) fn within(timeout: Duration) -> Limit {
        clock::after(timeout).map_or(Limit::Never, Limit::Until)
    }

    #[inline(always)]
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Limit::Until(at) => Some(at),
            Limit::Now | Limit::Never => None,
        }
    }

    #[inline(always)]
    pub(crate) fn is_over(self) -> bool {
        match self {
            Limit::Now => true,
            Limit::Until(at) => clock::now() >= at,
            Limit::Never => false,
        }
    }
}

/// The claim of the waiting side itself.
const NOBODY: u32 = u32::MAX - 1;

/// The arms of a choice, by their numbers.
pub(crate) type Arms<'a> = &'a dyn Fn(usize) -> &'a dyn Choice;

/// What a wait does with what it finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aim {
    Take,
    /// Only to know which arm is ready.
    Watch,
}

/// Waits until one of the arms is chosen and returns its number; `None`: the limit came first.
///
/// `order` holds the numbers of all arms. Of several that are ready the first in it is chosen; if the
/// choice is `fair`, it is shuffled before each round.
pub(crate) fn choose(
    arms: Arms<'_>,
    order: &mut [usize],
    fair: bool,
    limit: Limit,
    aim: Aim,
) -> Option<usize> {
    park::spent();
    loop {
        if fair {
            for end in (2..=order.len()).rev() {
                order.swap(end - 1, current::random(end));
            }
        }
        let found = order.iter().find(|&&number| match aim {
            Aim::Take => arms(number).attempt(),
            Aim::Watch => arms(number).is_ready(),
        });
        if let Some(found) = found {
            return Some(*found);
        }
        if !limit.is_over() {
            if let Some(chosen) = wait(arms, order, limit.deadline(), aim) {
                return Some(chosen);
            }
        } else if order.len() < 2 && order.iter().all(|&number| arms(number).polled().is_none()) {
            // Of one arm, one look tells the truth, unless the kernel knows more by now.
            return None;
        } else {
            match give_up(arms, order, aim) {
                Verdict::Chosen(chosen) => return Some(chosen),
                Verdict::NoneWasReady => return None,
                Verdict::LookAgain => {}
            }
        }
    }
}

/// Links all arms and waits for a claim; `None`: it is time for another round.
fn wait(arms: Arms<'_>, order: &[usize], until: Option<Instant>, aim: Aim) -> Option<usize> {
    let waiter = Waiter::many();
    let mut links = Links { arms, waiter: &waiter, linked: &order[..0], chosen: None };
    let mut deadline = until;
    let mut reason = Reason::Select;
    let mut polled = Vec::new();
    let watches = aim == Aim::Watch;
    for (count, &number) in (1..).zip(order) {
        let arm = arms(number);
        links.linked = &order[..count];
        let place = Place { waiter: &waiter, arm: number as u32, watches, waits: true };
        if arm.link(place) && waiter.claim(NOBODY) {
            return None;
        }
        if waiter.claimed().is_some() {
            break;
        }
        deadline = earlier(deadline, arm.deadline());
        if let Some(poll) = arm.polled() {
            reason = Reason::SelectIo;
            if !waiter.is_task() {
                polled.push(poll);
            }
        }
    }
    let chosen = loop {
        if let Some(number) = waiter.claimed() {
            break number as usize;
        }
        let leave = || Left::if_withdrawn(waiter.claim(NOBODY));
        let (woken, ready) = if polled.is_empty() {
            (waiter.park(reason, deadline, leave), false)
        } else {
            waiter.park_polling(&polled, deadline, leave)
        };
        if woken != Woken::Perhaps || ready && waiter.claim(NOBODY) {
            return None;
        }
    };
    links.complete(chosen, aim)
}

/// What became of a choice that does not wait.
enum Verdict {
    Chosen(usize),
    /// An arm may have become ready.
    LookAgain,
    /// There was a moment at which no arm was ready.
    NoneWasReady,
}

/// Ends a choice whose time is up and whose arms were not ready, each in its own moment: finds one
/// moment for all of them, as the head of this file explains, or an arm that is ready.
#[inline(never)]
fn give_up(arms: Arms<'_>, order: &[usize], aim: Aim) -> Verdict {
    let waiter = Waiter::many();
    let mut links = Links { arms, waiter: &waiter, linked: &order[..0], chosen: None };
    let mut due = None;
    let watches = aim == Aim::Watch;
    for (count, &number) in (1..).zip(order) {
        let arm = arms(number);
        if arm.polled().is_some() {
            // Of I/O nobody tells before the next poll: it is looked at below.
            continue;
        }
        links.linked = &order[..count];
        let place = Place { waiter: &waiter, arm: number as u32, watches, waits: false };
        if arm.link(place) && waiter.claim(NOBODY) {
            return Verdict::LookAgain;
        }
        if waiter.claimed().is_some() {
            break;
        }
        due = earlier(due, arm.deadline());
    }
    let again = due.is_some_and(|at| clock::now() >= at)
        || order.iter().any(|&number| arms(number).has_turned());
    if waiter.claim(NOBODY) {
        return if again { Verdict::LookAgain } else { Verdict::NoneWasReady };
    }
    let chosen = waiter.claimed().expect("it was claimed before") as usize;
    links.complete(chosen, aim).map_or(Verdict::LookAgain, Verdict::Chosen)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

/// The links of arms, taken back when this is dropped.
struct Links<'a, 'o> {
    arms: Arms<'a>,
    waiter: &'o Waiter,
    linked: &'o [usize],
    /// Settles its link itself.
    chosen: Option<usize>,
}

impl Links<'_, '_> {
    /// Takes the links back and completes the choice of a claimed arm; `None`: nothing is chosen
    /// after all.
    #[inline]
    fn complete(mut self, chosen: usize, aim: Aim) -> Option<usize> {
        let arms = self.arms;
        self.chosen = Some(chosen);
        drop(self);
        if aim == Aim::Watch {
            arms(chosen).unlink();
            return None;
        }
        arms(chosen).settle().then_some(chosen)
    }
}

impl Drop for Links<'_, '_> {
    fn drop(&mut self) {
        // A park claims the wait before it throws. If anything else unwinds, the wait may have been
        // claimed by an arm, and whoever did that goes on to use the arm's node.
        let taken_back = self.chosen.is_some() || self.waiter.claim(NOBODY);
        if !taken_back && self.waiter.claimed() != Some(NOBODY) {
            drop(AbortIfPanic("a choice between its links and its end"));
        }
        for &number in self.linked {
            if Some(number) != self.chosen {
                (self.arms)(number).unlink();
            }
        }
    }
}
