//! The end of a refused task: it never runs, its closure is dropped, and its joiner is told.
//!
//! A task is refused if its worker can have no stack for it, or if its runtime is closed. The
//! values that its closure captured have destructors, which are the program's code and may wait.
//! Who runs them depends on who finds out:
//!
//! - **A worker** refuses a task that it cannot start, and what its own tasks spawn when the
//!   runtime is closed. The task itself drops its closure: it is started, on a stack that each
//!   worker has in reserve for this, but drops the closure in place of running it. So a destructor
//!   may wait for other tasks of the worker, no memory has to be found when it is short already,
//!   and the closure of a local task stays on its thread. The worker does not end before the task.
//! - **A thread that is no worker of the closed runtime** has spawned a task that perhaps nobody is
//!   left to take. The closure is dropped on the blocking pool.
//!
//! # Why not by the spawner
//!
//! Dropping the closure in the spawn itself would make the second case as short as can be. But a
//! spawn never runs the program's code. Its caller may hold a lock that the destructor takes, may
//! be a destructor or a panic hook itself, or may be the one that the destructor waits for.
//!
//! # Why not always by a worker
//!
//! A closed runtime ends its workers as soon as they have nothing left, while its handle, and a
//! plain thread's `go!`, can still spawn. So without the pool a task would be left to nobody. The
//! pool also serves while some worker is left: nothing has to be settled with a worker that is
//! about to end, or that is blocked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::Shared;
use super::worker::Worker;
use crate::stack::Stack;
use crate::task::{Flags, Header, How, TaskRef};
use crate::{current, join, thread_pool, trace};

/// The tasks that a worker has refused, and the stack that is reserved for them.
pub(super) struct Refused {
    /// Tasks whose closures are still to be dropped, in the order of their refusal.
    waiting: RefCell<VecDeque<TaskRef>>,
    /// The stack on which refused tasks drop their closures. `None`: a refused task has it, and
    /// will give it or another one back.
    reserve: Cell<Option<Stack>>,
}

impl Refused {
    /// No refused tasks yet, and a stack of the runtime's class in reserve.
    pub(super) fn new(reserve: Stack) -> Refused {
        Refused { waiting: RefCell::default(), reserve: Cell::new(Some(reserve)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Takes the reserved stack, at the worker's end.
    pub(super) fn take_reserve(&self) -> Option<Stack> {
        self.reserve.take()
    }
}

impl Worker {
    /// Refuses an unstarted task, which is counted as spawned. Its closure is dropped later in the
    /// turn, since the caller may be a task that spawns.
    #[cold]
    pub(super) fn refuse(&self, task: TaskRef) {
        self.core.counters.refused.count();
        self.refused.waiting.borrow_mut().push_back(task);
    }

    /// Starts a refused task on the reserved stack, to drop its closure. While an earlier one waits
    /// in a destructor there, any stack of the runtime's class will do; if there is none, the task
    /// waits for the reserved one. Called once a turn.
    #[cold]
    pub(super) fn start_refused(&self) {
        let Some(task) = self.refused.waiting.borrow_mut().pop_front() else { return };
        let class = self.shared.class;
        let reserve = self.refused.reserve.take();
        let stack = reserve.or_else(|| self.core.stacks.borrow_mut().take(class).ok());
        let Some(stack) = stack else {
            return self.refused.waiting.borrow_mut().push_front(task);
        };
        // The task gets a stack of the runtime's class, whatever size it has asked for.
        task.class.set(class);
        self.start_late(task, stack, Flags::REFUSED);
    }

    /// Takes back the stack of a refused task. It becomes the reserve if that is empty. So there is
    /// always a reserve, or one on its way.
    #[cold]
    pub(super) fn put_stack_of_refused(&self, stack: Stack) {
        match self.refused.reserve.take() {
            None => self.refused.reserve.set(Some(stack)),
            reserve => {
                self.refused.reserve.set(reserve);
                self.put_stack(stack, self.shared.class);
            }
        }
    }
}

/// Drops the closure of a refused task, in that task. The answer is for [`Header::complete`].
///
/// # Safety
///
/// The caller is the worker that claimed `task`, and calls this on the task's stack, once, in place
/// of [`Header::execute`] with another [`How`].
pub(super) unsafe fn drop_on_own_stack(task: &Header) -> bool {
    // The destructors' waits are shielded: the closing of the runtime may have cancelled the task,
    // but they shall end as those of any destructor.
    // SAFETY: the worker claimed the task, and executes it here only, as the caller promises.
    task.waits.shielded(|| unsafe { task.execute(How::Refuse) })
}

impl Shared {
    /// Refuses all tasks that were given to workers of this closed runtime and that no worker has
    /// taken.
    pub(super) fn refuse_placed(self: &Arc<Self>) {
        for seat in &self.seats {
            while let Some(task) = seat.take_placed() {
                self.refuse(task);
            }
        }
    }

    /// Refuses an unstarted task, which is counted as spawned and which no worker will start.
    fn refuse(self: &Arc<Self>, task: TaskRef) {
        debug_assert!(!task.kind.local, "a local task is its worker's to refuse");
        // A worker that calls this counts the task before it says that it has ended, so that
        // `all_ended` misses nothing.
        self.refusing.fetch_add(1, AcqRel);
        self.refused_elsewhere.fetch_add(1, Relaxed);
        let shared = self.clone();
        let job = move || {
            current::refusing(shared.id, || drop_on_pool(&task));
            if !task.kind.daemon {
                shared.count_foreign_ended();
            }
            if shared.refusing.fetch_sub(1, AcqRel) == 1 {
                shared.notify_waiters();
            }
        };
        thread_pool::run_for_nobody(job, current::apart);
    }

    /// Whether the blocking pool has still to drop closures of refused tasks.
    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing.load(Acquire) > 0
    }
}

fn drop_on_pool(task: &TaskRef) {
    task.word.claim_to_refuse();
    trace::close(task.take_span());
    // SAFETY: this thread has just claimed the task, so closure and result are its own.
    let wanted = unsafe { task.execute(How::Refuse) };
    if trace::is_on() {
        trace::ended(task);
    }
    // SAFETY: this thread claimed the task, which is completed once, and `wanted` is the answer.
    let completed = unsafe { task.complete(wanted, || ()) };
    if completed.joiner {
        // SAFETY: the task is DONE with JOINER, which only the one call of `complete` reports.
        unsafe { join::wake_joiner(task) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::Location;
    use std::rc::Rc;

    use super::*;
    use crate::join::JoinHandle;
    use crate::scheduler::Plan;
    use crate::spawn::Builder;
    use crate::unwind;

    #[test]
    fn a_destructor_may_wait_for_the_next_refused_task() {
        let worker = Worker::new(Plan::default().prepare_local().unwrap()).unwrap();
        let _inside = worker.enter();
        worker.shared().close();
        let refuse = |destructor: Box<dyn FnOnce()>| {
            let guard = unwind::on_drop(destructor);
            Builder::new().spawn_local_at(move || drop(guard), Location::caller()).unwrap()
        };
        let next = Rc::new(Cell::new(None::<JoinHandle<()>>));
        let dropped = Rc::new(Cell::new(0));
        let (theirs, count) = (next.clone(), dropped.clone());
        let first = refuse(Box::new(move || {
            assert!(theirs.take().unwrap().join().unwrap_err().is_refused());
            count.set(count.get() + 1);
        }));
        let count = dropped.clone();
        next.set(Some(refuse(Box::new(move || count.set(count.get() + 1)))));
        assert_eq!(dropped.get(), 0, "a spawn drops nothing");
        worker.run_to_end();
        assert_eq!(dropped.get(), 2);
        assert!(first.join().unwrap_err().is_refused());
        assert!(worker.refused.take_reserve().is_some());
        worker.end();
    }
}
