//! Many tasks that all wait at once: what it costs to make one, to hold it, and to wake it and see
//! it end.
//!
//! gocoro, may and threads wake each task by its handle. tokio's tasks wait on one shared `Notify`,
//! smol's on one channel, which is closed in the end. Neither needs memory beside the task.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use corosensei::{Coroutine, CoroutineResult, stack::DefaultStack};
use generator::{Gn, co_yield_with};

use crate::{
    row::{Context, Figure, Group, Outcome, Row, cost},
    system::{
        System::{Corosensei, Generator, Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
    usage,
};

const FIGURES: &[Figure] =
    &[cost("create", "ns/task"), cost("memory", "bytes/task"), cost("wake and end", "ns/task")];

/// Bytes of the stacks of bare coroutines: gocoro's default.
const STACK_BYTES: usize = 256 * 1024;

/// A smaller size of stacks, of which more share a page table.
const SMALL_STACK_BYTES: usize = 64 * 1024;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "10 000 suspended",
        group: Group::Bare,
        figures: FIGURES,
        size: 10_000,
        quick: 1_000,
        on: &[(Gocoro, gocoro), (Generator, bare_generator), (Corosensei, bare_corosensei)],
        ..Row::DEFAULT
    },
    Row {
        name: "10 000 parked tasks",
        figures: FIGURES,
        size: 10_000,
        quick: 1_000,
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
        name: "1 000 000 parked tasks",
        figures: FIGURES,
        size: 1_000_000,
        quick: 10_000,
        on: &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (May, may), (Smol, smol)],
        ..Row::DEFAULT
    },
    Row {
        name: "1 000 000 parked tasks, 64 KiB stacks",
        figures: FIGURES,
        size: 1_000_000,
        quick: 10_000,
        on: &[(Gocoro, gocoro_small)],
        ..Row::DEFAULT
    },
];

/// Measures time and memory, from before the first spawn.
struct Meter {
    tasks: usize,
    memory: u64,
    start: Instant,
    figures: Vec<f64>,
}

impl Meter {
    fn start(tasks: usize) -> Self {
        Meter { tasks, memory: usage::memory(), start: Instant::now(), figures: Vec::new() }
    }

    /// Notes that all tasks wait.
    fn all_parked(&mut self) {
        self.lap();
        let memory = usage::memory().saturating_sub(self.memory);
        self.figures.push(memory as f64 / self.tasks as f64);
        self.start = Instant::now();
    }

    /// Notes that all tasks have ended.
    fn all_ended(mut self) -> Outcome {
        self.lap();
        Ok(self.figures)
    }

    fn lap(&mut self) {
        self.figures.push(self.start.elapsed().as_nanos() as f64 / self.tasks as f64);
    }
}

/// What the tasks share.
#[derive(Default)]
struct Shared {
    parked: AtomicUsize,
    go: AtomicBool,
}

impl Shared {
    /// What each task does. `park` may return early.
    fn wait(&self, park: impl Fn()) {
        self.parked.fetch_add(1, Ordering::AcqRel);
        while !self.go.load(Ordering::Acquire) {
            park();
        }
    }

    fn are_parked(&self, tasks: usize) -> bool {
        self.parked.load(Ordering::Acquire) == tasks
    }
}

fn gocoro(ctx: &Context) -> Outcome {
    gocoro_on(&ctx.gocoro(), ctx.size)
}

fn gocoro_small(ctx: &Context) -> Outcome {
    let builder = gocoro::runtime::Builder::new().workers(ctx.workers);
    gocoro_on(&builder.stack_size(SMALL_STACK_BYTES).build().expect("start gocoro"), ctx.size)
}

fn gocoro_on(runtime: &gocoro::runtime::Runtime, tasks: usize) -> Outcome {
    use gocoro::task::{park, spawn, yield_now};
    runtime.run(|| {
        let shared = Arc::new(Shared::default());
        let mut meter = Meter::start(tasks);
        let spawn_one = |_| {
            let shared = shared.clone();
            spawn(move || shared.wait(park))
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        while !shared.are_parked(tasks) {
            yield_now();
        }
        meter.all_parked();
        shared.go.store(true, Ordering::Release);
        handles.iter().for_each(|handle| handle.task().unpark());
        handles.into_iter().for_each(|handle| handle.wait());
        meter.all_ended()
    })
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::{sync::Notify, task::yield_now};
    let tasks = ctx.size;
    on_tokio(&ctx.tokio(), async move {
        let shared = Arc::new((Shared::default(), Notify::new()));
        let mut meter = Meter::start(tasks);
        let spawn_one = |_| {
            let shared = shared.clone();
            tokio::spawn(async move {
                let wake = shared.1.notified();
                shared.0.parked.fetch_add(1, Ordering::AcqRel);
                wake.await;
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        while !shared.0.are_parked(tasks) {
            yield_now().await;
        }
        meter.all_parked();
        shared.1.notify_waiters();
        for handle in handles {
            handle.await.expect("a task");
        }
        meter.all_ended()
    })
}

fn may(ctx: &Context) -> Outcome {
    use may::coroutine::{current, park};
    let tasks = ctx.size;
    ctx.may();
    on_may(move || {
        let shared = Arc::new(Shared::default());
        let main = current();
        let mut meter = Meter::start(tasks);
        let spawn_one = |_| {
            let (shared, main) = (shared.clone(), main.clone());
            may::go!(move || {
                shared.wait(|| {
                    if shared.are_parked(tasks) {
                        main.unpark();
                    }
                    park();
                });
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        // This does not yield: a coroutine that yields in a loop keeps may from starting new ones.
        while !shared.are_parked(tasks) {
            park();
        }
        meter.all_parked();
        shared.go.store(true, Ordering::Release);
        handles.iter().for_each(|handle| handle.coroutine().unpark());
        handles.into_iter().for_each(|handle| handle.join().expect("a coroutine"));
        meter.all_ended()
    })
}

fn smol(ctx: &Context) -> Outcome {
    use smol::future::yield_now;
    let (tasks, executor) = (ctx.size, ctx.smol());
    on_smol(executor, async move {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = smol::channel::bounded::<()>(1);
        let mut meter = Meter::start(tasks);
        let spawn_one = |_| {
            let (shared, receiver) = (shared.clone(), receiver.clone());
            executor.spawn(async move {
                shared.parked.fetch_add(1, Ordering::AcqRel);
                assert!(receiver.recv().await.is_err());
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        while !shared.are_parked(tasks) {
            yield_now().await;
        }
        meter.all_parked();
        sender.close();
        for handle in handles {
            handle.await;
        }
        meter.all_ended()
    })
}

fn threads(ctx: &Context) -> Outcome {
    use thread::{park, spawn, yield_now};
    let tasks = ctx.size;
    let shared = Arc::new(Shared::default());
    let mut meter = Meter::start(tasks);
    let spawn_one = |_| {
        let shared = shared.clone();
        spawn(move || shared.wait(park))
    };
    let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
    while !shared.are_parked(tasks) {
        yield_now();
    }
    meter.all_parked();
    shared.go.store(true, Ordering::Release);
    handles.iter().for_each(|handle| handle.thread().unpark());
    handles.into_iter().for_each(|handle| handle.join().expect("a thread"));
    meter.all_ended()
}

// Coroutines without a runtime: made, resumed once so that they suspend, and resumed again to their
// end.

fn bare_generator(ctx: &Context) -> Outcome {
    let words = STACK_BYTES / size_of::<usize>();
    let mut data = 0_u8;
    let mut meter = Meter::start(ctx.size);
    let make = |_| {
        let mut one = Gn::<()>::new_opt::<(), _>(words, || co_yield_with(()));
        one.set_local_data(&raw mut data);
        one.resume();
        one
    };
    let all: Vec<_> = (0..ctx.size).map(make).collect();
    meter.all_parked();
    for mut one in all {
        one.resume();
        assert!(one.is_done());
    }
    meter.all_ended()
}

fn bare_corosensei(ctx: &Context) -> Outcome {
    let mut meter = Meter::start(ctx.size);
    let make = |_| {
        let stack = DefaultStack::new(STACK_BYTES).expect("a stack");
        let mut one =
            Coroutine::<(), (), (), _>::with_stack(stack, |yielder, ()| yielder.suspend(()));
        assert!(matches!(one.resume(()), CoroutineResult::Yield(())));
        one
    };
    let all: Vec<_> = (0..ctx.size).map(make).collect();
    meter.all_parked();
    for mut one in all {
        assert!(matches!(one.resume(()), CoroutineResult::Return(())));
    }
    meter.all_ended()
}
