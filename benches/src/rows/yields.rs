//! Tasks that do nothing but yield. Time begins to run when all tasks have started. Each task
//! yields equally often, and time runs until the last one is done.

use std::{sync::Arc, thread};

use crate::{
    row::{Context, Figure, Group, Outcome, Rally, Row, Run, cost},
    system::{
        System::{self, Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

const FIGURES: &[Figure] = &[cost("", "ns/yield")];
const ON: &[(System, Run)] = &[
    (Gocoro, gocoro),
    (TokioCt, tokio),
    (TokioMt, tokio),
    (May, may),
    (Smol, smol),
    (Threads, threads),
];
const ON_TASKS: &[(System, Run)] =
    &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (May, may), (Smol, smol)];

pub(crate) const ROWS: &[Row] = &[
    Row { name: "yield, 2 tasks", figures: FIGURES, size: 2, quick: 2, on: ON, ..Row::DEFAULT },
    Row {
        name: "yield, 1 000 tasks",
        figures: FIGURES,
        size: 1_000,
        quick: 200,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "yield, 100 000 tasks",
        figures: FIGURES,
        size: 100_000,
        quick: 5_000,
        on: ON_TASKS,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 1 task",
        group: Group::Growth,
        figures: FIGURES,
        size: 1,
        quick: 1,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 10 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 10,
        quick: 10,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 100 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 100,
        quick: 100,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 1 000 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 1_000,
        quick: 1_000,
        on: ON,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 10 000 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 10_000,
        quick: 5_000,
        on: ON_TASKS,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 100 000 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 100_000,
        quick: 5_000,
        on: ON_TASKS,
        ..Row::DEFAULT
    },
    Row {
        name: "growth: yield, 1 000 000 tasks",
        group: Group::Growth,
        figures: FIGURES,
        size: 1_000_000,
        quick: 5_000,
        on: ON_TASKS,
        ..Row::DEFAULT
    },
];

/// How many times each of the tasks yields.
fn yields(ctx: &Context) -> usize {
    let all = if ctx.quick { 50_000 } else { 4_000_000 };
    (all / ctx.size).max(3)
}

fn gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::{spawn, yield_now};
    let (tasks, yields) = (ctx.size, yields(ctx));
    let rally = Arc::new(Rally::new(tasks));
    ctx.gocoro().run(|| {
        let task = move |rally: Arc<Rally>| {
            rally.arrive();
            while !rally.has_begun() {
                yield_now();
            }
            for _ in 0..yields {
                yield_now();
            }
            rally.leave();
        };
        let spawn_one = |_| {
            let rally = rally.clone();
            spawn(move || task(rally))
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        handles.into_iter().for_each(|handle| handle.wait());
    });
    Ok(vec![rally.per_op(tasks * yields)])
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::task::yield_now;
    let (tasks, yields) = (ctx.size, yields(ctx));
    let rally = Arc::new(Rally::new(tasks));
    let all = rally.clone();
    on_tokio(&ctx.tokio(), async move {
        let task = move |rally: Arc<Rally>| async move {
            rally.arrive();
            while !rally.has_begun() {
                yield_now().await;
            }
            for _ in 0..yields {
                yield_now().await;
            }
            rally.leave();
        };
        let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(task(all.clone()))).collect();
        for handle in handles {
            handle.await.expect("a task");
        }
    });
    Ok(vec![rally.per_op(tasks * yields)])
}

fn may(ctx: &Context) -> Outcome {
    use may::coroutine::yield_now;
    let (tasks, yields) = (ctx.size, yields(ctx));
    let rally = Arc::new(Rally::new(tasks));
    let all = rally.clone();
    ctx.may();
    on_may(move || {
        let task = move |rally: Arc<Rally>| {
            rally.arrive();
            while !rally.has_begun() {
                yield_now();
            }
            for _ in 0..yields {
                yield_now();
            }
            rally.leave();
        };
        let spawn_one = |_| {
            let all = all.clone();
            may::go!(move || task(all))
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        handles.into_iter().for_each(|handle| handle.join().expect("a coroutine"));
    });
    Ok(vec![rally.per_op(tasks * yields)])
}

fn smol(ctx: &Context) -> Outcome {
    use smol::future::yield_now;
    let (tasks, yields) = (ctx.size, yields(ctx));
    let rally = Arc::new(Rally::new(tasks));
    let all = rally.clone();
    let executor = ctx.smol();
    on_smol(executor, async move {
        let task = move |rally: Arc<Rally>| async move {
            rally.arrive();
            while !rally.has_begun() {
                yield_now().await;
            }
            for _ in 0..yields {
                yield_now().await;
            }
            rally.leave();
        };
        let handles: Vec<_> = (0..tasks).map(|_| executor.spawn(task(all.clone()))).collect();
        for handle in handles {
            handle.await;
        }
    });
    Ok(vec![rally.per_op(tasks * yields)])
}

fn threads(ctx: &Context) -> Outcome {
    let (tasks, yields) = (ctx.size, yields(ctx));
    let rally = Rally::new(tasks);
    thread::scope(|scope| {
        for _ in 0..tasks {
            scope.spawn(|| {
                rally.arrive();
                while !rally.has_begun() {
                    thread::yield_now();
                }
                for _ in 0..yields {
                    thread::yield_now();
                }
                rally.leave();
            });
        }
    });
    Ok(vec![rally.per_op(tasks * yields)])
}
