//! The bare switch: coroutines that do nothing but suspend, and that a loop resumes in turn. One
//! operation is a pair, the resume and the suspension that answers it.
//!
//! gocoro's `Coroutine` switches by `generator`. What it takes beside that are its checks, and its
//! record of which coroutines run.

use std::time::Duration;

use corosensei::{CoroutineResult, stack::DefaultStack};
use generator::Gn;
use gocoro::coroutine::{Coroutine, Step};

use crate::{
    row::{Context, Figure, Group, Outcome, Row, cost, timed},
    system::{
        System,
        System::{Corosensei, Generator, Gocoro},
    },
};

const FIGURES: &[Figure] = &[cost("", "ns/pair")];

const ON: &[(System, crate::row::Run)] =
    &[(Gocoro, gocoro), (Generator, generator_scoped), (Corosensei, corosensei)];

pub(crate) const ROWS: &[Row] = &[
    Row { name: "switch", group: Group::Bare, figures: FIGURES, on: ON, ..Row::DEFAULT },
    Row {
        name: "switch, 10 000 live",
        group: Group::Bare,
        figures: FIGURES,
        size: 10_000,
        quick: 1_000,
        on: ON,
        ..Row::DEFAULT
    },
];

/// A coroutine that suspends at each resume.
pub(super) trait Pair {
    /// Resumes it once.
    fn pair(&mut self);
}

impl Pair for Coroutine<(), (), ()> {
    #[inline(always)]
    fn pair(&mut self) {
        assert!(matches!(self.resume(()), Ok(Step::Yielded(()))));
    }
}

impl Pair for generator::Generator<'_, (), ()> {
    #[inline(always)]
    fn pair(&mut self) {
        self.resume();
    }
}

impl Pair for corosensei::Coroutine<(), (), ()> {
    #[inline(always)]
    fn pair(&mut self) {
        assert!(matches!(self.resume(()), CoroutineResult::Yield(())));
    }
}

/// gocoro's coroutine with a stack of so many bytes.
pub(super) fn gocoro_of(bytes: usize) -> Coroutine<(), (), ()> {
    Coroutine::with_stack_size(bytes, |here, ()| {
        loop {
            here.suspend(());
        }
    })
}

/// generator's coroutine, which suspends through the scope that the body is given.
pub(super) fn generator_of(bytes: usize) -> generator::Generator<'static, (), ()> {
    let body = |mut scope: generator::Scope<'_, 'static, (), ()>| {
        loop {
            scope.yield_with(());
        }
    };
    Gn::<()>::new_scoped_opt(bytes / size_of::<usize>(), body)
}

/// corosensei's coroutine on this stack.
pub(super) fn corosensei_on(stack: DefaultStack) -> corosensei::Coroutine<(), (), ()> {
    corosensei::Coroutine::with_stack(stack, |yielder, ()| {
        loop {
            yielder.suspend(());
        }
    })
}

fn gocoro(ctx: &Context) -> Outcome {
    round_robin(ctx, || gocoro_of(256 * 1024))
}

fn generator_scoped(ctx: &Context) -> Outcome {
    round_robin(ctx, || generator_of(generator::DEFAULT_STACK_SIZE * size_of::<usize>()))
}

fn corosensei(ctx: &Context) -> Outcome {
    round_robin(ctx, || corosensei_on(DefaultStack::default()))
}

/// Resumes all coroutines in the order of their creation, round after round.
fn round_robin<T: Pair>(ctx: &Context, new: impl Fn() -> T) -> Outcome {
    let mut all: Vec<T> = (0..ctx.size).map(|_| new()).collect();
    Ok(vec![ctx.per_op(|pairs| turns(&mut all, pairs))])
}

fn turns<T: Pair>(all: &mut [T], pairs: u64) -> Duration {
    let mut left = pairs as usize;
    timed(|| {
        while left > 0 {
            for one in all.iter_mut().take(left) {
                one.pair();
            }
            left = left.saturating_sub(all.len());
        }
    })
}
