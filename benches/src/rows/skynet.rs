//! Skynet by join: a task of size 1 returns its number; a larger task spawns ten tasks that share
//! its range, and returns the sum of their results. These are 1 111 111 tasks, a million of which
//! are leaves. Over channels, as skynet was published, the sums are sent.

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

const FIGURES: &[Figure] = &[cost("", "ms"), cost("peak memory", "MiB")];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "skynet by join",
        figures: FIGURES,
        size: 1_000_000,
        quick: 10_000,
        two: true,
        on: &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (May, may), (Smol, smol)],
        ..Row::DEFAULT
    },
    Row {
        name: "skynet over channels",
        figures: FIGURES,
        size: 1_000_000,
        quick: 10_000,
        on: &[
            (Gocoro, sky_gocoro),
            (TokioCt, sky_tokio),
            (TokioMt, sky_tokio),
            (May, sky_may),
            (Smol, sky_smol),
        ],
        ..Row::DEFAULT
    },
];

/// Checks the answer, and returns the figures.
fn figures(size: usize, start: Instant, sum: u64) -> Outcome {
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

// Skynet as it was published: each task has a channel, into which its ten children send their sums.

fn sky_gocoro(ctx: &Context) -> Outcome {
    use gocoro::{
        channel::{Sender, bounded},
        task::spawn,
    };
    fn sky(up: &Sender<u64>, number: u64, size: u64) {
        let mut sum = number;
        if size > 1 {
            let size = size / 10;
            let (sender, receiver) = bounded(1);
            for i in 0..10 {
                let sender = sender.clone();
                drop(spawn(move || sky(&sender, number + i * size, size)));
            }
            sum = (0..10).map(|_| receiver.recv().expect("a child")).sum();
        }
        up.send(sum).expect("the parent");
    }
    let (runtime, size) = (ctx.gocoro(), ctx.size);
    let start = Instant::now();
    let sum = runtime.run(|| {
        let (sender, receiver) = bounded(1);
        drop(spawn(move || sky(&sender, 0, size as u64)));
        receiver.recv().expect("the root")
    });
    figures(size, start, sum)
}

fn sky_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::mpsc::{Sender, channel};
    fn sky(up: Sender<u64>, number: u64, size: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut sum = number;
            if size > 1 {
                let size = size / 10;
                let (sender, mut receiver) = channel(1);
                for i in 0..10 {
                    tokio::spawn(sky(sender.clone(), number + i * size, size));
                }
                sum = 0;
                for _ in 0..10 {
                    sum += receiver.recv().await.expect("a child");
                }
            }
            up.send(sum).await.expect("the parent");
        })
    }
    let (runtime, size) = (ctx.tokio(), ctx.size);
    let start = Instant::now();
    let sum = on_tokio(&runtime, async move {
        let (sender, mut receiver) = channel(1);
        tokio::spawn(sky(sender, 0, size as u64));
        receiver.recv().await.expect("the root")
    });
    figures(size, start, sum)
}

fn sky_may(ctx: &Context) -> Outcome {
    use may::sync::mpsc::{Sender, channel};
    fn sky(up: Sender<u64>, number: u64, size: u64) {
        let mut sum = number;
        if size > 1 {
            let size = size / 10;
            let (sender, receiver) = channel();
            for i in 0..10 {
                let sender = sender.clone();
                may::go!(move || sky(sender, number + i * size, size));
            }
            sum = (0..10).map(|_| receiver.recv().expect("a child")).sum();
        }
        up.send(sum).expect("the parent");
    }
    ctx.may();
    let size = ctx.size;
    let start = Instant::now();
    let sum = on_may(move || {
        let (sender, receiver) = channel();
        may::go!(move || sky(sender, 0, size as u64));
        receiver.recv().expect("the root")
    });
    figures(size, start, sum)
}

fn sky_smol(ctx: &Context) -> Outcome {
    use smol::channel::{Sender, bounded};
    fn sky(
        executor: SmolExecutor,
        up: Sender<u64>,
        number: u64,
        size: u64,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut sum = number;
            if size > 1 {
                let size = size / 10;
                let (sender, receiver) = bounded(1);
                for i in 0..10 {
                    let child = sky(executor, sender.clone(), number + i * size, size);
                    executor.spawn(child).detach();
                }
                sum = 0;
                for _ in 0..10 {
                    sum += receiver.recv().await.expect("a child");
                }
            }
            up.send(sum).await.expect("the parent");
        })
    }
    let (executor, size) = (ctx.smol(), ctx.size);
    let start = Instant::now();
    let sum = on_smol(executor, async move {
        let (sender, receiver) = bounded(1);
        executor.spawn(sky(executor, sender, 0, size as u64)).detach();
        receiver.recv().await.expect("the root")
    });
    figures(size, start, sum)
}
