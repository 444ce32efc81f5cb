//! Tasks that sleep once each, until moments that are spread over one second. The second begins
//! when all tasks should have been spawned. Measured are how late the tasks wake, and the processor
//! time from the beginning of that second on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    row::{Context, Figure, Outcome, Row, cost},
    stats::{mean, percentile},
    system::{
        System::{Gocoro, May, Smol, Threads, TokioCt, TokioMt},
        on_may, on_smol, on_tokio,
    },
    usage,
};

const FIGURES: &[Figure] =
    &[cost("mean lateness", "µs"), cost("p99 lateness", "µs"), cost("CPU", "µs/timer")];

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "10 000 timers in 1 s",
        figures: FIGURES,
        size: 10_000,
        quick: 500,
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
        name: "100 000 timers in 1 s",
        figures: FIGURES,
        size: 100_000,
        quick: 2_000,
        on: &[(Gocoro, gocoro), (TokioCt, tokio), (TokioMt, tokio), (May, may), (Smol, smol)],
        ..Row::DEFAULT
    },
];

/// When each task should wake, and how late it did.
struct Alarms {
    base: Instant,
    span: Duration,
    late_ns: Vec<AtomicU64>,
    /// Nanoseconds of processor time that were used before the second began.
    cpu_before_ns: AtomicU64,
}

impl Alarms {
    fn set(ctx: &Context) -> Arc<Self> {
        let (lead, span) = if ctx.quick { (50, 50) } else { (2_000, 1_000) };
        Arc::new(Alarms {
            base: Instant::now() + Duration::from_millis(lead),
            span: Duration::from_millis(span),
            late_ns: (0..ctx.size).map(|_| AtomicU64::new(0)).collect(),
            cpu_before_ns: AtomicU64::new(0),
        })
    }

    /// When this task wakes: the moments are evenly spread, and in no order.
    fn at(&self, task: usize) -> Instant {
        let fraction = (task as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        self.base + self.span.mul_f64(fraction as f64 / f64::from(u32::MAX))
    }

    /// How long the spawner has to sleep until the second begins.
    fn lead(&self) -> Duration {
        self.base.saturating_duration_since(Instant::now())
    }

    /// Notes that the second begins.
    fn begin(&self) {
        self.cpu_before_ns.store(usage::cpu_time().as_nanos() as u64, Ordering::Relaxed);
    }

    /// How long task number `task` has to sleep.
    fn rest(&self, task: usize) -> Duration {
        self.at(task).saturating_duration_since(Instant::now())
    }

    fn rings(&self, task: usize) {
        let late = Instant::now().saturating_duration_since(self.at(task));
        self.late_ns[task].store(late.as_nanos() as u64, Ordering::Relaxed);
    }

    fn figures(&self) -> Outcome {
        let before = Duration::from_nanos(self.cpu_before_ns.load(Ordering::Relaxed));
        let cpu = usage::cpu_time() - before;
        let micros = |ns: &AtomicU64| ns.load(Ordering::Relaxed) as f64 / 1e3;
        let mut late: Vec<f64> = self.late_ns.iter().map(micros).collect();
        let tasks = late.len() as f64;
        Ok(vec![mean(&late), percentile(&mut late, 99), cpu.as_secs_f64() * 1e6 / tasks])
    }
}

fn gocoro(ctx: &Context) -> Outcome {
    use gocoro::{task::spawn, time::sleep};
    let tasks = ctx.size;
    let runtime = ctx.gocoro();
    let alarms = Alarms::set(ctx);
    runtime.run(|| {
        let spawn_one = |task| {
            let alarms = alarms.clone();
            spawn(move || {
                sleep(alarms.rest(task));
                alarms.rings(task);
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        sleep(alarms.lead());
        alarms.begin();
        handles.into_iter().for_each(|handle| handle.wait());
    });
    alarms.figures()
}

fn tokio(ctx: &Context) -> Outcome {
    use tokio::{task::spawn, time::sleep};
    let tasks = ctx.size;
    let runtime = ctx.tokio();
    let alarms = Alarms::set(ctx);
    let all = alarms.clone();
    on_tokio(&runtime, async move {
        let spawn_one = |task| {
            let alarms = all.clone();
            spawn(async move {
                sleep(alarms.rest(task)).await;
                alarms.rings(task);
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        sleep(all.lead()).await;
        all.begin();
        for handle in handles {
            handle.await.expect("a task");
        }
    });
    alarms.figures()
}

fn may(ctx: &Context) -> Outcome {
    use may::coroutine::sleep;
    let tasks = ctx.size;
    ctx.may();
    let alarms = Alarms::set(ctx);
    let all = alarms.clone();
    on_may(move || {
        let spawn_one = |task| {
            let alarms = all.clone();
            may::go!(move || {
                sleep(alarms.rest(task));
                alarms.rings(task);
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        sleep(all.lead());
        all.begin();
        handles.into_iter().for_each(|handle| handle.join().expect("a coroutine"));
    });
    alarms.figures()
}

fn smol(ctx: &Context) -> Outcome {
    let (tasks, executor) = (ctx.size, ctx.smol());
    let alarms = Alarms::set(ctx);
    let all = alarms.clone();
    on_smol(executor, async move {
        let spawn_one = |task| {
            let alarms = all.clone();
            executor.spawn(async move {
                smol::Timer::after(alarms.rest(task)).await;
                alarms.rings(task);
            })
        };
        let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
        smol::Timer::after(all.lead()).await;
        all.begin();
        for handle in handles {
            handle.await;
        }
    });
    alarms.figures()
}

fn threads(ctx: &Context) -> Outcome {
    use thread::{sleep, spawn};
    let tasks = ctx.size;
    let alarms = Alarms::set(ctx);
    let spawn_one = |task| {
        let alarms = alarms.clone();
        spawn(move || {
            sleep(alarms.rest(task));
            alarms.rings(task);
        })
    };
    let handles: Vec<_> = (0..tasks).map(spawn_one).collect();
    sleep(alarms.lead());
    alarms.begin();
    handles.into_iter().for_each(|handle| handle.join().expect("a thread"));
    alarms.figures()
}
