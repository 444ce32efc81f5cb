//! Where the stacks go on with which a coroutine is suspended, for backtraces.
//!
//! A coroutine that suspends as a whole saves the registers of the innermost stack, wherever that
//! is. The stacks of gocoro's coroutines below it are known by their records, and each has a link
//! to whoever resumed it. A stack in between that is not gocoro's is one of another user of
//! `corosensei`, or of another library. Where it ends is not known, so its words are read by the
//! kernel. If a walk of its frames ends where all of `corosensei`'s coroutines begin, then the
//! frame pointer there is the address of the coroutine's link.

use std::cell::Cell;
use std::hint;
use std::io;
use std::ops::Range;
use std::panic::Location;
use std::ptr::{self, NonNull};

use super::saved::{self, Known};
use super::{Coroutine, Handle, Record};
use crate::stack::registers::{Bounds, Ended, Suspended, load, peek};
use crate::stack::{Job, Nested, SizeClass, Stack};

/// How many stacks of one task are looked at: more than any program nests.
const NESTED_MAX: usize = 64;

/// The words that a switch leaves on a stack.
const SAVED: usize = 3;

/// Where in them a suspended coroutine, and whoever has resumed one, has the address of the code
/// and the frame pointer.
const SUSPENDED: [usize; 2] = [0, 2];
const RESUMER: [usize; 2] = [1, 0];

/// The record of one of the stacks, which is suspended.
#[derive(Clone, Copy)]
struct Place<'a>(&'a Record);

impl<'a> Place<'a> {
    /// # Safety
    ///
    /// A record is at this address, and stays there while the answer is used.
    unsafe fn at(record: usize) -> Place<'a> {
        // SAFETY: the caller's promise. A record has interior mutability only.
        Place(unsafe { &*ptr::with_exposed_provenance::<Record>(record) })
    }

    fn address(self) -> usize {
        ptr::from_ref(self.0).addr()
    }

    /// The address of the link, above which the stack has no frames. Zero: it was never entered.
    fn link(self) -> usize {
        self.0.yielder.get().addr()
    }

    fn frames(self) -> Range<usize> {
        self.0.lowest..self.link()
    }

    /// What lies on this stack, or on one that is not known, and goes on with the three words at
    /// this address.
    fn suspended(self, at: usize, [pc, fp]: [usize; 2]) -> Option<Suspended<'a>> {
        if !at.is_multiple_of(size_of::<usize>()) {
            return None;
        }
        let frames = self.frames();
        let is_here = frames.contains(&at) && frames.end - at >= SAVED * size_of::<usize>();
        let word = |word: usize| {
            let address = at.wrapping_add(word * size_of::<usize>());
            match is_here {
                // SAFETY: the three words lie in the frames of a stack that is suspended.
                true => Some(unsafe { load(address) }),
                false => peek(address),
            }
        };
        let sp = at.wrapping_add(SAVED * size_of::<usize>());
        let bounds = if is_here { Bounds::End(frames.end) } else { Bounds::Unknown };
        Some(Suspended::new(word(pc)?, sp, word(fp)?, bounds))
    }

    /// What goes on when the coroutine with this link is left, which is on somebody else's stack.
    fn resumer(self, link: usize) -> Option<Suspended<'a>> {
        self.suspended(peek(link)?, RESUMER)
    }
}

impl Coroutine {
    /// Where this coroutine goes on, which has resumed another one.
    ///
    /// # Safety
    ///
    /// The one that it has resumed runs, or has resumed what runs, and does not go on while the
    /// answer is used. [`sample`] has succeeded.
    pub(in crate::stack) unsafe fn resumed(&self, inner: &Coroutine) -> Option<Suspended<'_>> {
        let link = Place(inner.get()).link();
        // SAFETY: the inner one was entered, so it has its link, which leads to who resumed it.
        let at = (link != 0).then(|| unsafe { load(link) })?;
        let own = Place(self.get());
        // A signal handler asks, so of what lies elsewhere nothing is said.
        own.frames().contains(&at).then(|| own.suspended(at, RESUMER))?
    }

    /// Calls `each` for the stacks on which the job of this one is suspended, innermost first:
    /// those of coroutines, gocoro's or others of `corosensei`'s, in which it waits, and this one.
    /// `each` says where a walk of the frames ends.
    ///
    /// # Safety
    ///
    /// The stack is suspended, in a job or idle, and is not resumed before this returns.
    pub(in crate::stack) unsafe fn suspended(
        &self,
        mut each: impl FnMut(Suspended<'_>) -> Option<Ended>,
    ) {
        let Some(Known { sp, root }) = saved::known() else { return };
        let own = Place(self.get());
        // SAFETY: the records of what is suspended with this stack stay where they are.
        let inner = |place: Place<'_>| unsafe { Place::at(place.0.inner.get()) };
        let mut place = inner(own);
        let mut next = place.suspended(saved::stack_pointer(self, sp), SUSPENDED);
        for _ in 0..NESTED_MAX {
            let Some(suspended) = next else { return };
            let is_known = suspended.is_bounded();
            let ended = each(suspended);
            next = match ended {
                _ if is_known && place.address() == own.address() => return,
                _ if is_known => {
                    // SAFETY: whoever is suspended was entered, so its link is there.
                    let at = unsafe { load(place.link()) };
                    place = inner(place);
                    place.suspended(at, RESUMER)
                }
                Some(Ended { pc, fp }) if pc == root => place.resumer(fp),
                _ => return,
            };
        }
    }
}

/// Where the first function of every coroutine returns to: beyond that, `corosensei` has its link.
/// By its rules unwinders go on from there to whoever has resumed the coroutine, if it runs.
pub(in crate::stack) fn root() -> Option<usize> {
    Some(saved::known()?.root)
}

/// What the test's functions share.
struct Call<'a, F> {
    stack: &'a Stack,
    class: SizeClass,
    inside: Cell<Option<F>>,
    refused: Cell<Option<io::Error>>,
}

/// Tests what is said of suspended stacks, on two of its own, one of which resumes the other:
/// `inside` runs on the inner one, and `each` is called for both while they are suspended by the
/// function that has called `inside`. The inner error says what is not as it should be.
///
/// # Errors
///
/// If there is no memory for the stacks.
pub(in crate::stack) fn sample<F: FnOnce() + Send + 'static>(
    inside: F,
    mut each: impl FnMut(Suspended<'_>) -> Option<Ended>,
) -> io::Result<Result<(), &'static str>> {
    const BYTES: usize = 128 * 1024;
    let class = SizeClass::holding(BYTES)?;
    // SAFETY: the handle refers to nothing.
    let stack = unsafe { Stack::new(class, Handle) }?;
    let (inside, refused) = (Cell::new(Some(inside)), Cell::new(None));
    let call = Call { stack: &stack, class, inside, refused };
    // SAFETY: the call is there until the job has ended, and does not unwind. The stack was made
    // just above, and is not running.
    unsafe {
        stack.give(Job::new(outer::<F>, &call));
        stack.resume();
    }
    let refused = call.refused.take();
    let mut found = 0;
    if refused.is_none() {
        // SAFETY: the stack is suspended, in `inner`, and goes on when its frames were looked at.
        unsafe {
            stack.coroutine.suspended(|suspended| {
                found += 1;
                each(suspended)
            });
            stack.resume();
        }
    }
    // SAFETY: the job has ended, and this is the stack's thread.
    unsafe { stack.free(class) };
    match (refused, saved::known()) {
        (Some(error), _) => Err(error),
        (None, None) => Ok(Err("a coroutine's saved stack pointer is not where it should be")),
        (None, Some(_)) if found < 2 => Ok(Err("whoever resumed a coroutine cannot be found")),
        (None, Some(_)) => Ok(Ok(())),
    }
}

/// # Safety
///
/// `call` points to a `Call<F>`, on whose stack this runs.
unsafe fn outer<F: FnOnce()>(call: NonNull<()>) {
    // SAFETY: the caller's promise.
    let call = unsafe { call.cast::<Call<'_, F>>().as_ref() };
    let nested = match Nested::take(call.class, Location::caller()) {
        Ok(nested) => nested,
        Err(error) => return call.refused.set(Some(error)),
    };
    // SAFETY: the call is there until this returns, and does not unwind. The stack has just got its
    // job, and `nested` stays where it is.
    unsafe {
        nested.give(Job::new(inner::<F>, call));
        nested.resume();
    }
    nested.put_back();
}

/// # Safety
///
/// `call` points to a `Call<F>`, and this runs in a coroutine that runs on its stack.
#[inline(never)]
unsafe fn inner<F: FnOnce()>(call: NonNull<()>) {
    // SAFETY: the caller's promise.
    let call = unsafe { call.cast::<Call<'_, F>>().as_ref() };
    let here = Cell::new(0u8);
    if let Some(inside) = call.inside.take() {
        inside();
    }
    // SAFETY: this runs in what the stack runs, and the engine's handle refers to no pool.
    unsafe { call.stack.suspend(call.class, (&raw const here).addr()) };
    hint::black_box(&here);
}
