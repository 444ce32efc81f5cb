//! Wakes from one thread to another.
//!
//! *From outside*: a plain thread wakes a task on a runtime that has nothing else to do, and the
//! task wakes the thread. The two run on different cores. *Across workers*: two tasks that were
//! started on two workers wake each other in turn. A system that moves started tasks may bring them
//! together again, so a second figure says how many wakes really crossed. A second row has tasks
//! that stay where they started: on gocoro all do, on tokio each has a current-thread runtime of
//! its own.

#![expect(
    clippy::redundant_closure,
    reason = "a closure is inlined, a function passed by its name is not"
)]

use std::{
    hint, ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::{
    affinity,
    row::{Context, Group, Outcome, Place, Row, cost, rate, timed},
    system::{
        self,
        System::{Gocoro, May, Threads, TokioCt, TokioMt},
        on_may, on_tokio,
    },
};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "wake from outside",
        figures: &[cost("", "ns/round trip")],
        place: Place::All,
        on: &[
            (Gocoro, outside_gocoro),
            (TokioCt, outside_tokio),
            (TokioMt, outside_tokio),
            (May, outside_may),
            (Threads, outside_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "wake across workers",
        group: Group::TwoOnly,
        figures: &[cost("", "ns/wake"), rate("crossed", "%")],
        on: &[
            (Gocoro, across_gocoro),
            (TokioMt, across_tokio),
            (May, across_may),
            (Threads, across_threads),
        ],
        ..Row::DEFAULT
    },
    Row {
        name: "wake across workers, tasks that stay",
        group: Group::TwoOnly,
        figures: &[cost("", "ns/wake"), rate("crossed", "%")],
        on: &[(Gocoro, across_gocoro), (TokioMt, pinned_tokio)],
        ..Row::DEFAULT
    },
];

/// The word that the thread and the task hand to and fro.
struct Ball {
    thread: Thread,
    with_task: AtomicBool,
}

impl Ball {
    /// What the task does, `rounds` times. `park` may return early.
    fn task(&self, rounds: u64, park: impl Fn()) {
        for _ in 0..rounds {
            while !self.with_task.load(Ordering::Acquire) {
                park();
            }
            self.back();
        }
    }

    fn back(&self) {
        self.with_task.store(false, Ordering::Release);
        self.thread.unpark();
    }

    /// What the thread does, `rounds` times.
    fn thread(&self, rounds: u64, unpark: impl Fn()) -> Duration {
        timed(|| {
            for _ in 0..rounds {
                self.with_task.store(true, Ordering::Release);
                unpark();
                while self.with_task.load(Ordering::Acquire) {
                    thread::park();
                }
            }
        })
    }
}

/// Binds this thread, and any runtime that it starts from now on, to the first core. Returns the
/// other cores.
fn take_first_core() -> Vec<usize> {
    let mut cores = affinity::cores();
    affinity::pin(&cores[..1]);
    if cores.len() > 1 {
        cores.remove(0);
    }
    cores
}

/// The row's figure: a plain thread on `cores` plays with a task. `play` starts the task, gives a
/// function that wakes the task to its third argument, and waits for the task's end.
fn outside(
    ctx: &Context,
    cores: &[usize],
    mut play: impl FnMut(u64, Arc<Ball>, &dyn Fn(Unpark)),
) -> Outcome {
    let figure = ctx.per_op(|rounds| {
        let (hand, take) = mpsc::channel();
        let (ready, wait) = mpsc::channel::<(Arc<Ball>, Unpark)>();
        let cores = cores.to_vec();
        let outsider = thread::spawn(move || {
            affinity::pin(&cores);
            hand.send(thread::current()).expect("the other side waits");
            let (ball, unpark) = wait.recv().expect("a task");
            // The runtime gets time to fall asleep.
            thread::sleep(Duration::from_millis(1));
            ball.thread(rounds, unpark)
        });
        let thread = take.recv().expect("the outsider");
        let ball = Arc::new(Ball { thread, with_task: AtomicBool::new(false) });
        play(rounds, ball.clone(), &|unpark| {
            ready.send((ball.clone(), unpark)).expect("the outsider waits");
        });
        outsider.join().expect("the outsider")
    });
    Ok(vec![figure])
}

type Unpark = Box<dyn Fn() + Send>;

fn outside_gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::{park, spawn};
    let others = take_first_core();
    let runtime = ctx.gocoro();
    outside(ctx, &others, |rounds, ball, ready| {
        let task = runtime.run(move || spawn(move || ball.task(rounds, park)));
        let handle = task.task().clone();
        ready(Box::new(move || handle.unpark()));
        task.wait();
    })
}

fn outside_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::Notify;
    let others = take_first_core();
    let runtime = ctx.tokio();
    outside(ctx, &others, |rounds, ball, ready| {
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        ready(Box::new(move || waker.notify_one()));
        on_tokio(&runtime, async move {
            for _ in 0..rounds {
                wake.notified().await;
                ball.back();
            }
        });
    })
}

fn outside_may(ctx: &Context) -> Outcome {
    use may::coroutine::park;
    let others = take_first_core();
    ctx.may();
    outside(ctx, &others, |rounds, ball, ready| {
        let task = may::go!(move || ball.task(rounds, park));
        let handle = task.coroutine().clone();
        ready(Box::new(move || handle.unpark()));
        task.join().expect("the coroutine");
    })
}

fn outside_threads(ctx: &Context) -> Outcome {
    use thread::{park, spawn};
    let others = take_first_core();
    outside(ctx, &others, |rounds, ball, ready| {
        let task = spawn(move || ball.task(rounds, park));
        let handle = task.thread().clone();
        ready(Box::new(move || handle.unpark()));
        task.join().expect("the thread");
    })
}

/// Two tasks that were started on two threads, whose turn it is, and how often the turn went to
/// another thread.
struct Crossing<T> {
    handles: [OnceLock<T>; 2],
    started: AtomicUsize,
    turn: AtomicUsize,
    /// The thread that gave the turn away.
    from: AtomicUsize,
    crossed: AtomicUsize,
}

/// A number of the current thread. Not inlined, since the compiler might keep the number across a
/// move of the task: then a system that moves started tasks would get the old thread's number.
#[inline(never)]
fn here() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

impl<T> Crossing<T> {
    fn new() -> Arc<Self> {
        Arc::new(Crossing {
            handles: [OnceLock::new(), OnceLock::new()],
            started: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            from: AtomicUsize::new(0),
            crossed: AtomicUsize::new(0),
        })
    }

    /// Holds this worker until the other task has started, which therefore is on another worker.
    /// Gives up after a second: the figure of crossed wakes shows that.
    fn start_apart(&self) {
        self.started.fetch_add(1, Ordering::AcqRel);
        let start = Instant::now();
        let both = || self.handles.iter().all(|handle| handle.get().is_some());
        while self.started.load(Ordering::Acquire) < 2 || !both() {
            if start.elapsed() > Duration::from_secs(1) {
                return;
            }
            hint::spin_loop();
        }
    }

    fn is_turn_of(&self, me: usize) -> bool {
        self.turn.load(Ordering::Acquire) == me
    }

    /// Notes that player `me` has got the turn, and gives it to the other player, who is to be
    /// woken.
    fn give(&self, me: usize) -> &T {
        let here = here();
        if self.from.load(Ordering::Relaxed) != here {
            self.crossed.fetch_add(1, Ordering::Relaxed);
        }
        self.from.store(here, Ordering::Relaxed);
        self.turn.store(1 - me, Ordering::Release);
        self.handles[1 - me].get().expect("both have started")
    }

    fn play(&self, me: usize, rounds: u64, park: impl Fn(), unpark: impl Fn(&T)) {
        self.start_apart();
        for _ in 0..rounds {
            while !self.is_turn_of(me) {
                park();
            }
            unpark(self.give(me));
        }
    }
}

/// The row's figures. `batch` plays a number of rounds, and returns the time and the number of
/// crossed wakes.
fn across(ctx: &Context, mut batch: impl FnMut(u64) -> (Duration, usize)) -> Outcome {
    let mut share = 0.0;
    let round = ctx.per_op(|rounds| {
        let (took, crossed) = batch(rounds);
        share = 100.0 * crossed as f64 / (2 * rounds) as f64;
        took
    });
    Ok(vec![round / 2.0, share])
}

fn across_gocoro(ctx: &Context) -> Outcome {
    use gocoro::task::{Task, park, spawn};
    let runtime = ctx.gocoro();
    across(ctx, |rounds| {
        runtime.run(|| {
            let start = Instant::now();
            let game = Crossing::<Task>::new();
            let players = [0, 1].map(|me| {
                let game = game.clone();
                spawn(move || game.play(me, rounds, || park(), |to: &Task| to.unpark()))
            });
            for (slot, player) in game.handles.iter().zip(&players) {
                slot.set(player.task().clone()).expect("set once");
            }
            players.into_iter().for_each(|player| player.wait());
            (start.elapsed(), game.crossed.load(Ordering::Relaxed))
        })
    })
}

fn across_tokio(ctx: &Context) -> Outcome {
    use tokio::sync::Notify;
    let runtime = ctx.tokio();
    across(ctx, |rounds| {
        on_tokio(&runtime, async move {
            let start = Instant::now();
            let game = Crossing::<Notify>::new();
            for slot in &game.handles {
                slot.set(Notify::new()).expect("set once");
            }
            let players = [0, 1].map(|me| {
                let game = game.clone();
                tokio::spawn(async move { game.notified(me, rounds).await })
            });
            for player in players {
                player.await.expect("a task");
            }
            (start.elapsed(), game.crossed.load(Ordering::Relaxed))
        })
    })
}

impl Crossing<tokio::sync::Notify> {
    async fn notified(&self, me: usize, rounds: u64) {
        self.start_apart();
        let own = self.handles[me].get().expect("set before the spawn");
        for _ in 0..rounds {
            while !self.is_turn_of(me) {
                own.notified().await;
            }
            self.give(me).notify_one();
        }
    }
}

/// Plays with two tasks, each on a current-thread runtime of its own, where it stays.
fn pinned_tokio(ctx: &Context) -> Outcome {
    let cores = affinity::at(Place::Workers, ctx.workers);
    across(ctx, |rounds| {
        let start = Instant::now();
        let game = Crossing::<tokio::sync::Notify>::new();
        for slot in &game.handles {
            assert!(slot.set(tokio::sync::Notify::new()).is_ok(), "set once");
        }
        let players = [0, 1].map(|me| {
            let (game, core) = (game.clone(), cores[me % cores.len()]);
            thread::spawn(move || {
                affinity::pin(&[core]);
                let runtime = system::tokio(TokioCt, 1);
                on_tokio(&runtime, async move { game.notified(me, rounds).await });
            })
        });
        players.into_iter().for_each(|player| player.join().expect("a thread"));
        (start.elapsed(), game.crossed.load(Ordering::Relaxed))
    })
}

fn across_may(ctx: &Context) -> Outcome {
    use may::coroutine::{Coroutine, park};
    ctx.may();
    across(ctx, |rounds| {
        on_may(move || {
            let start = Instant::now();
            let game = Crossing::<Coroutine>::new();
            let players = [0, 1].map(|me| {
                let game = game.clone();
                may::go!(move || game.play(me, rounds, || park(), |to: &Coroutine| to.unpark()))
            });
            for (slot, player) in game.handles.iter().zip(&players) {
                slot.set(player.coroutine().clone()).expect("set once");
            }
            players.into_iter().for_each(|player| player.join().expect("a coroutine"));
            (start.elapsed(), game.crossed.load(Ordering::Relaxed))
        })
    })
}

fn across_threads(ctx: &Context) -> Outcome {
    use thread::{park, spawn};
    let cores = affinity::at(Place::Workers, ctx.workers);
    across(ctx, |rounds| {
        let start = Instant::now();
        let game = Crossing::<Thread>::new();
        let players = [0, 1].map(|me| {
            let (game, core) = (game.clone(), cores[me % cores.len()]);
            spawn(move || {
                affinity::pin(&[core]);
                game.play(me, rounds, || park(), |to: &Thread| to.unpark());
            })
        });
        for (slot, player) in game.handles.iter().zip(&players) {
            slot.set(player.thread().clone()).expect("set once");
        }
        players.into_iter().for_each(|player| player.join().expect("a thread"));
        (start.elapsed(), game.crossed.load(Ordering::Relaxed))
    })
}
