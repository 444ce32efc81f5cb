//! Tasks for which no stack can be had.
//!
//! Stacks are short of one size at a time: a task that asks for another size starts all the same. A
//! task for which its worker has no stack is handed to each other worker once, since those keep
//! idle stacks. The last of them lets the task wait for a stack of its size. It refuses the task
//! when it would go to sleep, since then nothing is about to give a stack back, and after
//! [`STACK_WAIT_MAX`] at the latest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::panic::Location;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::worker::Worker;
use crate::clock;
use crate::limits::{BATCH_TASKS, HAND_OVER_PATIENCE, STACK_RETRY, STACK_WAIT_MAX};
use crate::stack::{self, SizeClass, Stack};
use crate::task::{Header, TaskRef};

/// A worker's unstarted tasks that wait for stacks.
#[derive(Debug, Default)]
pub(super) struct NoStack {
    /// The waiting tasks, by the size of their stacks. A size for which none waits has no entry.
    sizes: RefCell<Vec<Short>>,
    /// The length of `sizes`, kept apart since each start of a task asks for it.
    count: Cell<usize>,
    /// When this worker last handed a task over to another one.
    handed_over: Cell<Option<Instant>>,
    /// When this worker last asked the system for stacks for waiting tasks.
    asked: Cell<Option<Instant>>,
}

/// Tasks that wait for stacks of one size, each with the time since when. The longest wait is
/// first.
#[derive(Debug)]
struct Short {
    class: SizeClass,
    waiting: VecDeque<(TaskRef, Instant)>,
}

impl NoStack {
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    pub(super) fn is_short(&self, class: SizeClass) -> bool {
        self.sizes.borrow().iter().any(|short| short.class == class)
    }

    fn push(&self, task: TaskRef) {
        let (class, entry) = (task.class.get(), (task, clock::now()));
        let mut sizes = self.sizes.borrow_mut();
        match sizes.iter_mut().find(|short| short.class == class) {
            Some(short) => short.waiting.push_back(entry),
            None => sizes.push(Short { class, waiting: VecDeque::from([entry]) }),
        }
        self.count.set(sizes.len());
    }

    /// Takes the task that has waited longest, of those whose stack size and begin of the wait
    /// `which` accepts.
    fn take(&self, which: impl Fn(SizeClass, Instant) -> bool) -> Option<TaskRef> {
        let mut sizes = self.sizes.borrow_mut();
        let longest = sizes.iter().enumerate().filter_map(|(at, short)| {
            let (_, since) = short.waiting.front()?;
            which(short.class, *since).then_some((*since, at))
        });
        let (_, at) = longest.min()?;
        let (task, _) = sizes[at].waiting.pop_front()?;
        if sizes[at].waiting.is_empty() {
            sizes.remove(at);
        }
        self.count.set(sizes.len());
        Some(task)
    }

    /// Whether this worker has just handed over a task for which it had no stack. It must not steal
    /// the task back before the other worker has looked.
    pub(super) fn has_handed_over(&self) -> bool {
        let Some(at) = self.handed_over.get() else { return false };
        let recent = clock::now() < at + HAND_OVER_PATIENCE;
        if !recent {
            self.handed_over.set(None);
        }
        recent
    }

    /// How long this worker may sleep at most, if it has handed over a task: then it looks whether
    /// the task was taken.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.handed_over.get().map(|_| HAND_OVER_PATIENCE)
    }
}

impl Worker {
    /// Puts aside a task for which there is no stack. The task goes to a worker that has not been
    /// asked, or waits here if there is none. Always `None`: nothing has started.
    #[cold]
    pub(super) fn start_later(&self, task: TaskRef) -> Option<*const Header> {
        // If there are more workers than bits, some are not asked.
        let bit = |worker: usize| 1 << (worker % u32::BITS as usize);
        let asked = task.without_stack().get() | bit(self.index);
        task.without_stack().set(asked);
        let workers = self.shared.seats.len();
        let others = (1..workers).map(|step| (self.index + step) % workers);
        match others.into_iter().find(|&worker| asked & bit(worker) == 0) {
            Some(next) if !task.kind.local => {
                // This is noted before the task can be stolen back.
                self.no_stack.handed_over.set(Some(clock::now()));
                self.shared.place_at(&self.shared.seats[next], task);
            }
            _ => self.no_stack.push(task),
        }
        None
    }

    /// Gives a stack that has become free to the task that has waited longest for one of its size.
    #[cold]
    pub(super) fn put_stack_for_waiting(&self, stack: Stack, class: SizeClass) {
        match self.no_stack.take(|size, _| size == class) {
            Some(task) => self.start_late(task, stack, 0),
            None => self.core.stacks.borrow_mut().put(stack, class),
        }
    }

    /// Starts waiting tasks for which there is memory again, wherever it came from, and refuses
    /// those that have waited too long. Called once a turn.
    #[cold]
    pub(super) fn serve_waiting(&self) {
        let now = clock::now();
        if self.no_stack.asked.get().is_some_and(|at| now < at + STACK_RETRY) {
            return;
        }
        self.no_stack.asked.set(Some(now));
        let sizes: Vec<_> = self.no_stack.sizes.borrow().iter().map(|short| short.class).collect();
        for class in sizes {
            for _ in 0..BATCH_TASKS {
                if !self.no_stack.is_short(class) {
                    break;
                }
                let Ok(stack) = self.core.stacks.borrow_mut().take(class) else { break };
                self.put_stack_for_waiting(stack, class);
            }
        }
        for _ in 0..BATCH_TASKS {
            let Some(task) = self.no_stack.take(|_, since| now >= since + STACK_WAIT_MAX) else {
                break;
            };
            self.refuse_waiting(task);
        }
    }

    /// Refuses one waiting task, when the worker has nothing else to do. Then no task of its own
    /// will soon give a stack back.
    #[cold]
    pub(super) fn refuse_one_waiting(&self) -> bool {
        let Some(task) = self.no_stack.take(|_, _| true) else { return false };
        // Another worker may have given memory back since the last attempt.
        let stack = self.core.stacks.borrow_mut().take(task.class.get());
        match stack {
            Ok(stack) => self.start_late(task, stack, 0),
            Err(_) => self.refuse_waiting(task),
        }
        true
    }

    fn refuse_waiting(&self, task: TaskRef) {
        match self.report_refused(&task) {
            // The attempt that was to tell the reason has got a stack after all.
            Some(stack) => self.start_late(task, stack, 0),
            None => self.refuse(task),
        }
    }

    /// Says on stderr why there is no stack for tasks of this spawn site, once for each site. The
    /// reason comes from one more attempt. If that gets a stack, the stack is returned.
    fn report_refused(&self, task: &TaskRef) -> Option<Stack> {
        static REPORTED: Mutex<Vec<&Location<'_>>> = Mutex::new(Vec::new());
        let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.contains(&task.spawned_at) {
            return None;
        }
        let why = match self.core.stacks.borrow_mut().make(task.class.get()) {
            Ok(stack) => return Some(stack),
            Err(error) => error,
        };
        reported.push(task.spawned_at);
        let _ = writeln!(
            std::io::stderr(),
            "gocoro: no stack of {} bytes can be had for tasks spawned at {}: {why} \
             (guards: {:?}); such tasks are refused",
            task.class.get().bytes(),
            task.spawned_at,
            stack::guard_kind(),
        );
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::scheduler::{Plan, Wait};
    use crate::spawn;

    /// The other worker of this test never looks, so each search would find both tasks if this
    /// worker did not keep off them. In the end this worker starts them itself, or the test would
    /// hang.
    #[test]
    fn what_was_handed_over_is_not_stolen_back_at_once() {
        let (shared, mut seeds) = Plan { workers: Some(2), ..Plan::default() }.prepare().unwrap();
        let worker = Worker::new(seeds.remove(0)).unwrap();
        let _inside = worker.enter();
        let handles = [spawn::spawn(|| ()), spawn::spawn(|| ())];
        loop {
            while worker.unstarted.is_empty(&worker.core) {
                worker.search();
            }
            let begun = clock::now();
            while let Some(task) = worker.unstarted.pop(&worker.core) {
                assert!(worker.start_later(task).is_none());
            }
            let found = worker.search();
            // The time may be over if this thread was held up. Then the search was right to find a
            // task, and the round is repeated.
            if clock::now() < begun + HAND_OVER_PATIENCE {
                assert!(!found, "a task is back before the other worker has looked");
                break;
            }
        }
        while !handles.iter().all(|handle| handle.is_finished()) {
            worker.turn(Wait::Yes);
        }
        shared.close();
        worker.run_to_end();
        worker.end();
    }
}
