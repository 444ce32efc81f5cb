//! Tasks for which no stack can be had.
//!
//! Stacks are short of one size: a task that asks for another size starts all the same. A task for
//! which its worker has no stack is handed to each other worker once, for those keep idle ones. The
//! last of them lets it wait for a stack of its size. It refuses the task when the worker would
//! sleep, since nothing is about to be given back then; or at the latest after [`STACK_WAIT_MAX`].

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

/// Unstarted tasks of a worker that wait for stacks.
#[derive(Debug, Default)]
pub(super) struct NoStack {
    /// Waiting tasks by the size of their stacks. No queue is empty.
    sizes: RefCell<Vec<Short>>,
    /// The length of `sizes`, which is asked for at each start of a task.
    count: Cell<usize>,
    /// When a task was last handed over to another worker.
    handed_over: Cell<Option<Instant>>,
    /// When the system was last asked for stacks for waiting tasks.
    asked: Cell<Option<Instant>>,
}

/// Tasks that wait for stacks of one size, the longest wait first, each with its beginning.
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

    /// Takes the task that has waited longest of those that `which` selects, by the size of their
    /// stacks and since when they wait.
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

    /// Whether this worker has just handed over a task that it had no stack for. Until the other
    /// one has looked, it must not steal the task back.
    pub(super) fn has_handed_over(&self) -> bool {
        let Some(at) = self.handed_over.get() else { return false };
        let recent = clock::now() < at + HAND_OVER_PATIENCE;
        if !recent {
            self.handed_over.set(None);
        }
        recent
    }

    /// How long this worker steals nothing, if it has just handed over a task.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.handed_over.get().map(|_| HAND_OVER_PATIENCE)
    }
}

impl Worker {
    /// Puts a task aside that there is no stack for: hands it to a worker that has not been asked,
    /// else lets it wait here. The answer is that nothing has started.
    #[cold]
    pub(super) fn start_later(&self, task: TaskRef) -> Option<*const Header> {
        // While it has no stack, the bits of `depth` are the workers that had none for it; of more
        // workers than bits some are not asked.
        let bit = |worker: usize| 1 << (worker % u32::BITS as usize);
        let asked = task.depth.get() | bit(self.index);
        task.depth.set(asked);
        let workers = self.shared.seats.len();
        let others = (1..workers).map(|step| (self.index + step) % workers);
        match others.into_iter().find(|&worker| asked & bit(worker) == 0) {
            Some(next) if !task.kind.local => {
                // Before it can be stolen back.
                self.no_stack.handed_over.set(Some(clock::now()));
                self.shared.place_at(&self.shared.seats[next], task);
            }
            _ => self.no_stack.push(task),
        }
        None
    }

    /// Gives a stack that is free again to the task that has waited longest for one of its size.
    #[cold]
    pub(super) fn put_stack_for_waiting(&self, stack: Stack, class: SizeClass) {
        match self.no_stack.take(|size, _| size == class) {
            Some(task) => self.core.ready.push(self.start_on(task, stack)),
            None => self.core.stacks.borrow_mut().put(stack, class),
        }
    }

    /// Starts waiting tasks for which memory has come back, from wherever, and refuses those that
    /// have waited too long. Called once a turn.
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

    /// Refuses one waiting task of a worker that has nothing else to do, and so nothing to wait for
    /// that would give a stack back soon.
    #[cold]
    pub(super) fn refuse_one_waiting(&self) -> bool {
        let Some(task) = self.no_stack.take(|_, _| true) else { return false };
        // Another worker may have given memory back since the last attempt.
        let stack = self.core.stacks.borrow_mut().take(task.class.get());
        match stack {
            Ok(stack) => self.core.ready.push(self.start_on(task, stack)),
            Err(_) => self.refuse_waiting(task),
        }
        true
    }

    fn refuse_waiting(&self, task: TaskRef) {
        match self.report_refused(&task) {
            // A stack could be had after all.
            Some(stack) => self.core.ready.push(self.start_on(task, stack)),
            None => self.refuse(task),
        }
    }

    /// Says on stderr why there is no stack for tasks of this spawn site, once for each. Returns
    /// the stack if the attempt that is to tell why gets one.
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

    /// The other worker here is never there to look, so each search finds both tasks unless this one
    /// keeps off them; and in the end it starts them, or the test would hang.
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
            // A thread that stood still meanwhile has kept off for as long as it is to.
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
