//! Channels: two tasks in turn over two channels, many senders to one receiver, many to many.
//!
//! Threads use crossbeam-channel, smol uses async-channel. may has only unbounded channels, and
//! takes part where that makes no difference to what is measured. tokio has no rendezvous channel,
//! and no channel with many receivers.

use std::{thread, time::Instant};

use crate::{
    row::{Context, Figure, Outcome, Row, cost, scale, share},
    system::{
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
};

const PER_MESSAGE: &[Figure] = &[cost("", "ns/message")];
const PER_ROUND_TRIP: &[Figure] = &[cost("", "ns/round trip")];

/// Tasks at each end of a many-ended channel.
const SENDERS: u64 = 8;
const SIDE: u64 = 4;

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
