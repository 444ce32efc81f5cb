//! Reading the notes of parked tasks: what they wait for, in words.

use std::time::{Duration, Instant};

use crate::clock::Coarse;
use crate::current::Core;
use crate::task::{Header, Note, On, Run, Words};

/// A wait, as its note describes it.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) words: Words,
    pub(crate) since: Coarse,
    /// How long the wait has lasted: see the page of `note` in [`crate::task`].
    pub(crate) age: Duration,
    /// When the wait ends at the latest.
    pub(crate) deadline: Option<Instant>,
}

/// How many bytes of the stack of a task of this worker have been in use: see [`Stack::touched`].
///
/// [`Stack::touched`]: crate::stack::Stack::touched
///
/// # Panics
///
/// If the task is not one of this worker's.
pub(crate) fn stack_touched(core: &Core, task: &Header) -> Option<usize> {
    assert!(task.word.is_owned_by(core.mailbox.id()), "only its own worker looks into a task");
    // SAFETY: a `Core` does not leave its thread, so this is the thread of the task's owner, which
    // alone gives the task its stack and takes it.
    unsafe { task.stack() }?.touched(task.class.get())
}

/// What a task of this worker waits for. `None`: it is not parked.
///
/// # Panics
///
/// If the task is not one of this worker's.
pub(crate) fn noted(core: &Core, task: &Header) -> Option<Noted> {
    assert!(task.word.is_owned_by(core.mailbox.id()), "only its own worker looks into a task");
    if task.run.get() != Run::Parked {
        return None;
    }
    // SAFETY: a `Core` does not leave its thread, so this is the thread of the task's owner, and a
    // parked task keeps its stack.
    let stack = unsafe { task.stack() }.expect("a parked task has a stack");
    let place = stack.place(task.class.get(), task.depth.get(), &core.stacks.borrow());
    let reason = task.reason.get();
    let Some(place) = place else {
        let words = Words::of(reason, On::NOTHING);
        let since = Coarse::now();
        return Some(Noted { words, since, age: Duration::ZERO, deadline: None });
    };
    // SAFETY: the task is parked, and `park` suspends a task that parks with the address of its
    // note, which lies in the frame of that park. This is the only thread that resumes the task,
    // and it does not while `on` is used: `in_words` runs nobody else's code and does not wait.
    // So frame and note stand, and so does what the note borrows.
    let (on, since, deadline) = unsafe { Note::read(place) };
    Some(Noted { words: Words::of(reason, on), since, age: since.elapsed(), deadline })
}

/// Calls `each` for the stacks on which a task of this worker is suspended, innermost first, which
/// says where a walk of the stack's frames ends. More than its own these are if it waits inside
/// coroutines. `false`: it is not suspended.
///
/// # Panics
///
/// If the task is not one of this worker's.
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn each_stack(
    core: &Core,
    task: &Header,
    each: impl FnMut(crate::stack::Suspended<'_>) -> Option<crate::stack::Ended>,
) -> bool {
    assert!(task.word.is_owned_by(core.mailbox.id()), "only its own worker looks into a task");
    if !matches!(task.run.get(), Run::Parked | Run::Queued) {
        return false;
    }
    // SAFETY: a `Core` does not leave its thread, so this is the thread of the task's owner, and a
    // task that has started keeps its stack.
    let Some(stack) = (unsafe { task.stack() }) else { return false };
    // SAFETY: neither a parked task nor a queued one runs, and this is the only thread that resumes
    // it, which it does not do inside of `each`.
    unsafe { stack.suspended(each) };
    true
}
