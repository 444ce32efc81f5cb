//! Storms: many tasks do what they like, by chance, and what is counted stays counted.
//!
//! They go in rounds. Each has a seed of its own, which it prints, and fails if it does not end. By
//! default there are few; these make a storm a big one:
//!
//! - `GOCORO_STORM_SECONDS`: how long each number of workers goes on with its rounds;
//! - `GOCORO_STORM_TASKS`: tasks that a round begins with, all alive at once, where that number is
//!   not part of what the storm is about;
//! - `GOCORO_STORM_SEED`: the seed of the first round, to repeat the random choices of one that
//!   printed it.
//!
//! The three tests in this file are the great storm, which does everything at once.

mod channels;
mod choices;
mod combinators;
mod coroutines;
mod groups;
mod primitives;
mod scopes;
mod tasks;
mod timeouts;
mod unwinding;
mod whole;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::{WORKERS, bounded};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// How many tasks a round begins with.
fn tasks_or(usual: usize) -> usize {
    number("GOCORO_STORM_TASKS").map_or(usual, |tasks| tasks as usize)
}

/// The seeds of the rounds with so many workers: as many as usual, and more until the time is up
/// that was asked for.
fn seeds(workers: usize, usual: usize) -> impl Iterator<Item = u64> {
    let limit = number("GOCORO_STORM_SECONDS").map(Duration::from_secs);
    let first = number("GOCORO_STORM_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64)
    });
    let begun = Instant::now();
    let goes_on =
        move |&round: &usize| round < usual || limit.is_some_and(|limit| begun.elapsed() < limit);
    (0..).take_while(goes_on).map(move |round| {
        let seed = first.wrapping_add(round as u64);
        println!("workers: {workers}, seed: {seed}");
        seed
    })
}

/// Runs the rounds of a storm with each number of workers.
#[track_caller]
fn rounds(usual: usize, round: impl Fn(usize, u64) + Copy + Send + 'static) {
    for workers in WORKERS {
        for seed in seeds(workers, usual) {
            bounded(move || round(workers, seed));
        }
    }
}

#[test]
fn on_one_worker() {
    whole::storm(1);
}

#[test]
fn on_two_workers() {
    whole::storm(2);
}

#[test]
fn on_four_workers() {
    whole::storm(4);
}
