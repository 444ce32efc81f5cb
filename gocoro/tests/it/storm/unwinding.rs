//! Tasks that unwind while they wait, beside one another: all end, and no panic is counted on.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gocoro::go;
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use super::rounds;
use crate::support::{Random, on_drop, with_workers};

/// What a task of the storm does: it waits, panics, catches, cancels others, in any order.
fn act(mut random: Random, depth: usize, others: Arc<[task::Task]>) {
    let wait = |random: &mut Random| match random.below(5) {
        0 => task::yield_now(),
        1 => sleep(Duration::from_micros(random.next() % 300)),
        2 => task::park_timeout(Duration::from_micros(random.next() % 300)),
        3 => go!({ task::yield_now() }).wait(),
        _ => {}
    };
    let mut inner = random.clone();
    inner.next();
    let in_destructor = others.clone();
    let _guard = on_drop(move || {
        for _ in 0..inner.below(4) {
            wait(&mut inner);
        }
        if !in_destructor.is_empty() && inner.below(3) == 0 {
            in_destructor[inner.below(in_destructor.len())].cancel();
        }
        if depth > 0 {
            // What is thrown inside a destructor stays inside.
            drop(panic::catch_unwind(move || act(inner, depth - 1, in_destructor)));
        }
    });
    for _ in 0..random.below(6) {
        wait(&mut random);
        if !others.is_empty() && random.below(4) == 0 {
            others[random.below(others.len())].cancel();
        }
    }
    match random.below(4) {
        0 => panic::panic_any(()),
        1 => task::current().cancel(),
        2 => drop(panic::catch_unwind(AssertUnwindSafe(|| wait(&mut random)))),
        _ => {}
    }
    wait(&mut random);
}

#[test]
fn all_tasks_end_that_unwind_beside_one_another() {
    rounds(4, |workers, seed| {
        let runtime = with_workers(workers);
        runtime.run(move || {
            let mut random = Random::new(seed);
            let mut others = Vec::new();
            let mut all = Vec::new();
            for _ in 0..200 {
                let known: Arc<[task::Task]> = others.clone().into();
                let own = Random::new(random.next());
                let depth = random.below(3);
                let task = go!(act(own, depth, known));
                others.push(task.task().clone());
                all.push(task);
            }
            for task in all {
                drop(task.join());
            }
        });
        // Not one is left, and no thread counts a panic that is over.
        runtime.wait_idle();
        runtime.run(|| {
            let checks: Vec<_> = (0..50).map(|_| go!({ assert!(!thread::panicking()) })).collect();
            checks.into_iter().for_each(JoinHandle::wait);
        });
    });
}
