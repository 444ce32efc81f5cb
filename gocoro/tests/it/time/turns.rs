//! Who sleeps lets others run, and who blocks its thread does not.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::sync::Barrier;
use gocoro::task::wait_all;
use gocoro::time::sleep;
use gocoro::{channel, go};

use crate::support::Colour;

type Log = Arc<Mutex<Vec<(u64, u64)>>>;

/// Rests for so long, then makes five entries with a rest after each.
fn logs(log: &Log, number: u64, rest: &dyn Fn(u64)) -> u64 {
    rest(10 * (number + 1));
    for entry in 0..5 {
        log.lock().unwrap().push((number, entry));
        rest(100);
    }
    number * 10
}

fn suspends(ms: u64) {
    sleep(Duration::from_millis(ms));
}

/// No upper bound of the time is asserted, here and below: a slow machine misses it.
#[test]
fn tasks_that_sleep_take_turns() {
    Colour::Task.run(1, || {
        let (log, begun) = (Log::default(), Instant::now());
        let tasks = (0..5).map(|number| go!(clone(log) => { logs(&log, number, &suspends) }));
        let results = wait_all(tasks).into_iter().map(Result::unwrap);
        assert!(results.eq([0, 10, 20, 30, 40]));
        assert!(begun.elapsed() >= Duration::from_millis(550));
        for (round, entries) in log.lock().unwrap().chunks(5).enumerate() {
            assert!(entries.iter().all(|(_, entry)| *entry == round as u64), "{entries:?}");
        }
    });
}

#[test]
fn tasks_that_do_not_suspend_run_one_after_another() {
    Colour::Task.run(1, || {
        let (log, begun) = (Log::default(), Instant::now());
        #[expect(clippy::disallowed_methods, reason = "it is to block the worker")]
        let blocks = |ms: u64| thread::sleep(Duration::from_millis(ms));
        let tasks = (0..5).map(|number| go!(clone(log) => { logs(&log, number, &blocks) }));
        assert!(wait_all(tasks).into_iter().map(Result::unwrap).eq([0, 10, 20, 30, 40]));
        assert!(begun.elapsed() >= Duration::from_millis(2650));
        for entries in log.lock().unwrap().chunks(5) {
            assert!(entries.iter().all(|(number, _)| *number == entries[0].0), "{entries:?}");
        }
    });
}

/// A barrier after each rest makes it certain that they rest at the same time: by the clock alone,
/// a thread that the machine holds up would be a round late. A task of the worker takes part.
#[test]
fn threads_that_sleep_hold_no_task_up() {
    Colour::Task.run(1, || {
        let (log, begun) = (Log::default(), Instant::now());
        let all_rested = Arc::new(Barrier::new(6));
        let (results, all) = channel::unbounded();
        for number in 0..5 {
            let (log, results, all_rested) = (log.clone(), results.clone(), all_rested.clone());
            let rests = move |ms: u64| {
                suspends(ms);
                all_rested.wait();
            };
            drop(thread::spawn(move || results.send(logs(&log, number, &rests)).unwrap()));
        }
        drop(results);
        for _ in 0..6 {
            all_rested.wait();
        }
        let mut results: Vec<_> = all.iter().collect();
        results.sort();
        assert_eq!(results, [0, 10, 20, 30, 40]);
        assert!(begun.elapsed() >= Duration::from_millis(550));
        for (round, entries) in log.lock().unwrap().chunks(5).enumerate() {
            assert!(entries.iter().all(|(_, entry)| *entry == round as u64), "{entries:?}");
        }
    });
}
