//! A mutex that each unlock hands to the next in line. Each holder yields while it has the lock, so
//! that the other tasks queue up for it.

use std::{sync::Arc, thread, time::Instant};

use crate::{
    row::{Context, Outcome, Row, cost, scale, share},
    system::{
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

/// The number of tasks that want the lock.
const RIVALS: u64 = 8;

pub(crate) const ROWS: &[Row] = &[Row {
    name: "mutex hand-off, 8 tasks",
    figures: &[cost("", "ns/lock")],
    two: true,
    on: &[
        (Gocoro, mutex_gocoro),
        (TokioCt, mutex_tokio),
        (TokioMt, mutex_tokio),
        (May, mutex_may),
        (Smol, mutex_smol),
        (Threads, mutex_threads),
    ],
    ..Row::DEFAULT
}];

fn mutex_gocoro(ctx: &Context) -> Outcome {
    use gocoro::{
        sync::Mutex,
        task::{spawn, yield_now},
    };
    let runtime = ctx.gocoro();
    Ok(vec![ctx.per_op(|locks| {
        runtime.run(|| {
            let start = Instant::now();
            let mutex = Arc::new(Mutex::new(0));
            let rival = |_| {
                let mutex = mutex.clone();
                spawn(move || {
                    for _ in 0..share(locks, RIVALS) {
                        let mut count = mutex.lock().expect("no panic");
                        yield_now();
                        *count += 1;
                    }
                })
            };
            let rivals: Vec<_> = (0..RIVALS).map(rival).collect();
            rivals.into_iter().for_each(|rival| rival.wait());
            let locked = *mutex.lock().expect("no panic");
            scale(start.elapsed(), locks, locked)
        })
    })])
}

fn mutex_tokio(ctx: &Context) -> Outcome {
    use tokio::{sync::Mutex, task::yield_now};
    let runtime = ctx.tokio();
    Ok(vec![ctx.per_op(|locks| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let mutex = Arc::new(Mutex::new(0));
            let rival = |_| {
                let mutex = mutex.clone();
                tokio::spawn(async move {
                    for _ in 0..share(locks, RIVALS) {
                        let mut count = mutex.lock().await;
                        yield_now().await;
                        *count += 1;
                    }
                })
            };
            let rivals: Vec<_> = (0..RIVALS).map(rival).collect();
            for rival in rivals {
                rival.await.expect("a task");
            }
            scale(start.elapsed(), locks, *mutex.lock().await)
        })
    })])
}

fn mutex_may(ctx: &Context) -> Outcome {
    use may::{coroutine::yield_now, sync::Mutex};
    ctx.may();
    Ok(vec![ctx.per_op(|locks| {
        on_may(move || {
            let start = Instant::now();
            let mutex = Arc::new(Mutex::new(0));
            let rival = |_| {
                let mutex = mutex.clone();
                may::go!(move || {
                    for _ in 0..share(locks, RIVALS) {
                        let mut count = mutex.lock().expect("no panic");
                        yield_now();
                        *count += 1;
                    }
                })
            };
            let rivals: Vec<_> = (0..RIVALS).map(rival).collect();
            rivals.into_iter().for_each(|rival| rival.join().expect("a coroutine"));
            let locked = *mutex.lock().expect("no panic");
            scale(start.elapsed(), locks, locked)
        })
    })])
}

fn mutex_smol(ctx: &Context) -> Outcome {
    use smol::{future::yield_now, lock::Mutex};
    let executor = ctx.smol();
    Ok(vec![ctx.per_op(|locks| {
        on_smol(executor, async move {
            let start = Instant::now();
            let mutex = Arc::new(Mutex::new(0));
            let rival = |_| {
                let mutex = mutex.clone();
                executor.spawn(async move {
                    for _ in 0..share(locks, RIVALS) {
                        let mut count = mutex.lock().await;
                        yield_now().await;
                        *count += 1;
                    }
                })
            };
            let rivals: Vec<_> = (0..RIVALS).map(rival).collect();
            for rival in rivals {
                rival.await;
            }
            scale(start.elapsed(), locks, *mutex.lock().await)
        })
    })])
}

fn mutex_threads(ctx: &Context) -> Outcome {
    use std::sync::Mutex;
    use thread::yield_now;
    Ok(vec![ctx.per_op(|locks| {
        let start = Instant::now();
        let mutex = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..RIVALS {
                scope.spawn(|| {
                    for _ in 0..share(locks, RIVALS) {
                        let mut count = mutex.lock().expect("no panic");
                        yield_now();
                        *count += 1;
                    }
                });
            }
        });
        let locked = *mutex.lock().expect("no panic");
        scale(start.elapsed(), locks, locked)
    })])
}
