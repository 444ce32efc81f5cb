//! The engine: what makes a coroutine on a stack, and switches to it and back. One of those below
//! is compiled in, by the feature `corosensei` of this crate; nothing above `stack` knows which.
//!
//! An engine is a module with these items, which are used by `stack` alone:
//!
//! | item | what |
//! |---|---|
//! | [`prepare`] | what the process needs before its first stack; it runs before the fault handler is installed |
//! | [`is_layout_known`] | whether gocoro knows how the engine lays stacks out, and so may guard, trim and look into them |
//! | [`check`] | whether a stack of a class can be had now |
//! | [`Suspender`], [`Handle`] | what a pool keeps for its stacks, and what they suspend by |
//! | [`Coroutine::make`] | a new stack of a class, with its guard, that runs one job after another; every refusal is an error |
//! | [`Coroutine::record`] | an address in the stack's top page, above all frames |
//! | [`RECORD_OFFSETS`] | the cache lines, counted from the record, that a switch touches |
//! | [`record_fields`] | where a record tells of a suspended coroutine's frames, for processes that read this one; in the order of their [names](super::RECORD_FIELDS) |
//! | `sample`, `root`, `Coroutine::suspended` | with the feature `backtrace`: where the stacks go on that a coroutine is suspended on, a test of that, and where the frames end |
//! | [`Coroutine::give`], [`Coroutine::resume`], [`Coroutine::suspend_by`] | the next job; the switch there, and the switch back |
//! | [`Coroutine::suspend_whole`], [`Coroutine::place`] | the switch back from a frame on another stack, and where that frame is |
//! | [`Coroutine::handle`], [`Coroutine::lend`], [`Coroutine::take_back`] | what a suspension goes by, while a task or a coroutine has the stack |
//! | [`Coroutine::is_ended`], [`Coroutine::free`] | whether the coroutine has returned; giving its memory back |
//!
//! A coroutine ends only when it is resumed without a job. Jobs do not unwind, so no panic passes a
//! switch, and no engine is asked to unwind a suspended coroutine: cancellation is gocoro's own.
//! An engine tells the sanitizer of the switches back, and `stack` of those there.
//!
//! # Hand-overs
//!
//! A task that waits switches to its worker, whose loop picks the next task and switches to that.
//! Neither crate's interface has a switch from one coroutine to another: `Yielder::suspend` and
//! `Scope::yield_with` go to whoever has resumed the coroutine, and both keep what they switch by
//! private. But a task may resume others itself. This was tried: a task that waits runs the
//! worker's loop on its own stack until it is picked itself, and then just goes on. Whom it resumes
//! suspends to it, so every second pair of switches is saved. In instructions of one round, each
//! without and with it:
//!
//! | | `generator` | `corosensei` |
//! |---|---|---|
//! | yield of two tasks | 199 → 171 | 146 → 155 |
//! | spawn and join | 901 → 838 | 790 → 790 |
//! | ping-pong over channels of one | 721 → 663 | 609 → 619 |
//! | park and unpark | 423 → 369 | 319 → 335 |
//!
//! A pair of corosensei's switches has 27 instructions, and finding out whether the task may do
//! this takes as many: a spawn with its join 37 ns and 38 without, a round of a ping-pong 42 and
//! 41, a yield 6.6 and 6.0. With `generator` these are 50 and 54, 45 and 48, 12.8 and 15.4. It was
//! not kept: the others' backtraces then go on in the frames of a task that has nothing to do with
//! them, the task's own cannot be had meanwhile, and its stack has to have room for the loop.
//!
//! What the loop itself does between two tasks is 50 instructions.

#[cfg(feature = "corosensei")]
mod corosensei;
#[cfg(not(feature = "corosensei"))]
mod generator;

#[cfg(feature = "corosensei")]
use corosensei as chosen;
#[cfg(not(feature = "corosensei"))]
use generator as chosen;

pub(super) use chosen::{
    Coroutine, Handle, RECORD_OFFSETS, Suspender, check, is_layout_known, prepare, record_fields,
};
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(super) use chosen::{root, sample};
