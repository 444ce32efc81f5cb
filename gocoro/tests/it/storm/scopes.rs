//! Trees of scopes, of which some part fails: what they borrow stays, and none outlives its scope.

use std::panic;
use std::sync::Arc;

use gocoro::task;
use gocoro::time::{sleep, timeout};

use super::{rounds, tasks_or};
use crate::scope::Alive;
use crate::support::{NEVER, Random, SOON, with_workers};

/// Trees that a round begins with.
const ROOTS: usize = 10;

#[test]
fn what_scopes_borrow_stays_whatever_fails() {
    /// A tree of scopes, of which some part fails. What they borrow lies in their callers' frames.
    fn grow(random: &mut Random, depth: usize, alive: &Alive, above: &[u64]) -> u64 {
        let _alive = alive.one();
        let mine: Vec<u64> = (0..8).map(|_| random.next()).collect();
        let check: u64 = mine.iter().chain(above).fold(0, |sum, part| sum.wrapping_add(*part));
        match random.below(12) {
            0 => sleep(SOON),
            1 => panic!("one of many"),
            2 => task::yield_now(),
            3 => task::current().cancel(),
            _ => {}
        }
        if depth > 0 {
            let children = 1 + random.below(3);
            let seeds: Vec<u64> = (0..children).map(|_| random.next()).collect();
            let (join, limit) = (random.below(2) == 0, [SOON, NEVER][random.below(2)]);
            let ended = timeout(limit, || {
                task::scope(|s| {
                    for seed in &seeds {
                        let mine = &mine;
                        let handle =
                            s.spawn(move || grow(&mut Random::new(*seed), depth - 1, alive, mine));
                        if join {
                            let _ = handle.join();
                        }
                    }
                });
            });
            let _ = ended;
        }
        let again: u64 = mine.iter().chain(above).fold(0, |sum, part| sum.wrapping_add(*part));
        assert_eq!(check, again, "what was borrowed has changed");
        again
    }

    // Panics are part of it; their reports are not read by anybody.
    rounds(6, |workers, seed| {
        let runtime = with_workers(workers);
        let alive = Arc::new(Alive::default());
        let mut random = Random::new(seed);
        let tasks: Vec<_> = (0..tasks_or(ROOTS))
            .map(|_| {
                let (seed, alive) = (random.next(), alive.clone());
                runtime.spawn(move || grow(&mut Random::new(seed), 3, &alive, &[]))
            })
            .collect();
        for task in &tasks {
            if random.below(3) == 0 {
                task.cancel();
            }
        }
        for task in tasks {
            let _ = task.join();
        }
        assert_eq!(alive.count(), 0);
    });
}
