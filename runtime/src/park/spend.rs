//! The budget: what a task does without waiting is counted, so that no loop keeps a worker from its
//! other tasks.
//!
//! An operation that might have waited takes eight units. It is a cancel point, as its wait would
//! be. A question, which never waits, takes one unit. It may let other tasks run, but is no cancel
//! point, for nobody expects a question to unwind. Between some operations the program or the
//! kernel may take much time: there the clock is looked at as well.

use std::thread;

use super::{switch_queued, throw_now, yield_task, yields_to_unstarted};
use crate::clock;
use crate::current::{self, Core};
use crate::limits::{
    BUDGET, UNITS_LOOK, UNITS_OPERATION, UNITS_PER_CLOCK_IO, UNITS_PER_CLOCK_LOOKS, UNITS_THROW,
};
use crate::task::{Flags, Header};

const _: () = assert!(UNITS_LOOK == 1 && UNITS_PER_CLOCK_LOOKS.is_power_of_two());
const _: () = assert!(UNITS_OPERATION.is_power_of_two() && UNITS_PER_CLOCK_IO.is_power_of_two());

/// Counts an operation that did not have to wait. When the budget is used up, the task yields. A
/// cancel point then.
#[inline(always)]
pub(crate) fn spent() {
    if let Some((core, task)) = current::task() {
        let left = core.budget.get();
        if left > UNITS_OPERATION {
            core.budget.set(left - UNITS_OPERATION);
        } else {
            yield_task(core, task);
        }
    }
}

/// Counts a system call that did not have to wait, as [`spent`] does, and looks at the clock at
/// times.
#[inline(always)]
pub(crate) fn spent_io() {
    spent_beside_clock(UNITS_PER_CLOCK_IO);
}

/// Counts an operation as [`spent`] does, and looks at the clock at times, for the program computes
/// between operations of this kind.
#[inline]
fn spent_computing() {
    spent_beside_clock(UNITS_PER_CLOCK_LOOKS);
}

/// Counts an operation as [`spent`] does, and looks at the clock whenever `units` of the budget
/// have gone.
#[inline(always)]
fn spent_beside_clock(units: u32) {
    if let Some((core, task)) = current::task() {
        let left = core.budget.get();
        if left > UNITS_OPERATION {
            let next = left - UNITS_OPERATION;
            core.budget.set(next);
            if next & (units - UNITS_OPERATION) != 0 || !core.pace.is_over() {
                return;
            }
        }
        yield_task(core, task);
    }
}

/// Throws what is due, and otherwise counts as an operation that did not have to wait.
///
/// Reads the task's word and the clock, for a cancel and an expiry may have come that the worker,
/// which does not run meanwhile, has not heard of.
pub(crate) fn checkpoint() {
    let Some((core, task)) = current::task() else { return throw_now() };
    if task.word.is_cancelled() {
        task.set(Flags::CANCEL);
    }
    if !task.waits.are_free() && task.waits.expire(clock::now()) {
        task.set(Flags::EXPIRED);
    }
    spent_by_throw(core, task, thread::panicking());
    throw_now();
    spent_computing();
}

/// Counts a poll of a future, which costs as much as a question. `true`: the budget is used up, and
/// is filled again; the caller is to let others run.
///
/// A poll does not give way by itself: it may run inside an executor that holds a lock, or has
/// noted for its thread what it polls, and another task of this worker would find both.
#[inline]
pub(crate) fn polled() -> bool {
    let Some((core, _)) = current::task() else { return false };
    let left = core.budget.get();
    if left > UNITS_LOOK {
        let next = left - UNITS_LOOK;
        core.budget.set(next);
        if next & (UNITS_PER_CLOCK_LOOKS - 1) != 0 || !core.pace.is_over() {
            return false;
        }
    }
    core.budget.set(BUDGET);
    true
}

/// Counts a question, which never waits, before it has an effect, for a loop may do nothing but
/// ask. When the budget is used up, other tasks run. Nothing is thrown.
#[inline(always)]
pub(crate) fn looked() {
    if let Some((core, task)) = current::task() {
        // Whoever runs has at least one unit left, so this does not wrap.
        let next = core.budget.get() - UNITS_LOOK;
        if next & (UNITS_PER_CLOCK_LOOKS - 1) != 0 {
            core.budget.set(next);
        } else {
            looked_slow(core, task, next);
        }
    }
}

#[cold]
#[inline(never)]
fn looked_slow(core: &Core, task: &Header, next: u32) {
    if next > 0 && !core.pace.is_over() {
        core.budget.set(next);
    } else {
        go_round(core, task);
    }
}

/// Counts a throw that is about to be made at the task, which may not have waited since the last
/// one. When the budget is used up, the task first goes through the queue. `true`: it has, and what
/// the task was going to wait for may have come meanwhile.
#[cold]
pub(super) fn spent_by_throw(core: &Core, task: &Header, unwinding: bool) -> bool {
    if unwinding || !task.is_interrupted() {
        return false;
    }
    let left = core.budget.get();
    if left > UNITS_THROW {
        core.budget.set(left - UNITS_THROW);
        return false;
    }
    go_round(core, task);
    true
}

/// Sends the task to the end of the queue, and lets unstarted tasks start before it is resumed, for
/// a loop may wait for those, or make them. Nothing is thrown.
fn go_round(core: &Core, task: &Header) {
    yields_to_unstarted(core);
    switch_queued(core, task, thread::panicking());
}
