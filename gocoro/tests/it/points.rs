//! A program with every kind of wait in it is cut short at each of its suspension points, one run a
//! point: each destructor ran once, no lock is held, no task is left.
//!
//! A subscriber sees the suspensions, since a task's span is exited at each; so this is a process
//! of its own.

mod sample;

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::runtime::Runtime;
use gocoro::task::{self, JoinHandle, Task};
use gocoro::time::{Elapsed, timeout_at};
use tracing::Subscriber;
use tracing::info_span;
use tracing::span::Id;
use tracing::subscriber::set_global_default;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::support::{NEVER, bounded, on_drop, scenario, this_program, with_workers};
use sample::{PLACES, World};

const SCENARIO: &str = "points";

/// Time enough for a run up to any point, as a rule; the worker is held until it has passed.
const LIMIT: Duration = Duration::from_millis(15);

#[test]
fn in_a_process_of_its_own() {
    if scenario().is_some() {
        return;
    }
    let child = this_program(&["points::at_each_of_them", "--exact"], SCENARIO).output().unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    println!("{text}");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(text.contains("1 passed; 0 failed"));
}

#[test]
fn at_each_of_them() {
    if scenario().as_deref() != Some(SCENARIO) {
        return;
    }
    let points = Arc::new(Points::default());
    set_global_default(Registry::default().with(Counter(points.clone()))).unwrap();
    for workers in [1, 2] {
        for way in [Way::Cancel, Way::CancelOfParent, Way::Timeout] {
            at_each(&points, workers, way);
        }
    }
}

/// How a run is cut short.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Cancel,
    /// Of a task in whose scope the program runs.
    CancelOfParent,
    Timeout,
}

/// The suspensions of one run.
#[derive(Default)]
struct Points {
    seen: AtomicUsize,
    /// The one at which the program is to be cut short; 0 is none.
    wanted: AtomicUsize,
    cut: Mutex<Cut>,
}

/// How to cut short what runs now.
#[derive(Default)]
enum Cut {
    #[default]
    NotKnown,
    /// The point came before this was known.
    Missed,
    Cancel(Task),
    /// The worker is held until it has passed.
    Timeout(Instant),
}

impl Points {
    fn next(&self) {
        if self.seen.fetch_add(1, SeqCst) + 1 == self.wanted.load(SeqCst) {
            let mut cut = self.cut.lock().unwrap();
            match &*cut {
                Cut::NotKnown | Cut::Missed => *cut = Cut::Missed,
                Cut::Cancel(task) => task.cancel(),
                Cut::Timeout(at) => while Instant::now() < *at {},
            }
        }
    }

    fn begin(&self, point: usize) {
        self.seen.store(0, SeqCst);
        self.wanted.store(point, SeqCst);
        *self.cut.lock().unwrap() = Cut::NotKnown;
    }

    fn know(&self, how: Cut) {
        let missed = mem::replace(&mut *self.cut.lock().unwrap(), how);
        if matches!(missed, Cut::Missed) {
            self.seen.fetch_sub(1, SeqCst);
            self.next();
        }
    }
}

struct Counter(Arc<Points>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Counter {
    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let of_sample = || span.scope().skip(1).any(|around| around.name() == "sample");
        if span.name() == "task" && of_sample() {
            self.0.next();
        }
    }
}

fn at_each(points: &Arc<Points>, workers: usize, way: Way) {
    let mut cut_at = [0; PLACES.len()];
    let own = points.clone();
    bounded(move || run(&own, 0, workers, way));
    let count = points.seen.load(SeqCst);
    let mut cut = 0;
    // With several, the same number is another point each time.
    for point in (1..=count).step_by(workers) {
        let own = points.clone();
        if let Some(place) = bounded(move || run(&own, point, workers, way)) {
            cut_at[place] += 1;
            cut += 1;
        }
    }
    println!("workers: {workers}, {way:?}: {count} points, cut at {cut}: {cut_at:?}");
    assert!(cut > PLACES.len());
    // Elsewhere chance has a say in where the program is when it is told.
    if workers == 1 && way != Way::Timeout {
        for (place, times) in PLACES.iter().zip(cut_at) {
            assert!(times > 0, "the wait for {place} was not cut short");
        }
    }
}

/// One run, to be cut short at this point; says where it was.
fn run(points: &Arc<Points>, point: usize, workers: usize, way: Way) -> Option<usize> {
    points.begin(point);
    let world = Arc::new(World::new());
    let runtime = with_workers(workers);
    let ended = in_runtime(&runtime, points, &world, way);
    runtime.wait_idle();
    drop(runtime);
    Arc::into_inner(world).expect("a task is alive").check(point);
    ended.err()
}

fn in_runtime(
    runtime: &Runtime,
    points: &Arc<Points>,
    world: &Arc<World>,
    way: Way,
) -> Result<(), usize> {
    runtime.run(|| {
        let others = world.start_others();
        let limited = way == Way::Timeout && points.wanted.load(SeqCst) > 0;
        let deadline = Instant::now() + if limited { LIMIT } else { NEVER };
        let program = start(world, way, deadline);
        points.know(match way {
            Way::Timeout => Cut::Timeout(deadline),
            _ => Cut::Cancel(program.task().clone()),
        });
        let result = program.join();
        assert_eq!(world.alive(), 0, "its tasks and values end before it does");
        let result = match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Elapsed { .. })) => Err(world.place()),
            Err(error) => {
                assert!(error.is_cancelled(), "{error}");
                Err(world.place())
            }
        };
        world.stop_others();
        others.into_iter().for_each(JoinHandle::wait);
        result
    })
}

fn start(world: &Arc<World>, way: Way, deadline: Instant) -> JoinHandle<Result<(), Elapsed>> {
    let world = world.clone();
    info_span!("sample").in_scope(|| match way {
        Way::Cancel => go!({
            world.sample();
            Ok(())
        }),
        Way::CancelOfParent => go!({
            let parents = std::cell::Cell::new(0);
            task::scope(|s| {
                let _frame = on_drop(|| parents.set(parents.get() + 1));
                s.spawn(|| world.sample());
            });
            assert_eq!(parents.get(), 1);
            Ok(())
        }),
        Way::Timeout => go!({ timeout_at(deadline, || world.sample()) }),
    })
}
