//! The bare switch: coroutines that do nothing but suspend, and that a loop resumes in turn. One
//! operation is a pair, the resume and the suspension that answers it. gocoro, which switches by
//! `generator`, has no such operation without its scheduler: the row `yield` measures the two
//! together.

use std::time::Duration;

use corosensei::{Coroutine, CoroutineResult};
use generator::Gn;

use crate::{
    row::{Context, Figure, Group, Outcome, Row, cost, timed},
    system::System::{Corosensei, Generator},
};

const FIGURES: &[Figure] = &[cost("", "ns/pair")];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "switch",
        group: Group::Bare,
        figures: FIGURES,
        on: &[(Generator, generator_scoped), (Corosensei, corosensei)],
        ..Row::DEFAULT
    },
    Row {
        name: "switch, 10 000 live",
        group: Group::Bare,
        figures: FIGURES,
        size: 10_000,
        quick: 1_000,
        on: &[(Generator, generator_scoped), (Corosensei, corosensei)],
        ..Row::DEFAULT
    },
];

/// Suspends through the scope that the body is given.
fn generator_scoped(ctx: &Context) -> Outcome {
    let body = |mut scope: generator::Scope<'_, 'static, (), ()>| {
        loop {
            scope.yield_with(());
        }
    };
    let new = || Gn::<()>::new_scoped(body);
    let mut all: Vec<_> = (0..ctx.size).map(|_| new()).collect();
    Ok(vec![ctx.per_op(|pairs| {
        round_robin(&mut all, pairs, |one| {
            one.resume();
        })
    })])
}

fn corosensei(ctx: &Context) -> Outcome {
    let new = || {
        Coroutine::<(), (), ()>::new(|yielder, ()| {
            loop {
                yielder.suspend(());
            }
        })
    };
    let mut all: Vec<_> = (0..ctx.size).map(|_| new()).collect();
    Ok(vec![ctx.per_op(|pairs| {
        round_robin(&mut all, pairs, |one| {
            assert!(matches!(one.resume(()), CoroutineResult::Yield(())));
        })
    })])
}

/// Resumes all coroutines in the order of their creation, round after round.
fn round_robin<T>(all: &mut [T], pairs: u64, mut resume: impl FnMut(&mut T)) -> Duration {
    let mut left = pairs as usize;
    timed(|| {
        while left > 0 {
            for one in all.iter_mut().take(left) {
                resume(one);
            }
            left = left.saturating_sub(all.len());
        }
    })
}
