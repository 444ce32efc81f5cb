//! Who holds a lock, as a number that fits into the lock's word.

use std::fmt;
use std::panic::Location;

use crate::cycle::Node;
use crate::task::{Naming, Whom};
use crate::{current, trace};

/// Set while the word names a holder.
pub(super) const HELD: u64 = 1 << 0;
/// Set while somebody waits in the queue, so that the holder has to look there. Never part of a
/// name.
pub(super) const WAITERS: u64 = 1 << 1;
/// Set if the holder is a plain thread.
const THREAD: u64 = 1 << 2;
const SHIFT: u32 = 3;

/// What the bits mean, for [`Plain`](crate::task::Plain): HELD, THREAD, SHIFT.
pub(super) const BITS: [u32; 3] = [HELD as u32, THREAD as u32, SHIFT];

/// The name of the task or thread that calls this. A task's name is never used again, a thread's is
/// once the thread has ended.
#[inline(always)]
pub(super) fn me() -> u64 {
    match current::task() {
        Some((_, task)) => (task.id << SHIFT) | HELD,
        // A thread's mark is an address and a multiple of eight, so its lowest three bits are free.
        None => current::thread_mark() as u64 | THREAD | HELD,
    }
}

/// Whoever the word names as the holder, if it names one.
pub(super) fn whom(word: u64) -> Option<Whom> {
    match word {
        _ if word & HELD == 0 => None,
        _ if word & THREAD != 0 => Some(Whom::Thread((word >> SHIFT << SHIFT) as usize)),
        _ => Some(Whom::Task { id: word >> SHIFT, name: None }),
    }
}

/// The task that the word names as the holder, or nobody.
#[inline(always)]
pub(super) fn node(word: u64) -> Node {
    if word & (HELD | THREAD) == HELD { Node::task(word >> SHIFT) } else { Node::NOBODY }
}

/// Panics if the word names `me` as the holder: `me` is about to wait, and would wait for itself.
#[track_caller]
pub(super) fn refuse_again(word: u64, me: u64, what: &'static str) {
    if word & !WAITERS == me {
        panic!("{Me} {what}, which could never end");
    }
}

/// Tells a `tracing` subscriber, if there is one, that whoever calls this finds the lock at this
/// address taken. Called before the wait, without any lock.
#[track_caller]
pub(super) fn tell_contended<T>(what: &'static str, lock: &T, word: u64) {
    if trace::is_on() {
        contended(what, std::ptr::from_ref(lock).addr(), word, Location::caller());
    }
}

#[cold]
fn contended(what: &'static str, address: usize, word: u64, at: &Location<'_>) {
    let holder = whom(word);
    let holder = holder.as_ref().map(|whom| whom as &dyn fmt::Display);
    current::off_task(|| trace::contended(what, address, holder, at));
}

struct Me;

impl fmt::Display for Me {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match current::task() {
            Some((_, task)) => Naming(task).fmt(f),
            None => match std::thread::current().name() {
                Some(name) => write!(f, "thread '{name}'"),
                None => f.write_str("a thread"),
            },
        }
    }
}
