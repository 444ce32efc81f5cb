//! Coroutines, generators and greenlets in one another, in tasks that hand them on, cancel each
//! other and panic: whatever was made has ended once.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gocoro::coroutine::iter::generate;
use gocoro::coroutine::{Coroutine, Greenlet, Step, Suspender};
use gocoro::go;
use gocoro::task;
use gocoro::time::{sleep, timeout};

use super::{number, rounds};
use crate::support::{Random, bounded, on_drop, with_workers};

type Co = Coroutine<u64, u64, u64>;

/// By what a coroutine's body suspends itself.
type By<'a> = Option<&'a Suspender<u64, u64>>;

/// How often each guard of a round was dropped.
type Ends = Arc<Mutex<Vec<Arc<AtomicU8>>>>;

/// What the tasks of one worker share.
#[derive(Clone)]
struct Shared {
    ends: Ends,
    /// Coroutines that anybody may take out and go on with.
    bag: Rc<RefCell<Vec<Co>>>,
    others: Rc<RefCell<Vec<task::Task>>>,
    /// How much may still be done: what is made makes more.
    budget: Rc<Cell<u32>>,
}

/// Ends once, and does what it likes then, but throws nothing.
struct Guard {
    end: Arc<AtomicU8>,
    shared: Shared,
    random: Random,
    place: Place,
}

/// Where in the round some code is.
#[derive(Clone, Copy)]
struct Place {
    /// How many levels may come below.
    depth: u32,
    /// In the function of a greenlet, which is left nowhere else than there: not in a timeout, nor
    /// in a destructor, nor where its unwinding would be swallowed.
    in_greenlet: bool,
}

impl Place {
    /// The body of a coroutine, or of a task.
    fn body(depth: u32) -> Place {
        Place { depth, in_greenlet: false }
    }

    fn below(self) -> Option<Place> {
        self.depth.checked_sub(1).map(|depth| Place { depth, ..self })
    }
}

impl Shared {
    fn guard(&self, random: &mut Random, place: Place) -> Guard {
        let end = Arc::new(AtomicU8::new(0));
        self.ends.lock().unwrap().push(end.clone());
        Guard { end, shared: self.clone(), random: Random::new(random.next()), place }
    }

    fn is_spent(&self) -> bool {
        self.budget.set(self.budget.get().saturating_sub(1));
        self.budget.get() == 0
    }

    fn wait(&self, random: &mut Random) {
        match random.below(4) {
            0 => task::yield_now(),
            1 => sleep(Duration::from_micros(random.next() % 50)),
            2 => task::park_timeout(Duration::from_micros(random.next() % 50)),
            _ => {}
        }
    }

    fn coroutine(&self, random: &mut Random, depth: u32) -> Co {
        let (shared, own) = (self.clone(), Random::new(random.next()));
        Coroutine::with_stack_size(128 * 1024, move |suspender, n| {
            act(&shared, own, Place::body(depth), Some(suspender));
            n + 1
        })
    }

    fn cancel_one(&self, random: &mut Random) {
        let others = self.others.borrow();
        if !others.is_empty() {
            others[random.below(others.len())].cancel();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end.fetch_add(1, Relaxed);
        if let Some(below) = self.place.below()
            && self.random.below(3) == 0
        {
            let random = Random::new(self.random.next());
            let shared = self.shared.clone();
            drop(panic::catch_unwind(AssertUnwindSafe(move || act(&shared, random, below, None))));
        }
    }
}

/// Does this and that. With `by`, it is the body of a coroutine, which it may suspend.
fn act(shared: &Shared, mut random: Random, place: Place, by: By<'_>) {
    let random = &mut random;
    let mut held: Vec<Co> = vec![];
    let _guard = shared.guard(random, place);
    for _ in 0..random.below(8) {
        if shared.is_spent() {
            return;
        }
        let inner = Random::new(random.next());
        match (random.below(14), place.below()) {
            (0 | 1, _) => shared.wait(random),
            (2 | 3, _) => {
                if let Some(by) = by {
                    assert!(by.suspend(random.next()) < 1000);
                }
            }
            (4, _) if random.below(4) == 0 => shared.cancel_one(random),
            (5 | 6, Some(below)) => held.push(shared.coroutine(random, below.depth)),
            (7 | 8, _) if !held.is_empty() => {
                let index = random.below(held.len());
                if let Step::Returned(n) = held[index].resume(random.next() % 1000).unwrap() {
                    assert!(n <= 1000);
                    drop(held.swap_remove(index));
                }
            }
            (9, _) => {
                if let Some(one) = held.pop() {
                    // Handed on, or dropped where it stands.
                    if random.below(2) == 0 {
                        shared.bag.borrow_mut().push(one);
                    }
                } else if let Some(one) = { shared.bag.borrow_mut().pop() } {
                    held.push(one);
                }
            }
            (10, Some(below)) => {
                let limit = Duration::from_micros(random.next() % 100);
                let _ = timeout(limit, || act(shared, inner, below, None));
            }
            (11, Some(below)) => {
                // It does not suspend inside, for one that swallows its unwinding again and again
                // is left as it is.
                let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                    act(shared, inner, below, None);
                    panic::resume_unwind(Box::new("thrown"));
                }));
                drop(caught);
            }
            (12, Some(below)) => {
                let items = generated(shared, inner, below.depth);
                assert!(items.take(random.below(4)).enumerate().all(|(index, n)| index == n));
            }
            (13, Some(below)) if !place.in_greenlet => take_turns(shared, inner, below.depth),
            _ => {}
        }
    }
    if random.below(8) == 0 {
        panic::resume_unwind(Box::new("thrown"));
    }
}

/// The numbers below a few, and other things between them.
fn generated(shared: &Shared, mut random: Random, depth: u32) -> impl Iterator<Item = usize> {
    let shared = shared.clone();
    generate(move |emitter| {
        for n in 0..random.below(5) {
            let _guard = shared.guard(&mut random, Place::body(0));
            emitter.emit(n);
            act(&shared, Random::new(random.next()), Place::body(depth), None);
        }
    })
}

/// Two greenlets and whoever calls this switch to each other by chance. Another task of the worker
/// may be in the middle of the like: then this is refused.
fn take_turns(shared: &Shared, mut random: Random, depth: u32) {
    let all: Rc<RefCell<Vec<Greenlet<u64>>>> = Rc::default();
    for _ in 0..2 {
        let (theirs, others, mut own) = (shared.clone(), all.clone(), Random::new(random.next()));
        let greenlet = Greenlet::new(move |mut n| {
            let place = Place { depth, in_greenlet: true };
            let _guard = theirs.guard(&mut own, place);
            for _ in 0..own.below(6) {
                act(&theirs, Random::new(own.next()), place, None);
                let to = others.borrow().get(own.below(3)).cloned();
                n = to.unwrap_or_else(Greenlet::root).switch_to(n + 1).unwrap();
            }
            n
        });
        all.borrow_mut().push(greenlet);
    }
    // Those that wait in switches to each other have each other's handles. What is reset is unwound
    // all the same.
    let _cut = on_drop(|| all.take().iter().for_each(|greenlet| greenlet.reset(|n| n)));
    for n in 0..random.below(5) {
        let to = all.borrow()[random.below(2)].clone();
        if let Err(error) = to.switch_to(n as u64) {
            assert!(error.to_string().contains("only it may switch"), "{error}");
        }
    }
}

/// One worker's share of a round: some tasks beside one another, and then what they have left.
fn share(ends: Ends, mut random: Random) {
    let shared =
        Shared { ends, bag: Rc::default(), others: Rc::default(), budget: Rc::new(Cell::new(600)) };
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let (theirs, own) = (shared.clone(), Random::new(random.next()));
            let task = go!(local => { act(&theirs, own, Place::body(4), None) });
            shared.others.borrow_mut().push(task.task().clone());
            task
        })
        .collect();
    for task in tasks {
        drop(task.join());
    }
    while let Some(one) = { shared.bag.borrow_mut().pop() } {
        drop(panic::catch_unwind(AssertUnwindSafe(|| drop(one))));
    }
    assert!(!std::thread::panicking());
}

/// Some rounds on one runtime; the seeds follow each other.
fn storm(workers: usize, seed: u64, count: u64) {
    let runtime = with_workers(workers);
    for seed in seed..seed + count {
        let ends = Ends::default();
        let theirs = ends.clone();
        runtime.run(move || {
            let mut random = Random::new(seed);
            let shares: Vec<_> = (0..workers)
                .map(|_| {
                    let (ends, own) = (theirs.clone(), Random::new(random.next()));
                    go!(share(ends, own))
                })
                .collect();
            for share in shares {
                share.join().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
        });
        runtime.wait_idle();
        let ends = ends.lock().unwrap();
        assert!(ends.iter().all(|end| end.load(Relaxed) == 1), "seed {seed}");
    }
}

/// The same rounds each time.
#[test]
fn coroutines_end_once_in_rounds_that_are_known() {
    for workers in [1, 4] {
        bounded(move || storm(workers, 0x5EED, 1000));
    }
}

#[test]
fn coroutines_end_once_in_rounds_by_chance() {
    let many = if number("GOCORO_STORM_SECONDS").is_some() { 100 } else { 20 };
    rounds(if many > 20 { 1 } else { 2 }, move |workers, seed| storm(workers, seed, many));
}
