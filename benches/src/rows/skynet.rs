//! Skynet by join: a task of size 1 returns its number; a larger one spawns ten that share its range, and returns
//! their sum. 1 111 111 tasks, of which the leaves are a million.

use std::{future::Future, pin::Pin, time::Instant};

use crate::{
    row::{Context, Figure, Outcome, Problem, Row, cost},
    system::{
        SmolExecutor,
        System::{Gocoro, May, Smol, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
    usage,
};

pub(crate) const FIGURES: &[Figure] = &[cost("", "ms"), cost("peak memory", "MiB")];

pub(crate) const ROWS: &[Row] = &[Row {
    name: "skynet by join",
    figures: FIGURES,
    size: 1_000_000,
    quick: 10_000,
    two: true,
    on: &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (May, may), (Smol, smol)],
    ..Row::DEFAULT
}];

/// Checks the answer, and takes the figures.
pub(crate) fn figures(size: usize, start: Instant, sum: u64) -> Outcome {
    let took = start.elapsed();
    let size = size as u64;
    if sum != size * (size - 1) / 2 {
        return Err(Problem::Fails(format!("the sum is wrong: {sum}")));
    }
    Ok(vec![took.as_secs_f64() * 1e3, usage::peak_memory() as f64 / f64::from(1 << 20)])
}

fn gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::spawn;
    fn sky(number: u64, size: u64) -> u64 {
        if size == 1 {
            return number;
        }
        let size = size / 10;
        let child = |i| spawn(move || sky(number + i * size, size));
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(child).map(|child| child.wait()).into_iter().sum()
    }
    let (runtime, size) = (ctx.gocoro(), ctx.size);
    let start = Instant::now();
    let sum = runtime.run(|| sky(0, size as u64));
    figures(size, start, sum)
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::task::spawn;
    fn sky(number: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if size == 1 {
                return number;
            }
            let size = size / 10;
            let children = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
            let children = children.map(|i| spawn(sky(number + i * size, size)));
            let mut sum = 0;
            for child in children {
                sum += child.await.expect("a task");
            }
            sum
        })
    }
    let (runtime, size) = (ctx.tokio(), ctx.size);
    let start = Instant::now();
    let sum = on_tokio(&runtime, sky(0, size as u64));
    figures(size, start, sum)
}

fn may(ctx: &Context) -> Outcome {
    fn sky(number: u64, size: u64) -> u64 {
        if size == 1 {
            return number;
        }
        let size = size / 10;
        let child = |i| may::go!(move || sky(number + i * size, size));
        let children = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(child);
        children.map(|child| child.join().expect("a coroutine")).into_iter().sum()
    }
    ctx.may();
    let size = ctx.size;
    let start = Instant::now();
    let sum = on_may(move || sky(0, size as u64));
    figures(size, start, sum)
}

fn smol(ctx: &Context) -> Outcome {
    fn sky(ex: SmolExecutor, number: u64, size: u64) -> Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if size == 1 {
                return number;
            }
            let size = size / 10;
            let children = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
            let children = children.map(|i| ex.spawn(sky(ex, number + i * size, size)));
            let mut sum = 0;
            for child in children {
                sum += child.await;
            }
            sum
        })
    }
    let (executor, size) = (ctx.smol(), ctx.size);
    let start = Instant::now();
    let sum = on_smol(executor, sky(executor, 0, size as u64));
    figures(size, start, sum)
}
