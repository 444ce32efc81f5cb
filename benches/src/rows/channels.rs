//! Channels and locks: two tasks in turn over two channels, many senders to one receiver, many to many, skynet over
//! channels, and a mutex that every unlock hands to the next in line.
//!
//! Threads use crossbeam-channel, smol async-channel. may has unbounded channels only: it is in the rows where that
//! makes no difference to what is measured. tokio has no rendezvous channel, and none with many receivers.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Figure, Outcome, Row, cost},
    rows::skynet,
    system::{
        SmolExecutor,
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

const PER_MESSAGE: &[Figure] = &[cost("", "ns/message")];
const PER_ROUND_TRIP: &[Figure] = &[cost("", "ns/round trip")];

/// Tasks at each end of a many-ended channel, and tasks that want one mutex.
const SENDERS: u64 = 8;
const SIDE: u64 = 4;
const RIVALS: u64 = 8;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "ping-pong, channels of 1",
        figures: PER_ROUND_TRIP,
        size: 1,
        two: true,
        on: &[
            (Gocoro, pair_gocoro),
            (TokioCt, pair_tokio),
            (TokioMt, pair_tokio),
            (May, pair_may),
            (Smol, pair_smol),
            (Threads, pair_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "ping-pong, rendezvous",
        figures: PER_ROUND_TRIP,
        size: 0,
        quick: 0,
        two: true,
        on: &[(Gocoro, pair_gocoro), (Threads, pair_threads)],
        ..Row::DEFAULT
    },
    Row {
        name: "mpsc, 8 senders, bound 1024",
        figures: PER_MESSAGE,
        size: 1024,
        quick: 1024,
        two: true,
        on: &[
            (Gocoro, mpsc_gocoro),
            (TokioCt, mpsc_tokio),
            (TokioMt, mpsc_tokio),
            (Smol, mpsc_smol),
            (Threads, mpsc_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "mpsc, 8 senders, unbounded",
        figures: PER_MESSAGE,
        two: true,
        on: &[
            (Gocoro, mpsc_unbounded_gocoro),
            (TokioCt, mpsc_unbounded_tokio),
            (TokioMt, mpsc_unbounded_tokio),
            (May, mpsc_unbounded_may),
            (Smol, mpsc_unbounded_smol),
            (Threads, mpsc_unbounded_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "mpmc, 4 to 4, bound 1024",
        figures: PER_MESSAGE,
        size: 1024,
        quick: 1024,
        two: true,
        on: &[(Gocoro, mpmc_gocoro), (Smol, mpmc_smol), (Threads, mpmc_threads)],
        ..Row::DEFAULT
    },
    Row {
        name: "skynet over channels",
        figures: skynet::FIGURES,
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
    Row {
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
    },
];

// Ping-pong: the size is the channels' bound.

fn pair_gocoro(ctx: &Context) -> Outcome {
    use gocoro::{channel::bounded, task::spawn};
    let (runtime, bound) = (ctx.gocoro(), ctx.size);
    Ok(vec![ctx.per_op(|rounds| {
        runtime.run(|| {
            let start = Instant::now();
            let ((to, at), (back, home)) = (bounded(bound), bounded(bound));
            let other = spawn(move || {
                while let Ok(n) = at.recv() {
                    back.send(n).expect("the other side");
                }
            });
            for n in 0..rounds {
                to.send(n).expect("the other side");
                assert_eq!(home.recv(), Ok(n));
            }
            drop(to);
            other.wait();
            start.elapsed()
        })
    })])
}

fn pair_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::mpsc::channel;
    let (runtime, bound) = (ctx.tokio(), ctx.size);
    Ok(vec![ctx.per_op(|rounds| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let ((to, mut at), (back, mut home)) = (channel(bound), channel(bound));
            let other = tokio::spawn(async move {
                while let Some(n) = at.recv().await {
                    back.send(n).await.expect("the other side");
                }
            });
            for n in 0..rounds {
                to.send(n).await.expect("the other side");
                assert_eq!(home.recv().await, Some(n));
            }
            drop(to);
            other.await.expect("a task");
            start.elapsed()
        })
    })])
}

fn pair_may(ctx: &Context) -> Outcome {
    use may::sync::mpsc::channel;
    ctx.may();
    Ok(vec![ctx.per_op(|rounds| {
        on_may(move || {
            let start = Instant::now();
            let ((to, at), (back, home)) = (channel(), channel());
            let other = may::go!(move || {
                while let Ok(n) = at.recv() {
                    back.send(n).expect("the other side");
                }
            });
            for n in 0..rounds {
                to.send(n).expect("the other side");
                assert_eq!(home.recv(), Ok(n));
            }
            drop(to);
            other.join().expect("a coroutine");
            start.elapsed()
        })
    })])
}

fn pair_smol(ctx: &Context) -> Outcome {
    use smol::channel::bounded;
    let (executor, bound) = (ctx.smol(), ctx.size);
    Ok(vec![ctx.per_op(|rounds| {
        on_smol(executor, async move {
            let start = Instant::now();
            let ((to, at), (back, home)) = (bounded(bound), bounded(bound));
            let other = executor.spawn(async move {
                while let Ok(n) = at.recv().await {
                    back.send(n).await.expect("the other side");
                }
            });
            for n in 0..rounds {
                to.send(n).await.expect("the other side");
                assert_eq!(home.recv().await, Ok(n));
            }
            drop(to);
            other.await;
            start.elapsed()
        })
    })])
}

fn pair_threads(ctx: &Context) -> Outcome {
    use crossbeam_channel::bounded;
    let bound = ctx.size;
    Ok(vec![ctx.per_op(|rounds| {
        let start = Instant::now();
        let ((to, at), (back, home)) = (bounded(bound), bounded(bound));
        let other = thread::spawn(move || {
            while let Ok(n) = at.recv() {
                back.send(n).expect("the other side");
            }
        });
        for n in 0..rounds {
            to.send(n).expect("the other side");
            assert_eq!(home.recv(), Ok(n));
        }
        drop(to);
        other.join().expect("a thread");
        start.elapsed()
    })])
}

// Many to one: the size is the channel's bound.

/// Messages of each of `parts` senders, so that all send at least `messages`.
fn share(messages: u64, parts: u64) -> u64 {
    messages.div_ceil(parts)
}

/// What `messages` would have taken, when `sent` were.
fn scale(took: Duration, messages: u64, sent: u64) -> Duration {
    took.mul_f64(messages as f64 / sent as f64)
}

fn mpsc_gocoro(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_gocoro(ctx, move || gocoro::channel::bounded(bound), SENDERS, 1)
}

fn mpsc_tokio(ctx: &Context) -> Outcome {
    let (runtime, bound) = (ctx.tokio(), ctx.size);
    Ok(vec![ctx.per_op(|messages| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let (sender, mut receiver) = tokio::sync::mpsc::channel(bound);
            for _ in 0..SENDERS {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for n in 0..share(messages, SENDERS) {
                        sender.send(n).await.expect("the receiver");
                    }
                });
            }
            drop(sender);
            let mut sent = 0;
            while receiver.recv().await.is_some() {
                sent += 1;
            }
            scale(start.elapsed(), messages, sent)
        })
    })])
}

fn mpsc_smol(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_smol(ctx, move || smol::channel::bounded(bound), SENDERS, 1)
}

fn mpsc_threads(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_threads(ctx, move || crossbeam_channel::bounded(bound), SENDERS, 1)
}

fn mpsc_unbounded_gocoro(ctx: &Context) -> Outcome {
    many_gocoro(ctx, gocoro::channel::unbounded, SENDERS, 1)
}

fn mpsc_unbounded_tokio(ctx: &Context) -> Outcome {
    let runtime = ctx.tokio();
    Ok(vec![ctx.per_op(|messages| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for _ in 0..SENDERS {
                let sender = sender.clone();
                tokio::spawn(async move {
                    for n in 0..share(messages, SENDERS) {
                        sender.send(n).expect("the receiver");
                    }
                });
            }
            drop(sender);
            let mut sent = 0;
            while receiver.recv().await.is_some() {
                sent += 1;
            }
            scale(start.elapsed(), messages, sent)
        })
    })])
}

fn mpsc_unbounded_may(ctx: &Context) -> Outcome {
    ctx.may();
    Ok(vec![ctx.per_op(|messages| {
        on_may(move || {
            let start = Instant::now();
            let (sender, receiver) = may::sync::mpsc::channel();
            for _ in 0..SENDERS {
                let sender = sender.clone();
                may::go!(move || {
                    for n in 0..share(messages, SENDERS) {
                        sender.send(n).expect("the receiver");
                    }
                });
            }
            drop(sender);
            let sent = receiver.iter().count() as u64;
            scale(start.elapsed(), messages, sent)
        })
    })])
}

fn mpsc_unbounded_smol(ctx: &Context) -> Outcome {
    many_smol(ctx, smol::channel::unbounded, SENDERS, 1)
}

fn mpsc_unbounded_threads(ctx: &Context) -> Outcome {
    many_threads(ctx, crossbeam_channel::unbounded, SENDERS, 1)
}

// Many to many.

fn mpmc_gocoro(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_gocoro(ctx, move || gocoro::channel::bounded(bound), SIDE, SIDE)
}

fn mpmc_smol(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_smol(ctx, move || smol::channel::bounded(bound), SIDE, SIDE)
}

fn mpmc_threads(ctx: &Context) -> Outcome {
    let bound = ctx.size;
    many_threads(ctx, move || crossbeam_channel::bounded(bound), SIDE, SIDE)
}

fn many_gocoro(
    ctx: &Context,
    channel: impl Fn() -> (gocoro::channel::Sender<u64>, gocoro::channel::Receiver<u64>) + Sync,
    senders: u64,
    receivers: u64,
) -> Outcome {
    use gocoro::task::spawn;
    let runtime = ctx.gocoro();
    Ok(vec![ctx.per_op(|messages| {
        runtime.run(|| {
            let start = Instant::now();
            let (sender, receiver) = channel();
            for _ in 0..senders {
                let sender = sender.clone();
                drop(spawn(move || {
                    for n in 0..share(messages, senders) {
                        sender.send(n).expect("a receiver");
                    }
                }));
            }
            drop(sender);
            let receive = |_| {
                let receiver = receiver.clone();
                spawn(move || receiver.iter().count() as u64)
            };
            let all: Vec<_> = (0..receivers).map(receive).collect();
            let sent = all.into_iter().map(|receiver| receiver.wait()).sum();
            scale(start.elapsed(), messages, sent)
        })
    })])
}

fn many_smol(
    ctx: &Context,
    channel: impl Fn() -> (smol::channel::Sender<u64>, smol::channel::Receiver<u64>),
    senders: u64,
    receivers: u64,
) -> Outcome {
    let executor = ctx.smol();
    Ok(vec![ctx.per_op(|messages| {
        let (sender, receiver) = channel();
        on_smol(executor, async move {
            let start = Instant::now();
            for _ in 0..senders {
                let sender = sender.clone();
                let send = async move {
                    for n in 0..share(messages, senders) {
                        sender.send(n).await.expect("a receiver");
                    }
                };
                executor.spawn(send).detach();
            }
            drop(sender);
            let receive = |_| {
                let receiver = receiver.clone();
                executor.spawn(async move {
                    let mut sent = 0;
                    while receiver.recv().await.is_ok() {
                        sent += 1;
                    }
                    sent
                })
            };
            let all: Vec<_> = (0..receivers).map(receive).collect();
            let mut sent = 0;
            for receiver in all {
                sent += receiver.await;
            }
            scale(start.elapsed(), messages, sent)
        })
    })])
}

fn many_threads(
    ctx: &Context,
    channel: impl Fn() -> (crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>),
    senders: u64,
    receivers: u64,
) -> Outcome {
    Ok(vec![ctx.per_op(|messages| {
        let start = Instant::now();
        let (sender, receiver) = channel();
        for _ in 0..senders {
            let sender = sender.clone();
            thread::spawn(move || {
                for n in 0..share(messages, senders) {
                    sender.send(n).expect("a receiver");
                }
            });
        }
        drop(sender);
        let receive = |_| {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().count() as u64)
        };
        let all: Vec<_> = (0..receivers).map(receive).collect();
        let sent = all.into_iter().map(|receiver| receiver.join().expect("a thread")).sum();
        scale(start.elapsed(), messages, sent)
    })])
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
    skynet::figures(size, start, sum)
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
    skynet::figures(size, start, sum)
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
    skynet::figures(size, start, sum)
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
    skynet::figures(size, start, sum)
}

// Each holder yields while it has the lock, so that the others queue up for it.

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
