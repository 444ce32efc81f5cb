//! A wait with many ways to end: several arms, of which exactly one is chosen.
//!
//! First each arm is attempted. If none is ready, all of them link a node to one [`Waiter`], and
//! the first claim chooses. An arm that became ready between its attempt and its link says so, and
//! the next round begins. The next round also begins if the other side of a chosen arm gave up.
//! Arms that lose have taken nothing, and [`choose`] does not return before their nodes are out of
//! every list.
//!
//! # Giving up
//!
//! A choice that does not wait, or does not wait any longer, may say that no arm was ready only if
//! there was one moment in the call at which none was. The attempts do not show that: while the
//! second arm is attempted, the first may become ready, and it may cease to be ready when the
//! second becomes so. So [`give_up`] links all arms, looks at all of them again, and claims the
//! wait for itself. The moment is **L**, when the last arm was linked. If the claim is won and the
//! second look found nothing, no arm was ready at L:
//!
//! - *Messages and room, partners at a rendezvous, closed channels, events, permits.* The link
//!   looks at the arm and puts the node into its list in one hold of the arm's lock, so the arm was
//!   not ready when it was linked. Whoever makes the arm ready after that claims its waits before
//!   releasing the lock. Had that happened before L, the wait would have been claimed, and our own
//!   claim would have lost.
//! - *Queues whose word changes before their waits are claimed* (a wait group at zero, a promise
//!   that is settled, a semaphore that is closed). Change and claims are in one hold of the queue's
//!   lock, and the second look takes that lock. So the second look comes after the claims, or
//!   before the change.
//! - *News of `broadcast` and `watch`, an instant given back.* The waits are claimed one by one,
//!   later. But the numbers of the news only grow, and the second look compares them with those
//!   that the link saw: equal numbers mean that there was no news in between.
//! - *Time.* An arm that becomes ready by the clock says when, right after its link. The clock is
//!   read after L, so what is due later was not due at L; and nobody takes what is not due.
//! - *Ends of tasks.* A task that has ended stays ended, and the second look comes after L.
//! - *I/O.* The kernel reports nothing before the next poll, so these arms are not linked. They are
//!   looked at after L, by asking the kernel and not the driver's memory. A descriptor stays ready
//!   until somebody reads or writes. If somebody else does meanwhile, the descriptor may have been
//!   ready at L and not at the look: no system call shows several descriptors at one moment. This
//!   is the one case that is not covered.
//!
//! A claim by an arm between its link and our claim is a choice like any other: `settle` takes the
//! grant, be it a message, a permit or a partner at a rendezvous. So two choices that do not wait
//! may meet at a rendezvous, if both are linked at once. A choice that only watches takes nothing
//! and looks again.
//!
//! A round more means that others have got on: an arm that links as ready was made so by an
//! operation that has ended, and an arm that is ready no longer was used by another operation. The
//! alternative is a counter of changes in every source, read before and after the attempts. It
//! would cost each operation of each source an increment, whereas links cost only those choices
//! that find nothing: for two empty channels 95 ns instead of 22 ns. A single arm is not linked,
//! since one look at it tells the truth.

use std::time::{Duration, Instant};

use super::{Choice, Place, Waiter};
use crate::clock;
use crate::current;
use crate::park::{self, Left, Woken};
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::unwind::AbortIfPanic;

/// How long a choice or an operation may wait.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Not at all.
    Now,
    /// Until this time.
    Until(Instant),
    /// Without a limit.
    Never,
}

impl Limit {
    /// For so long from now on.
    pub fn within(timeout: Duration) -> Limit {
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

/// The number by which the waiting side claims its own wait, so that no arm can any more.
pub(super) const NOBODY: u32 = u32::MAX - 1;

/// How many arms of a choice a description names.
const ARMS_SHOWN: usize = 8;

/// The arms of a choice, found by their numbers.
pub(crate) type Arms<'a> = &'a dyn Fn(usize) -> &'a dyn Choice;

/// What a choice does with an arm that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aim {
    Take,
    /// Only finds out which arm is ready.
    Watch,
}

/// Waits until one of the arms is chosen, and returns its number. `None`: the limit came first.
///
/// `order` holds the numbers of all arms. If several arms are ready, the first in `order` is
/// chosen. If the choice is `fair`, `order` is shuffled before each round.
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
            // One look at a single arm tells the truth, unless the kernel knows of newer I/O.
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

/// Links all arms and waits for a claim. `None`: the next round is due.
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
            if arm.is_io() {
                reason = Reason::SelectIo;
            } else if reason == Reason::Select {
                reason = Reason::Signal;
            }
            if !waiter.is_task() {
                polled.push(poll);
            }
        }
    }
    let choosing = Choosing { arms, order };
    let chosen = loop {
        if let Some(number) = waiter.claimed() {
            break number as usize;
        }
        let leave = || Left::if_withdrawn(waiter.claim(NOBODY));
        let (woken, ready) = if polled.is_empty() {
            (waiter.park(reason.on(&choosing), deadline, leave), false)
        } else {
            waiter.park_polling(&polled, deadline, leave)
        };
        if woken != Woken::Perhaps || ready && waiter.claim(NOBODY) {
            return None;
        }
    };
    links.complete(chosen, aim)
}

/// A choice, as what a task waits for.
struct Choosing<'a, 'o> {
    arms: Arms<'a>,
    order: &'o [usize],
}

impl Legible for Choosing<'_, '_> {
    const PLAIN: Plain = Plain::of("select");
}

impl Described for Choosing<'_, '_> {
    fn in_words(&self, _: Reason, words: &mut Words) {
        if let [only] = self.order {
            return (self.arms)(*only).in_words(words);
        }
        words.say(format_args!("select of {} arms", self.order.len()));
        // In the order of the program, and not in that of this choice's look.
        let mut numbers = self.order.to_vec();
        numbers.sort_unstable();
        for (count, &number) in numbers.iter().take(ARMS_SHOWN).enumerate() {
            let mut arm = Words::default();
            (self.arms)(number).in_words(&mut arm);
            words.say(format_args!("{} {arm}", if count == 0 { ":" } else { "," }));
        }
        if let Some(more) = numbers.len().checked_sub(ARMS_SHOWN + 1) {
            words.say(format_args!(" and {} more", more + 1));
        }
    }
}

/// How a choice that does not wait ended.
enum Verdict {
    Chosen(usize),
    /// An arm may have become ready, so all are attempted again.
    LookAgain,
    /// There was a moment at which no arm was ready.
    NoneWasReady,
}

/// Ends a choice whose time is up, after attempts that found no arm ready at different moments.
/// Finds one moment at which no arm was ready, as the head of this file explains, or an arm that is
/// ready.
#[inline(never)]
fn give_up(arms: Arms<'_>, order: &[usize], aim: Aim) -> Verdict {
    let waiter = Waiter::many();
    let mut links = Links { arms, waiter: &waiter, linked: &order[..0], chosen: None };
    let mut due = None;
    let watches = aim == Aim::Watch;
    for (count, &number) in (1..).zip(order) {
        let arm = arms(number);
        if arm.polled().is_some() {
            // The kernel reports no I/O before the next poll: `has_turned` below asks it instead.
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

/// The links of a choice's arms, taken back when this is dropped.
struct Links<'a, 'o> {
    arms: Arms<'a>,
    waiter: &'o Waiter,
    linked: &'o [usize],
    /// The arm that was chosen: its `settle` takes its link back.
    chosen: Option<usize>,
}

impl Links<'_, '_> {
    /// Takes the links back and completes the choice of the claimed arm. `None`: nothing is chosen
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
        // A park claims the wait before it throws, so this claim fails only if something else
        // unwinds. Then an arm may have claimed the wait, and whoever did goes on to use the arm's
        // node.
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
