//! Spawn and join of tasks that do nothing: one after the other, and 10 000 at once.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Figure, Outcome, Row, cost, timed},
    system::{
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

const FIGURES: &[Figure] = &[cost("", "ns/task")];

/// Rows in which `size` tasks are spawned before the first is joined.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "spawn+join, serial",
        figures: FIGURES,
        two: true,
        on: &[
            (Gocoro, gocoro),
            (TokioCt, tokio),
            (TokioMt, tokio),
            (May, may),
            (Smol, smol),
            (Threads, threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "spawn 10 000, join all",
        figures: FIGURES,
        size: 10_000,
        quick: 1_000,
        two: true,
        on: &[
            (Gocoro, gocoro),
            (TokioCt, tokio),
            (TokioMt, tokio),
            (May, may),
            (Smol, smol),
            (Threads, threads),
        ],
        ..Row::DEFAULT
    },
];

fn gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::spawn;
    let (runtime, size) = (ctx.gocoro(), ctx.size);
    Ok(vec![ctx.per_op(|tasks| {
        let rounds = (tasks as usize).div_ceil(size);
        let took = runtime.run(|| {
            let mut handles = Vec::with_capacity(size);
            timed(|| {
                for _ in 0..rounds {
                    handles.extend((0..size).map(|n| spawn(move || noop(n))));
                    handles.drain(..).for_each(|handle| handle.wait());
                }
            })
        });
        per(took, tasks, rounds * size)
    })])
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::task::spawn;
    let (runtime, size) = (ctx.tokio(), ctx.size);
    Ok(vec![ctx.per_op(|tasks| {
        let rounds = (tasks as usize).div_ceil(size);
        let took = on_tokio(&runtime, async move {
            let mut handles = Vec::with_capacity(size);
            let start = Instant::now();
            for _ in 0..rounds {
                handles.extend((0..size).map(|n| spawn(async move { noop(n) })));
                for handle in handles.drain(..) {
                    handle.await.expect("a task");
                }
            }
            start.elapsed()
        });
        per(took, tasks, rounds * size)
    })])
}

fn may(ctx: &Context) -> Outcome {
    ctx.may();
    let size = ctx.size;
    Ok(vec![ctx.per_op(|tasks| {
        let rounds = (tasks as usize).div_ceil(size);
        let took = on_may(move || {
            let mut handles = Vec::with_capacity(size);
            timed(|| {
                for _ in 0..rounds {
                    handles.extend((0..size).map(|n| may::go!(move || noop(n))));
                    handles.drain(..).for_each(|handle| handle.join().expect("a coroutine"));
                }
            })
        });
        per(took, tasks, rounds * size)
    })])
}

fn smol(ctx: &Context) -> Outcome {
    let (executor, size) = (ctx.smol(), ctx.size);
    Ok(vec![ctx.per_op(|tasks| {
        let rounds = (tasks as usize).div_ceil(size);
        let took = on_smol(executor, async move {
            let mut handles = Vec::with_capacity(size);
            let start = Instant::now();
            for _ in 0..rounds {
                handles.extend((0..size).map(|n| executor.spawn(async move { noop(n) })));
                for handle in handles.drain(..) {
                    handle.await;
                }
            }
            start.elapsed()
        });
        per(took, tasks, rounds * size)
    })])
}

fn threads(ctx: &Context) -> Outcome {
    use thread::spawn;
    let size = ctx.size;
    Ok(vec![ctx.per_op(|tasks| {
        let rounds = (tasks as usize).div_ceil(size);
        let mut handles = Vec::with_capacity(size);
        let took = timed(|| {
            for _ in 0..rounds {
                handles.extend((0..size).map(|n| spawn(move || noop(n))));
                handles.drain(..).for_each(|handle| handle.join().expect("a thread"));
            }
        });
        per(took, tasks, rounds * size)
    })])
}

/// What each task does.
fn noop(n: usize) {
    black_box(n);
}

/// How long `tasks` tasks would have taken, when `done` tasks have taken `took`: only whole rounds
/// are run.
fn per(took: Duration, tasks: u64, done: usize) -> Duration {
    took.mul_f64(tasks as f64 / done as f64)
}
