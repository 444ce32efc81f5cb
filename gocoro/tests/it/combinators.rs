//! `wait_all`, `wait_any` and `race` give each result once, whoever comes first or fails.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::go;
use gocoro::sync::Event;
use gocoro::task::{self, JoinHandle, TaskGroup, race, wait_all, wait_any};
use gocoro::time::{sleep, timeout};

use crate::support::{NEVER, SOON, in_both_colours, on_drop, on_workers, until};

fn parks<T: Send + 'static>(value: T) -> JoinHandle<T> {
    go!({
        task::park();
        value
    })
}

#[test]
fn nothing_to_wait_for_is_there_at_once() {
    in_both_colours(|| {
        assert!(wait_all(Vec::<JoinHandle<u32>>::new()).is_empty());
        assert!(wait_any(Vec::<JoinHandle<u32>>::new()).is_none());
        assert_eq!(race(Vec::<fn() -> u32>::new()), None);
        assert_eq!(race::<u32>([] as [fn() -> u32; 0]), None);
    });
}

#[test]
fn all_results_stand_in_their_order() {
    in_both_colours(|| {
        let tasks = (0..10).map(|n| {
            go!({
                (0..10 - n).for_each(|_| task::yield_now());
                assert!(n != 4, "expected");
                n
            })
        });
        let results = wait_all(tasks);
        for (n, result) in results.into_iter().enumerate() {
            match result {
                Ok(value) => assert_eq!(value, n),
                Err(error) => assert!(n == 4 && error.is_panic()),
            }
        }
        // One that spawns as it goes is driven to its end first.
        let count = AtomicUsize::new(0);
        let lazy = (0..3).map(|_| {
            count.fetch_add(1, SeqCst);
            go!({ task::yield_now() })
        });
        assert_eq!(wait_all(lazy).len(), 3);
        assert_eq!(count.into_inner(), 3);
    });
}

#[test]
fn any_says_which_and_gives_the_others_back() {
    in_both_colours(|| {
        let tasks: Vec<_> = (0..5).map(parks).collect();
        tasks[3].task().unpark();
        let (at, result, tasks) = wait_any(tasks).unwrap();
        assert_eq!((at, result.unwrap(), tasks.len()), (3, 3, 4));
        // The rest can be waited for again, in every way.
        tasks[0].task().unpark();
        let (at, result, mut tasks) = wait_any(tasks).unwrap();
        assert_eq!((at, result.unwrap()), (0, 0));
        tasks[2].cancel();
        let (at, result, rest) = wait_any(tasks).unwrap();
        assert_eq!(at, 2);
        assert!(result.unwrap_err().is_cancelled());
        tasks = rest;
        let tasks = tasks.into_iter().map(|task| task.join_timeout(SOON).unwrap_err());
        let tasks: Vec<_> = tasks.collect();
        tasks.iter().for_each(|task| task.task().unpark());
        let values: Vec<_> = wait_all(tasks).into_iter().map(Result::unwrap).collect();
        assert_eq!(values, [1, 2]);
    });
}

#[test]
fn any_of_finished_tasks_is_the_one_that_stands_first() {
    in_both_colours(|| {
        let tasks = vec![parks(0), go!({ 1 }), go!({ 2 })];
        until(|| tasks[1].is_finished() && tasks[2].is_finished());
        let (at, result, rest) = wait_any(tasks).unwrap();
        assert_eq!((at, result.unwrap()), (1, 1));
        rest[0].task().unpark();
        assert_eq!(wait_all(rest).len(), 2);
    });
}

#[test]
fn any_cut_short_leaves_the_tasks_alone() {
    on_workers(|_| {
        for _ in 0..20 {
            let tasks: Vec<_> = (0..4).map(parks).collect();
            let kept: Vec<_> = tasks.iter().map(|task| task.task().clone()).collect();
            let ended = timeout(Duration::ZERO, move || wait_any(tasks).is_some());
            assert!(ended.is_err());
            kept.iter().for_each(|task| task.unpark());
        }
    });
}

#[test]
fn the_first_arm_to_return_wins_and_the_others_are_through() {
    in_both_colours(|| {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let winner = String::from("the winner's");
        let slow = || {
            begun.fetch_add(1, SeqCst);
            let _guard = on_drop(|| {
                (0..10).for_each(|_| task::yield_now());
                ended.fetch_add(1, SeqCst);
            });
            sleep(NEVER);
            0
        };
        for place in 0..3 {
            let mut arms: Vec<Box<dyn FnOnce() -> usize + Send + '_>> = Vec::new();
            for at in 0..3 {
                match at == place {
                    true => arms.push(Box::new(|| {
                        sleep(SOON);
                        winner.len()
                    })),
                    false => arms.push(Box::new(&slow)),
                }
            }
            assert_eq!(race(arms), Some(winner.len()));
            assert_eq!(begun.load(SeqCst), ended.load(SeqCst));
        }
        assert_eq!(race((slow_value, || 2, slow_value)), Some(2));
        assert_eq!(race([slow_value, slow_value, || 3]), Some(3));
    });
}

fn slow_value() -> u32 {
    sleep(NEVER);
    1
}

#[test]
fn an_arms_panic_ends_the_race() {
    in_both_colours(|| {
        let caught = panic::catch_unwind(|| race((slow_value, || panic!("expected"))));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn a_race_cut_short_cancels_all_arms() {
    in_both_colours(|| {
        let alive = Arc::new(AtomicUsize::new(0));
        let arm = || {
            alive.fetch_add(1, SeqCst);
            let _guard = on_drop(|| {
                alive.fetch_sub(1, SeqCst);
            });
            sleep(NEVER);
        };
        assert!(timeout(SOON, || race([arm, arm])).is_err());
        assert_eq!(alive.load(SeqCst), 0);
    });
}

#[test]
fn a_winners_value_counts_though_a_cancel_comes_while_the_others_end() {
    on_workers(|_| {
        let (ending, is_ending) = mpsc::channel();
        let racer = go!({
            race((
                move || {
                    let _guard = on_drop(|| {
                        ending.send(task::current()).unwrap();
                        task::shield(task::park);
                    });
                    sleep(NEVER);
                    1
                },
                || {
                    (0..100).for_each(|_| task::yield_now());
                    2
                },
            ))
        });
        let mut loser = None;
        // The loser may have been cancelled before it started.
        until(|| {
            loser = is_ending.try_recv().ok();
            loser.is_some() || racer.is_finished()
        });
        racer.cancel();
        if let Some(loser) = loser {
            loser.unpark();
        }
        assert_eq!(racer.join().unwrap(), Some(2));
    });
}

/// A value that comes too late for a race is dropped with no lock held.
#[test]
fn late_values_of_a_race_may_wait_in_their_destructors() {
    struct Slow<'a>(&'a AtomicUsize);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            task::shield(|| sleep(SOON));
            self.0.fetch_add(1, SeqCst);
        }
    }
    on_workers(|_| {
        let (waiting, gate) = (AtomicUsize::new(0), Event::new());
        let dropped = AtomicUsize::new(0);
        let late = || {
            waiting.fetch_add(1, SeqCst);
            gate.wait();
            Slow(&dropped)
        };
        let first = || {
            until(|| waiting.load(SeqCst) == 2);
            gate.set();
            Slow(&dropped)
        };
        let won = task::race((first, late, late));
        assert!(won.is_some());
        let others = dropped.load(SeqCst);
        drop(won);
        assert_eq!(dropped.load(SeqCst), others + 1);
    });
}

#[test]
fn waiting_for_none_ends_at_once() {
    on_workers(|_| {
        assert!(wait_all(Vec::<JoinHandle<()>>::new()).is_empty());
        assert!(wait_any(Vec::<JoinHandle<()>>::new()).is_none());
        assert!(TaskGroup::<()>::new().next().is_none());
        assert!(TaskGroup::<()>::new().try_join_all().unwrap().is_empty());
    });
}

#[test]
fn an_error_among_several_results_is_one_of_them() {
    on_workers(|_| {
        let mut results = wait_all([
            go!({ Ok(25.5) }),
            go!({ Err("oops") }),
            go!({
                sleep(SOON);
                Ok(1.5)
            }),
        ])
        .into_iter()
        .map(Result::unwrap);
        assert_eq!(results.next(), Some(Ok(25.5)));
        assert_eq!(results.next(), Some(Err("oops")));
        assert_eq!(results.next(), Some(Ok(1.5)));
    });
}
