//! One task wakes the next and goes to sleep itself, by park and unpark: two tasks in turn, and a
//! ring of 503 tasks.
//!
//! `park` and `unpark` are in closures, so that they can be inlined as in a program that calls
//! them.
//!
//! A word in memory says whose turn it is, so that a wake may come early or for no reason. tokio
//! has no park, but its `Notify` keeps one wake in the same way. smol has neither.

#![expect(
    clippy::redundant_closure,
    reason = "a closure is inlined, a function passed by its name is not"
)]

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Outcome, Row, cost},
    system::{
        System::{Gocoro, May, Threads, TokioCt, TokioMt},
        on_may, on_tokio,
    },
};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "ping-pong, park/unpark",
        figures: &[cost("", "ns/round trip")],
        two: true,
        on: &[
            (Gocoro, pair_gocoro),
            (TokioCt, pair_tokio),
            (TokioMt, pair_tokio),
            (May, pair_may),
            (Threads, pair_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "ring of 503, park/unpark",
        figures: &[cost("", "ns/hop")],
        size: 503,
        quick: 503,
        on: &[
            (Gocoro, ring_gocoro),
            (TokioCt, ring_tokio),
            (TokioMt, ring_tokio),
            (May, ring_may),
            (Threads, ring_threads),
        ],
        ..Row::DEFAULT
    },
];

/// Two tasks that take turns. `T` is a handle to a task.
struct Pair<T> {
    handles: [OnceLock<T>; 2],
    turn: AtomicUsize,
}

impl<T> Pair<T> {
    fn new() -> Arc<Self> {
        Arc::new(Pair { handles: [OnceLock::new(), OnceLock::new()], turn: AtomicUsize::new(0) })
    }

    /// Player `me` takes `rounds` turns. `park` may return early.
    fn play(
        &self,
        me: usize,
        rounds: u64,
        yield_now: impl Fn(),
        park: impl Fn(),
        unpark: impl Fn(&T),
    ) {
        let other = loop {
            match self.handles[1 - me].get() {
                Some(handle) => break handle,
                None => yield_now(),
            }
        };
        for _ in 0..rounds {
            while self.turn.load(Ordering::Acquire) != me {
                park();
            }
            self.turn.store(1 - me, Ordering::Release);
            unpark(other);
        }
    }
}

fn pair_gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::{Task, park, spawn, yield_now};
    let runtime = ctx.gocoro();
    Ok(vec![ctx.per_op(|rounds| {
        runtime.run(|| {
            let start = Instant::now();
            let pair = Pair::<Task>::new();
            let players = [0, 1].map(|me| {
                let pair = pair.clone();
                spawn(move || pair.play(me, rounds, yield_now, || park(), |to: &Task| to.unpark()))
            });
            for (slot, player) in pair.handles.iter().zip(&players) {
                slot.set(player.task().clone()).expect("set once");
            }
            players.into_iter().for_each(|player| player.wait());
            start.elapsed()
        })
    })])
}

fn pair_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::Notify;
    let runtime = ctx.tokio();
    Ok(vec![ctx.per_op(|rounds| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let wakes = Arc::new([Notify::new(), Notify::new()]);
            let players = [0, 1].map(|me| {
                let wakes = wakes.clone();
                tokio::spawn(async move {
                    for _ in 0..rounds {
                        wakes[me].notified().await;
                        wakes[1 - me].notify_one();
                    }
                })
            });
            wakes[0].notify_one();
            for player in players {
                player.await.expect("a task");
            }
            start.elapsed()
        })
    })])
}

fn pair_may(ctx: &Context) -> Outcome {
    use may::coroutine::{Coroutine, park, yield_now};
    ctx.may();
    Ok(vec![ctx.per_op(|rounds| {
        on_may(move || {
            let start = Instant::now();
            let pair = Pair::<Coroutine>::new();
            let players = [0, 1].map(|me| {
                let pair = pair.clone();
                may::go!(move || pair.play(
                    me,
                    rounds,
                    yield_now,
                    || park(),
                    |to: &Coroutine| to.unpark()
                ))
            });
            for (slot, player) in pair.handles.iter().zip(&players) {
                slot.set(player.coroutine().clone()).expect("set once");
            }
            players.into_iter().for_each(|player| player.join().expect("a coroutine"));
            start.elapsed()
        })
    })])
}

fn pair_threads(ctx: &Context) -> Outcome {
    use thread::{Thread, park, spawn, yield_now};
    Ok(vec![ctx.per_op(|rounds| {
        let start = Instant::now();
        let pair = Pair::<Thread>::new();
        let players = [0, 1].map(|me| {
            let pair = pair.clone();
            spawn(move || pair.play(me, rounds, yield_now, || park(), |to: &Thread| to.unpark()))
        });
        for (slot, player) in pair.handles.iter().zip(&players) {
            slot.set(player.thread().clone()).expect("set once");
        }
        players.into_iter().for_each(|player| player.join().expect("a thread"));
        start.elapsed()
    })])
}

/// Tasks in a ring. The token is the number of hops to go, the present one included; 0 means that
/// there is no token.
struct Ring<T> {
    handles: OnceLock<Vec<T>>,
    tokens: Vec<AtomicU64>,
    done: AtomicBool,
    ended: OnceLock<Instant>,
}

impl<T> Ring<T> {
    fn new(size: usize) -> Arc<Self> {
        Arc::new(Ring {
            handles: OnceLock::new(),
            tokens: (0..size).map(|_| AtomicU64::new(0)).collect(),
            done: AtomicBool::new(false),
            ended: OnceLock::new(),
        })
    }

    /// Takes the token that lies before member `me`.
    fn take(&self, me: usize) -> Option<u64> {
        if self.tokens[me].load(Ordering::Acquire) == 0 {
            return None;
        }
        Some(self.tokens[me].swap(0, Ordering::AcqRel))
    }

    /// Passes the token to the member after `me`, and returns that member's handle. `None`: the
    /// token has gone far enough.
    fn pass(&self, me: usize, token: u64) -> Option<&T> {
        if token == 1 {
            self.ended.set(Instant::now()).expect("one token");
            self.done.store(true, Ordering::Release);
            return None;
        }
        let next = (me + 1) % self.tokens.len();
        self.tokens[next].store(token - 1, Ordering::Release);
        Some(&self.handles()[next])
    }

    /// What member `me` does. `park` may return early.
    fn turn(&self, me: usize, park: impl Fn(), unpark: impl Fn(&T)) {
        while !self.done.load(Ordering::Acquire) {
            match self.take(me).map(|token| self.pass(me, token)) {
                None => park(),
                Some(Some(next)) => unpark(next),
                Some(None) => self.handles().iter().for_each(&unpark),
            }
        }
    }

    fn handles(&self) -> &[T] {
        self.handles.get().expect("set before the token is")
    }

    /// Starts the ring, with `hops` hops to go.
    fn start(&self, handles: Vec<T>, hops: u64, unpark: impl Fn(&T)) -> Instant {
        let started = Instant::now();
        self.handles.set(handles).ok().expect("started once");
        self.tokens[0].store(hops, Ordering::Release);
        unpark(&self.handles()[0]);
        started
    }

    fn took(&self, started: Instant) -> Duration {
        *self.ended.get().expect("the token has stopped") - started
    }
}

fn ring_gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::{Task, park, spawn};
    let (runtime, size) = (ctx.gocoro(), ctx.size);
    Ok(vec![ctx.per_op(|hops| {
        runtime.run(|| {
            let ring = Ring::<Task>::new(size);
            let spawn_one = |me| {
                let ring = ring.clone();
                spawn(move || ring.turn(me, || park(), |to: &Task| to.unpark()))
            };
            let members: Vec<_> = (0..size).map(spawn_one).collect();
            let handles = members.iter().map(|member| member.task().clone()).collect();
            let started = ring.start(handles, hops, Task::unpark);
            members.into_iter().for_each(|member| member.wait());
            ring.took(started)
        })
    })])
}

fn ring_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::Notify;
    let (runtime, size) = (ctx.tokio(), ctx.size);
    Ok(vec![ctx.per_op(|hops| {
        on_tokio(&runtime, async move {
            let ring = Ring::<Notify>::new(size);
            let spawn_one = |me| {
                let ring = ring.clone();
                tokio::spawn(async move {
                    while !ring.done.load(Ordering::Acquire) {
                        match ring.take(me).map(|token| ring.pass(me, token)) {
                            None => match ring.handles.get() {
                                Some(handles) => handles[me].notified().await,
                                None => tokio::task::yield_now().await,
                            },
                            Some(Some(next)) => next.notify_one(),
                            Some(None) => ring.handles().iter().for_each(Notify::notify_one),
                        }
                    }
                })
            };
            let members: Vec<_> = (0..size).map(spawn_one).collect();
            let handles = (0..size).map(|_| Notify::new()).collect();
            let started = ring.start(handles, hops, Notify::notify_one);
            for member in members {
                member.await.expect("a task");
            }
            ring.took(started)
        })
    })])
}

fn ring_may(ctx: &Context) -> Outcome {
    use may::coroutine::{Coroutine, park};
    ctx.may();
    let size = ctx.size;
    Ok(vec![ctx.per_op(|hops| {
        on_may(move || {
            let ring = Ring::<Coroutine>::new(size);
            let spawn_one = |me| {
                let ring = ring.clone();
                may::go!(move || ring.turn(me, || park(), |to: &Coroutine| to.unpark()))
            };
            let members: Vec<_> = (0..size).map(spawn_one).collect();
            let handles = members.iter().map(|member| member.coroutine().clone()).collect();
            let started = ring.start(handles, hops, Coroutine::unpark);
            members.into_iter().for_each(|member| member.join().expect("a coroutine"));
            ring.took(started)
        })
    })])
}

fn ring_threads(ctx: &Context) -> Outcome {
    use thread::{Thread, park, spawn};
    let size = ctx.size;
    Ok(vec![ctx.per_op(|hops| {
        let ring = Ring::<Thread>::new(size);
        let spawn_one = |me| {
            let ring = ring.clone();
            spawn(move || ring.turn(me, || park(), |to: &Thread| to.unpark()))
        };
        let members: Vec<_> = (0..size).map(spawn_one).collect();
        let handles = members.iter().map(|member| member.thread().clone()).collect();
        let started = ring.start(handles, hops, Thread::unpark);
        members.into_iter().for_each(|member| member.join().expect("a thread"));
        ring.took(started)
    })])
}
