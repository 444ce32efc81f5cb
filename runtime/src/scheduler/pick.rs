//! Which task a worker resumes next, and how one starts.

use std::cell::Cell;

use super::job;
use super::worker::Worker;
use crate::limits::{NEXT_STREAK_MAX, OLDEST_EVERY};
use crate::stack::{Job, Site, SizeClass, Stack, note_site};
use crate::task::{Flags, Header, TaskRef};
use crate::wake;

/// How many switches ahead a task's header is fetched (`FAR`), and its stack (`NEAR`). The stack's
/// address is in the header, so the header must have arrived by then.
const FAR: usize = 4;
const NEAR: usize = 2;

/// Cache lines fetched of a stack's innermost frames: those of the park and of the function that
/// called it.
const FRAME_LINES: usize = 3;

/// Cache lines fetched of the stack of a task that waited for a descriptor, or for a time. A system
/// call follows the one, and the kernel leaves little in the cache. The other has more frames, and
/// of many sleepers each has long been out of the cache.
const FRAME_LINES_DEEP: usize = 8;

/// The number of ready tasks from which on they are fetched in groups.
const MANY: usize = 4096;

/// The number of tasks that are fetched as a group.
const GROUP: usize = 8;

/// Cache lines fetched of each stack in a group. Fewer than of one stack at a time: how many lines
/// the memory brings at a time is what limits a group.
const FRAME_LINES_MANY: usize = 2;

/// What a worker remembers of the tasks it picked last.
#[derive(Debug, Default)]
pub(super) struct Picks {
    /// How many picks in a row took the task that was woken last: counted up to
    /// [`NEXT_STREAK_MAX`].
    streak: Cell<u32>,
    /// Whether, of a ready and an unstarted task, the unstarted one goes next.
    starts_next: Cell<bool>,
    /// How many tasks of the last fetched group have not been picked yet.
    fetched: Cell<usize>,
}

impl Worker {
    /// Picks the task to resume next, and gives it a stack if it has none.
    #[inline(always)]
    pub(super) fn pick(&self) -> Option<*const Header> {
        let wanted = self.core.wanted.get();
        if !wanted.is_null() {
            // What is wanted now is not wanted any more when another task has run.
            self.core.wanted.set(std::ptr::null());
        }
        let picked = self.core.picked.count();
        if (picked as u32).is_multiple_of(OLDEST_EVERY)
            && let Some(task) = self.start_oldest()
        {
            return Some(task);
        }
        if !wanted.is_null()
            && let Some(task) = self.start_wanted(wanted)
        {
            return Some(task);
        }
        let next = self.core.next.get();
        if !next.is_null() {
            // The count stops at the limit, since two tasks that wake each other may go on for
            // ever.
            let streak = self.picks.streak.get();
            if streak < NEXT_STREAK_MAX {
                self.picks.streak.set(streak + 1);
            }
            if streak < NEXT_STREAK_MAX || self.core.ready.is_empty() {
                self.core.next.set(std::ptr::null());
                return Some(next);
            }
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

    /// Fetches the headers and stacks of tasks that are picked soon, while others run. With many
    /// tasks alive, most of a switch is waiting for memory.
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
            // SAFETY: a task in the ready queue is alive, and belongs to this worker.
            match unsafe { (*near).reason.get() }.is_deep() {
                true => prefetch_stack::<FRAME_LINES_DEEP>(near),
                false => prefetch_stack::<FRAME_LINES>(near),
            }
        }
    }

    /// Fetches several tasks at once. The stacks of many tasks lie on more pages than the processor
    /// remembers. A fetch from an unknown page holds up all instructions after it, but the
    /// page-table look-ups of several fetches overlap.
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

    /// Starts the task `wanted`, in whose join the task stands that parked last, if it is the
    /// newest here.
    #[inline]
    pub(super) fn start_wanted(&self, wanted: *const Header) -> Option<*const Header> {
        let newest = self.unstarted.pop(&self.core)?;
        if newest.as_ptr() == wanted {
            return self.start_for(newest, true);
        }
        self.push_back(newest);
        None
    }

    /// Queues an unstarted task that was taken out of the queue, once more.
    pub(super) fn push_back(&self, task: TaskRef) {
        self.unstarted.push(&self.core, task);
        // A thief that looked meanwhile has missed the task, and this worker may be busy for long.
        self.sleep.owe_look();
    }

    pub(super) fn start_newest(&self) -> Option<*const Header> {
        let task = self.unstarted.pop(&self.core)?;
        self.start(task)
    }

    /// Gives an unstarted task a stack and claims it. `None`: there is no stack, so the task waits
    /// for one.
    pub(super) fn start(&self, task: TaskRef) -> Option<*const Header> {
        self.start_for(task, false)
    }

    /// Starts a task as [`Worker::start`] does. `joined`: a task of this worker stands in its join.
    #[inline(always)]
    fn start_for(&self, task: TaskRef, joined: bool) -> Option<*const Header> {
        let class = task.class.get();
        // Tasks that already wait for a stack of this size go first.
        if !self.no_stack.is_empty() && self.no_stack.is_short(class) {
            return self.start_later(task);
        }
        let mut stacks = self.core.stacks.borrow_mut();
        let Ok(stack) = stacks.take(class) else {
            drop(stacks);
            return self.start_later(task);
        };
        let own = stacks.is_clean(&stack);
        drop(stacks);
        Some(self.start_on(task, stack, own, joined))
    }

    /// Claims an unstarted task for this worker, and gives it `stack`, which is of the task's
    /// class. `own`: nobody has used that before. `joined`: a task of this worker stands in the
    /// task's join.
    #[inline(always)]
    fn start_on(&self, task: TaskRef, stack: Stack, own: bool, joined: bool) -> *const Header {
        let alone = joined && task.has_two_references();
        let requests = task.word.claim(self.core.mailbox.id(), alone);
        let raw = self.core.adopt(task, requests);
        // SAFETY: this worker has just claimed the task, so it is alive and its owner's fields are
        // this thread's.
        let header = unsafe { &*raw };
        if joined {
            header.set(Flags::JOINED_HERE);
        }
        header.own_stack.set(own);
        if self.cancelling.get() {
            wake::cancel(&self.core, header);
        }
        // SAFETY: this worker has just claimed the task, which therefore has no stack yet, and
        // gives it no other one.
        //
        // The worker holds a reference to the task until the stack has suspended after this job.
        // `run` aborts the process rather than unwind.
        unsafe {
            stack.give(Job::new(job::run, header));
            header.give_stack(stack);
        }
        raw
    }

    /// Notes how much of its stack a task that has ended has needed.
    #[cold]
    #[inline(never)]
    pub(super) fn look_at_stack(&self, task: &Header, stack: &Stack) {
        let class = task.class.get();
        if self.core.stacks.borrow_mut().looks(self.core.turned.get())
            && let Some(peak) = stack.touched(class)
        {
            note_site(Site::of(task.spawned_at, class.bytes(), peak));
        }
    }

    /// Starts a task as [`Worker::start_on`] does, with these flags, and queues it. For starts that
    /// are no picks.
    #[cold]
    pub(super) fn start_late(&self, task: TaskRef, stack: Stack, flags: u8) {
        let task = self.start_on(task, stack, false, false);
        // SAFETY: this worker has just claimed the task, so it is alive and its owner's fields are
        // this thread's.
        let header = unsafe { &*task };
        header.set(flags);
        if let Some(recorder) = &self.core.recorder {
            recorder.started(header);
        }
        self.core.ready.push(task);
    }

    /// Takes back the stack of a task that has ended: for a task that waits for one, or for the
    /// pool.
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
    // SAFETY: a task in the ready queue is alive, and belongs to this worker.
    let task = unsafe { &*task };
    // SAFETY: this is the thread of the task's owner, which alone may read the stack's place.
    if let Some(stack) = unsafe { task.stack() } {
        stack.prefetch::<FRAME_LINES>(task.depth.get());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::Location;
    use std::time::Duration;

    use super::*;
    use crate::current;
    use crate::scheduler::{Plan, Wait};
    use crate::spawn::{self, Placement, no_family};

    /// Runs `body` as a task of a worker, and `look` after each turn.
    fn run(body: impl FnOnce() + 'static, mut look: impl FnMut(&Worker)) {
        let worker = Worker::new(Plan::default().prepare_local().unwrap()).unwrap();
        let (options, at) = (spawn::Options::default(), Location::caller());
        // SAFETY: the closure and its value borrow nothing, and stay on this worker.
        let task = unsafe {
            spawn::spawn_unchecked(body, options, Placement::Worker(&worker), at, no_family)
        }
        .unwrap();
        let _inside = worker.enter();
        while !task.is_finished() {
            worker.turn(Wait::Yes);
            look(&worker);
        }
        task.wait();
        worker.shared().close();
        worker.run_to_end();
        worker.end();
    }

    /// A streak of picks is counted only as far as it matters. A count without a limit overflowed
    /// when two tasks alone woke each other for long enough.
    #[test]
    fn a_streak_is_counted_as_far_as_it_matters() {
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
        let mut longest = 0;
        run(body, |worker| longest = longest.max(worker.picks.streak.get()));
        assert_eq!(longest, NEXT_STREAK_MAX);
    }

    /// A joiner that leaves takes the handle along, perhaps to another thread, so from then on the
    /// worker is not alone with the task.
    #[test]
    fn a_worker_is_alone_with_a_task_while_one_of_its_tasks_joins_that() {
        run(
            || {
                let child = spawn::spawn_local(|| {
                    let (_, task) = current::task().unwrap();
                    let joined = task.is_alone_here();
                    let other = spawn::current();
                    let shared = task.is_alone_here();
                    drop(other);
                    spawn::park();
                    (joined, shared, task.is_alone_here())
                });
                let child = child.join_timeout(Duration::from_millis(1)).unwrap_err();
                assert!(!child.task().inner.has(Flags::JOINED_HERE));
                child.task().unpark();
                assert_eq!(child.wait(), (true, false, true));
                // Nobody has joined this one when it starts.
                let child = spawn::spawn_local(|| {
                    let (_, task) = current::task().unwrap();
                    let before = task.is_alone_here();
                    spawn::park();
                    (before, task.is_alone_here())
                });
                spawn::yield_now();
                child.task().unpark();
                assert_eq!(child.wait(), (false, true));
            },
            |_| (),
        );
    }
}
