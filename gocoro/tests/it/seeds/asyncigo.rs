//! asyncigo: tasks and futures.

mod examples;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::sync::{Abandoned, Barrier, Deferred, promise};
use gocoro::task::{self, JoinHandle, Task, TaskGroup, wait_all, wait_any};
use gocoro::time::{sleep, timeout};
use gocoro::{channel, go};

use crate::support::{Colour, NEVER, SOON, on_workers, settle, until};

type Log = Arc<Mutex<Vec<(u64, u64)>>>;

/// The seed's task: so long, then five entries with a rest after each.
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

/// The seed's limit of 5 % more than 550 ms is left out, here and below: a slow machine misses it.
#[test]
fn t_a1_tasks_that_sleep_take_turns() {
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
fn t_a1_tasks_that_do_not_suspend_run_one_after_another() {
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

/// A barrier after each rest makes it certain that they rest at the same time: by the clock alone, a
/// thread that the machine holds up would be a round late. A task of the worker takes part.
#[test]
fn t_a1_threads_that_sleep_hold_no_task_up() {
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

#[test]
fn t_a2_a_result_is_not_there_then_it_is_and_stays() {
    on_workers(|_| {
        let (promise, future) = promise();
        assert_eq!(future.get(), None);
        promise.set(10);
        assert_eq!((future.get(), future.wait()), (Some(&10), Ok(&10)));

        let task = go!({ 10 });
        until(|| task.is_finished());
        task.cancel();
        assert_eq!(task.join().unwrap(), 10);
    });
}

#[test]
fn t_a2_a_cancel_is_the_result_and_names_its_cause() {
    on_workers(|_| {
        let task = go!(sleep(NEVER));
        settle();
        let line = line!() + 1;
        task.cancel();
        let error = task.join().unwrap_err();
        assert!(error.is_cancelled());
        assert!(error.to_string().contains(&format!("asyncigo.rs:{line}")), "{error}");

        let (promise, future) = promise::<i32>();
        drop(promise);
        assert_eq!(future.wait(), Err(Abandoned));
    });
}

#[test]
fn t_a2_a_value_and_an_error_are_both_kept() {
    let (promise, future) = promise();
    promise.set((42, Some("error")));
    assert_eq!(future.get(), Some(&(42, Some("error"))));
}

/// The seed panics there, for a goroutine has no loop.
#[test]
fn t_a3_a_thread_may_sleep_and_give_its_result_to_a_task() {
    on_workers(|_| {
        let (promise, future) = promise();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            sleep(SOON);
            promise.set(42);
        });
        assert_eq!(future.wait(), Ok(&42));
        assert!(begun.elapsed() >= SOON);
        until(|| thread.is_finished());
        thread.join().unwrap();
    });
}

#[test]
fn t_a6_the_first_to_come_so_far_cancels_all() {
    Colour::Task.run(1, || {
        for futures in 0..10 {
            for tasks in 1..10 {
                for cancel_on in 0..=futures {
                    cancels_all(futures, tasks, cancel_on);
                }
            }
        }
    });
}

/// So many tasks await so many futures in order.
fn cancels_all(futures: usize, tasks: usize, cancel_on: usize) {
    let (promises, deferred): (Vec<_>, Vec<Deferred<usize>>) =
        (0..futures).map(|_| promise()).unzip();
    let all: Arc<Mutex<Vec<Task>>> = Arc::default();
    let handles: Vec<_> = (0..tasks)
        .map(|_| {
            go!(clone(all, deferred) => {
                let mut count = 0;
                for (at, future) in deferred.iter().enumerate() {
                    assert_eq!(future.wait(), Ok(&at));
                    count += 1;
                    if at == cancel_on {
                        all.lock().unwrap().iter().for_each(Task::cancel);
                        break;
                    }
                }
                count
            })
        })
        .collect();
    all.lock().unwrap().extend(handles.iter().map(|handle| handle.task().clone()));
    settle();
    for (at, promise) in promises.into_iter().enumerate() {
        promise.set(at);
    }
    let counts: Vec<_> = handles.into_iter().map(JoinHandle::join).collect();
    let expected = futures.min(cancel_on + 1);
    let ended_well = counts.iter().filter(|count| count.is_ok()).count();
    assert!(ended_well > 0 && (cancel_on < futures || ended_well == tasks));
    for count in counts {
        match count {
            Ok(count) => assert_eq!(count, expected),
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
}

/// The first success of tasks that take so many ms and end so; `None`: one that never ends.
fn first_ok(
    arms: &[(Option<u64>, Result<u32, &'static str>)],
) -> Option<Result<u32, &'static str>> {
    let group = TaskGroup::new();
    for &(takes, result) in arms {
        group.spawn(move || {
            sleep(takes.map_or(NEVER, Duration::from_millis));
            result
        });
    }
    group.first_ok()
}

/// Where the seed's losers take longer, these never end: on a slow machine the longer may be the first.
#[test]
fn t_a7_the_first_success() {
    on_workers(|_| {
        let (never, now) = (None, Some(0));
        // Basic, reverse, one shorter: of which one ends.
        assert_eq!(first_ok(&[(now, Ok(10)), (never, Ok(20)), (never, Ok(30))]), Some(Ok(10)));
        assert_eq!(first_ok(&[(never, Ok(10)), (never, Ok(20)), (now, Ok(30))]), Some(Ok(30)));
        assert_eq!(first_ok(&[(never, Ok(10)), (Some(5), Ok(20)), (never, Ok(30))]), Some(Ok(20)));
        // Errors first.
        assert_eq!(first_ok(&[(now, Err("a")), (now, Err("b")), (now, Ok(30))]), Some(Ok(30)));
        let slowest = [(now, Err("a")), (Some(500), Ok(500)), (Some(1), Err("b"))];
        assert_eq!(first_ok(&slowest), Some(Ok(500)));
        // All errors: the last one.
        assert!(first_ok(&[(now, Err("a")), (now, Err("b"))]).unwrap().is_err());
        assert_eq!(first_ok(&[(now, Err("a"))]), Some(Err("a")));
        // the seed never ends with none.
        assert_eq!(first_ok(&[]), None);
    });
}

/// of those that lost, the ones that had not started never do.
#[test]
fn a_31_losers_that_had_not_started_never_do() {
    Colour::Task.run(1, || {
        let group = TaskGroup::<Result<u32, ()>>::new();
        group.spawn(|| Ok(1));
        task::yield_now();
        let started = Arc::new(AtomicUsize::new(0));
        let theirs = started.clone();
        group.spawn(move || {
            theirs.fetch_add(1, SeqCst);
            Ok(2)
        });
        assert_eq!(group.first_ok(), Some(Ok(1)));
        assert_eq!(started.load(SeqCst), 0);
    });
}

/// a cancel before the first step; a parent that is cancelled.
#[test]
fn a_11_a_task_cancelled_before_its_first_step_never_runs() {
    Colour::Task.run(1, || {
        let ran = Arc::new(AtomicUsize::new(0));
        let task = go!(clone(ran) => { ran.fetch_add(1, SeqCst) });
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        let parent = go!(clone(ran) => {
            task::current().cancel();
            task::scope(|s| {
                s.spawn(|| ran.fetch_add(1, SeqCst));
            });
        });
        assert!(parent.join().unwrap_err().is_cancelled());
        assert_eq!(ran.load(SeqCst), 0);
    });
}

/// the seed cancels what a cancelled task awaited.
#[test]
fn a_14_who_stops_waiting_leaves_what_others_wait_for() {
    Colour::Task.run(1, || {
        let (promise, future) = promise();
        let waiting: Vec<_> =
            (0..3).map(|_| go!(clone(future) => { *future.wait().unwrap() })).collect();
        settle();
        waiting[1].cancel();
        settle();
        promise.set(1);
        let ended: Vec<_> = waiting.into_iter().map(|task| task.join().ok()).collect();
        assert_eq!(ended, [Some(1), None, Some(1)]);
    });
}

/// in the seed, a deadline wakes nobody who is parked.
#[test]
fn a_22_a_deadline_wakes_who_is_parked() {
    on_workers(|_| {
        assert!(timeout(SOON, task::park).is_err());
        let (_promise, future) = promise::<i32>();
        assert!(timeout(SOON, || future.wait().is_ok()).is_err());
    });
}

/// in the seed, waiting for none never ends.
#[test]
fn a_30_waiting_for_none_ends_at_once() {
    on_workers(|_| {
        assert!(wait_all(Vec::<JoinHandle<()>>::new()).is_empty());
        assert!(wait_any(Vec::<JoinHandle<()>>::new()).is_none());
        assert!(TaskGroup::<()>::new().next().is_none());
        assert!(TaskGroup::<()>::new().try_join_all().unwrap().is_empty());
    });
}

/// those who gave up waiting for an item don't take one.
#[test]
fn a_34_a_queue_skips_those_who_gave_up() {
    Colour::Task.run(1, || {
        let (sender, receiver) = channel::unbounded();
        let getters: Vec<_> = (0..3)
            .map(|_| {
                let getter = go!(clone(receiver) => { receiver.recv().unwrap() });
                settle();
                getter
            })
            .collect();
        getters[0].cancel();
        settle();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let mut got: Vec<_> = getters.into_iter().filter_map(|getter| getter.join().ok()).collect();
        got.sort();
        assert_eq!(got, [1, 2]);
    });
}

/// the seed wakes all who wait for a lock, lets the first to run have it, and takes any unlock.
#[test]
fn a_35_a_lock_is_handed_to_who_waited_longest() {
    Colour::Task.run(1, || {
        let lock = Arc::new(gocoro::sync::Mutex::new(Vec::new()));
        let held = lock.lock().unwrap();
        let waiting: Vec<_> = (0..4)
            .map(|n| {
                let task = go!(clone(lock) => { lock.lock().unwrap().push(n) });
                settle();
                task
            })
            .collect();
        waiting[1].cancel();
        settle();
        drop(held);
        for (n, task) in waiting.into_iter().enumerate() {
            assert_eq!(task.join().is_err(), n == 1);
        }
        assert_eq!(*lock.lock().unwrap(), [0, 2, 3]);
    });
}
