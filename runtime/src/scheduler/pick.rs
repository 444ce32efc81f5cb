//! Which task a worker resumes next, and how one starts.

use std::cell::Cell;

use super::worker::Worker;
use crate::limits::{NEXT_STREAK_MAX, OLDEST_EVERY};
use crate::stack::{SizeClass, Stack};
use crate::task::{Flags, Header, TaskRef};

/// How many switches ahead a task's header is fetched, and its stack, for which the header must
/// have come.
const FAR: usize = 4;
const NEAR: usize = 2;

/// Cache lines of the innermost frames that are fetched: those of a park and of what called it.
const FRAME_LINES: usize = 3;

/// Cache lines that are fetched of a task that waited for a descriptor: a system call follows, and
/// the kernel leaves little in the cache.
const FRAME_LINES_IO: usize = 8;

/// From so many tasks in the queue on, they are fetched in groups.
const MANY: usize = 4096;

/// Tasks that are fetched as a group.
const GROUP: usize = 8;

/// Cache lines that are fetched of each task of a group: what limits a group is how many lines the
/// memory brings at a time.
const FRAME_LINES_MANY: usize = 1;

/// What a worker remembers of its last picks.
#[derive(Debug, Default)]
pub(super) struct Picks {
    /// How many there were, as far as a number goes.
    count: Cell<u32>,
    /// How many in a row were the task that was woken last, up to [`NEXT_STREAK_MAX`].
    streak: Cell<u32>,
    /// With both kinds there, the next one is an unstarted task.
    starts_next: Cell<bool>,
    /// How many of the tasks that were fetched as a group have not been picked.
    fetched: Cell<usize>,
}

impl Worker {
    /// The next task to resume, with its stack.
    #[inline(always)]
    pub(super) fn pick(&self) -> Option<*const Header> {
        let picks = self.picks.count.get().wrapping_add(1);
        self.picks.count.set(picks);
        if picks.is_multiple_of(OLDEST_EVERY)
            && let Some(task) = self.start_oldest()
        {
            return Some(task);
        }
        let wanted = self.core.wanted.replace(std::ptr::null());
        if !wanted.is_null()
            && let Some(task) = self.start_wanted(wanted)
        {
            return Some(task);
        }
        let next = self.core.next.get();
        if !next.is_null()
            && (self.picks.streak.get() < NEXT_STREAK_MAX || self.core.ready.is_empty())
        {
            // The count stops at the limit: two tasks that wake each other may go on for ever.
            self.picks.streak.set((self.picks.streak.get() + 1).min(NEXT_STREAK_MAX));
            self.core.next.set(std::ptr::null());
            return Some(next);
        }
        self.picks.streak.set(0);
        // Ready and unstarted tasks take turns, so that neither kind keeps the other waiting.
        if !self.unstarted.is_empty(&self.core)
            && let Some(task) = self.start_in_turn()
        {
            return Some(task);
        }
        if let Some(task) = self.core.ready.pop() {
            self.prefetch();
            return Some(task);
        }
        self.start_newest()
    }

    /// With many tasks alive, most of a switch is waiting for memory: the ones that come soon are
    /// fetched while others run.
    #[inline(always)]
    pub(super) fn prefetch(&self) {
        let ready = &self.core.ready;
        if ready.len() >= MANY {
            return self.prefetch_group();
        }
        if let Some(far) = ready.peek(FAR) {
            Header::prefetch(far);
        }
        if let Some(near) = ready.peek(NEAR) {
            // SAFETY: queued tasks are alive, and this worker's.
            match unsafe { (*near).reason.get() }.is_io() {
                true => prefetch_stack::<FRAME_LINES_IO>(near),
                false => prefetch_stack::<FRAME_LINES>(near),
            }
        }
    }

    /// Fetches several tasks at once. The stacks of many lie on more pages than the processor
    /// knows, and a fetch from an unknown page holds up all instructions after it; side by side,
    /// the look-ups in the page tables overlap.
    #[inline(always)]
    fn prefetch_group(&self) {
        let left = self.picks.fetched.get();
        if left > 0 {
            return self.picks.fetched.set(left - 1);
        }
        self.picks.fetched.set(GROUP - 1);
        let ready = &self.core.ready;
        (FAR + GROUP..FAR + 2 * GROUP).filter_map(|at| ready.peek(at)).for_each(Header::prefetch);
        (FAR..FAR + GROUP)
            .filter_map(|at| ready.peek(at))
            .for_each(prefetch_stack::<FRAME_LINES_MANY>);
    }

    #[inline(always)]
    fn start_in_turn(&self) -> Option<*const Header> {
        if self.owes_starts() {
            return self.start_owed();
        }
        if self.picks.starts_next.replace(!self.picks.starts_next.get()) {
            self.start_newest()
        } else {
            None
        }
    }

    /// Starts this task if it is the newest here.
    #[inline]
    pub(super) fn start_wanted(&self, wanted: *const Header) -> Option<*const Header> {
        let newest = self.unstarted.pop(&self.core)?;
        if newest.as_ptr() == wanted {
            return self.start(newest);
        }
        self.push_back(newest);
        None
    }

    /// Queues an unstarted task again that was taken out.
    pub(super) fn push_back(&self, task: TaskRef) {
        self.unstarted.push(&self.core, task);
        // A worker that looked meanwhile has not seen it, and this one may be busy for long.
        self.sleep.owe_look();
    }

    pub(super) fn start_newest(&self) -> Option<*const Header> {
        let task = self.unstarted.pop(&self.core)?;
        self.start(task)
    }

    /// Gives an unstarted task a stack and claims it. `None`: there is no stack, so it waits for
    /// one.
    #[inline]
    pub(super) fn start(&self, task: TaskRef) -> Option<*const Header> {
        let class = task.class.get();
        // Tasks that wait for a stack of this size go first.
        if !self.no_stack.is_empty() && self.no_stack.is_short(class) {
            return self.start_later(task);
        }
        let Ok(stack) = self.core.stacks.borrow_mut().take(class) else {
            return self.start_later(task);
        };
        Some(self.start_on(task, stack))
    }

    /// Claims an unstarted task for this stack of its class.
    #[inline(always)]
    pub(super) fn start_on(&self, task: TaskRef, stack: Stack) -> *const Header {
        let requests = task.word.claim(self.core.mailbox.id());
        let raw = self.core.adopt(task, requests);
        // SAFETY: claimed by this worker just now, so alive, and its fields are this thread's.
        let header = unsafe { &*raw };
        if self.cancelling.get() {
            header.word.mark_cancelled();
            header.set(Flags::CANCEL);
        }
        // SAFETY: as above.
        unsafe { header.give_stack(stack) };
        raw
    }

    /// Takes the stack of a task that ended back.
    #[inline]
    pub(super) fn put_stack(&self, stack: Stack, class: SizeClass) {
        if !self.no_stack.is_empty() {
            return self.put_stack_for_waiting(stack, class);
        }
        self.core.stacks.borrow_mut().put(stack, class);
    }
}

#[inline(always)]
fn prefetch_stack<const FRAME_LINES: usize>(task: *const Header) {
    // SAFETY: queued tasks are alive, and this worker's.
    let task = unsafe { &*task };
    // SAFETY: on the owner's thread.
    if let Some(stack) = unsafe { task.stack() } {
        stack.prefetch::<FRAME_LINES>(task.depth.get());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::scheduler::{Plan, Wait};
    use crate::spawn::{self, Placement, alone};

    /// The count overflowed in the end if two tasks alone woke each other for long enough.
    #[test]
    fn a_streak_is_counted_as_far_as_it_matters() {
        let worker = Worker::new(Plan::default().prepare_local().unwrap()).unwrap();
        let body = || {
            let first = spawn::current();
            let other = spawn::spawn_local(move || {
                for _ in 0..1000 {
                    spawn::park();
                    first.unpark();
                }
            });
            for _ in 0..1000 {
                other.task().unpark();
                spawn::park();
            }
            other.wait();
        };
        let (options, at) = (spawn::Options::default(), Location::caller());
        // SAFETY: the closure and its value borrow nothing, and stay on this worker.
        let task =
            unsafe { spawn::spawn_unchecked(body, options, Placement::Worker(&worker), at, alone) }
                .unwrap();
        let _inside = worker.enter();
        let mut longest = 0;
        while !task.is_finished() {
            worker.turn(Wait::Yes);
            longest = longest.max(worker.picks.streak.get());
        }
        assert_eq!(longest, NEXT_STREAK_MAX);
        worker.shared().close();
        worker.run_to_end();
        worker.end();
    }
}
