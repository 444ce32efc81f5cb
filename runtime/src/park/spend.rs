//! The budget: what a task does without waiting is counted, so that no loop keeps its worker.
//!
//! What might have waited takes eight units and is a cancel point, as its wait would be. What never
//! waits takes one, and gives way without being a cancel point: nobody expects a question to
//! unwind. Where the program may compute between the operations, or the kernel does, the clock is
//! looked at as well.

use std::thread;

use super::{switch_with_unwinding, throw_now, yield_task, yields_to_unstarted};
use crate::clock;
use crate::current::{self, Core};
use crate::limits::{
    UNITS_LOOK, UNITS_OPERATION, UNITS_PER_CLOCK_IO, UNITS_PER_CLOCK_LOOKS, UNITS_THROW,
};
use crate::task::{Flags, Header, Run};

const _: () = assert!(UNITS_LOOK == 1 && UNITS_PER_CLOCK_LOOKS.is_power_of_two());
const _: () = assert!(UNITS_OPERATION.is_power_of_two() && UNITS_PER_CLOCK_IO.is_power_of_two());

/// Counts an operation that did not have to wait; the last of the budget yields.
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

/// As [`spent`], of one that is a system call.
#[inline(always)]
pub(crate) fn spent_io() {
    spent_beside_clock(UNITS_PER_CLOCK_IO);
}

/// As [`spent`], of one between which the program computes.
#[inline]
fn spent_computing() {
    spent_beside_clock(UNITS_PER_CLOCK_LOOKS);
}

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
/// Sees what the worker has not been told yet: that waits until the task lets it run.
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

/// Counts an operation that never waits, before it has an effect: a loop may do nothing else.
/// Nothing is thrown.
#[inline(always)]
pub(crate) fn looked() {
    if let Some((core, task)) = current::task() {
        // At least one is left to whoever runs.
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

/// Counts what is about to be thrown at a task that may not have waited since it was thrown at
/// before. The last of the budget goes through the queue first; `true`: it has, and whatever the
/// task was going to wait for may have come.
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

/// To the end of the queue and back, behind what has not started too, which may be what the loop
/// waits for, or makes. Nothing is thrown.
fn go_round(core: &Core, task: &Header) {
    yields_to_unstarted(core);
    task.run.set(Run::Queued);
    core.ready.push(task);
    switch_with_unwinding(core, task, thread::panicking());
}
