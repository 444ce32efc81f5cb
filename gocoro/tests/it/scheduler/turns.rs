//! A worker looks around in time, and what was queued has its turn.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{sleep, sleep_until};

use crate::support::{Colour, bounded, compute_past, until, with_workers};

/// More than a worker runs tasks without looking around.
const LONG: Duration = Duration::from_micros(200);

/// Runs `step` over and over beside a task that sleeps for a while, and again; how many steps were
/// begun between the end of a sleep and the time when the sleeper was told, at most.
///
/// The first sleeps do not count: the worker has to see first how long its tasks take.
fn steps_until_told(step: &mut dyn FnMut()) -> usize {
    const SLEEPS: usize = 30;
    let told = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let end_of = move |sleep: usize| start + Duration::from_millis(2 * (sleep as u64 + 1));
    let sleeper = go!(clone(told) => {
        for sleep in 0..SLEEPS {
            sleep_until(end_of(sleep));
            told.store(sleep + 1, SeqCst);
        }
    });
    let (mut most, mut late, mut of) = (0, 0, 0);
    loop {
        let known = told.load(SeqCst);
        if known == SLEEPS {
            break;
        }
        if known != of {
            (of, late) = (known, 0);
        }
        if Instant::now() >= end_of(known) {
            late += 1;
            if known > SLEEPS / 3 {
                most = most.max(late);
            }
        }
        step();
    }
    sleeper.wait();
    most
}

#[test]
fn a_task_that_computes_between_yields_keeps_no_timer_waiting() {
    bounded(|| {
        with_workers(1).run(|| {
            let most = steps_until_told(&mut || {
                compute_past(Instant::now() + LONG);
                task::yield_now();
            });
            // A batch is 128.
            assert!(most <= 8, "{most} steps after the end of a sleep");
        });
    });
}

#[test]
fn a_task_that_polls_a_socket_keeps_no_timer_waiting() {
    bounded(|| {
        with_workers(1).run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.set_nonblocking(true).unwrap();
            let most = steps_until_told(&mut || {
                assert!(client.read(&mut [0]).is_err());
            });
            // A batch of tasks that use up their budgets is 128 times 128.
            assert!(most <= 4_000, "{most} reads after the end of a sleep");
        });
    });
}

#[test]
fn many_tasks_that_poll_sockets_keep_no_timer_waiting() {
    bounded(|| {
        with_workers(1).run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let connect = || {
                let client = TcpStream::connect(address).unwrap();
                client.set_nonblocking(true).unwrap();
                client
            };
            let mut own = connect();
            let stop = Arc::new(AtomicBool::new(false));
            let others: Vec<_> = (0..16)
                .map(|_| {
                    let mut client = connect();
                    go!(local, clone(stop) => {
                        while !stop.load(SeqCst) {
                            assert!(client.read(&mut [0]).is_err());
                        }
                    })
                })
                .collect();
            let most = steps_until_told(&mut || assert!(own.read(&mut [0]).is_err()));
            assert!(most <= 4_000, "{most} reads after the end of a sleep");
            stop.store(true, SeqCst);
            others.into_iter().for_each(JoinHandle::wait);
        });
    });
}

#[test]
fn a_task_that_computes_between_questions_keeps_no_timer_waiting() {
    bounded(|| {
        with_workers(1).run(|| {
            let sleeper = go!({ task::park() });
            let most = steps_until_told(&mut || {
                compute_past(Instant::now() + LONG / 20);
                assert!(!sleeper.is_finished());
            });
            // The clock is looked at in each 256th.
            assert!(most <= 800, "{most} questions after the end of a sleep");
            sleeper.task().unpark();
        });
    });
}

#[test]
fn a_task_that_computes_between_checkpoints_keeps_no_timer_waiting() {
    bounded(|| {
        with_workers(1).run(|| {
            let most = steps_until_told(&mut || {
                compute_past(Instant::now() + LONG / 4);
                task::checkpoint();
            });
            // Likewise in each 32nd; there are 128 times 128 in a batch of budgets that are used
            // up.
            assert!(most <= 100, "{most} checkpoints after the end of a sleep");
        });
    });
}

#[test]
fn a_yield_lets_all_start_that_were_queued() {
    bounded(|| {
        for tasks in [1, 2, 10, 1_000] {
            with_workers(1).run(move || {
                let begun = Arc::new(AtomicUsize::new(0));
                let mut spawned = Vec::new();
                for round in 1..=3 {
                    for number in 0..tasks {
                        let body = {
                            let begun = begun.clone();
                            move || {
                                begun.fetch_add(1, SeqCst);
                                // Each is there as well to be run.
                                task::yield_now();
                                task::park();
                            }
                        };
                        spawned.push(match number % 2 {
                            0 => go!(stack_size = 32 * 1024, local => body()),
                            _ => go!(stack_size = 32 * 1024 => body()),
                        });
                    }
                    task::yield_now();
                    assert_eq!(begun.load(SeqCst), round * tasks);
                }
                spawned.iter().for_each(|task| task.task().unpark());
                spawned.into_iter().for_each(JoinHandle::wait);
            });
        }
    });
}

/// Each of several that yield, one after another.
#[test]
fn a_yield_lets_all_start_that_others_queued() {
    bounded(|| {
        with_workers(1).run(|| {
            const TASKS: usize = 20;
            let (spawned, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let tasks: Vec<_> = (0..TASKS)
                .map(|own| {
                    go!(clone(spawned, begun) => {
                        for _ in 0..10 {
                            for _ in 0..own % 4 {
                                spawned.fetch_add(1, SeqCst);
                                go!(clone(begun) => {
                                    begun.fetch_add(1, SeqCst);
                                });
                            }
                            let before = spawned.load(SeqCst);
                            task::yield_now();
                            assert!(begun.load(SeqCst) >= before);
                        }
                    })
                })
                .collect();
            tasks.into_iter().for_each(JoinHandle::wait);
        });
    });
}

/// What comes after a yield does not go before it for ever.
#[test]
fn a_yield_returns_beside_tasks_that_spawn_tasks_and_yield() {
    fn successor(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(go!(clone(stop) => successor(stop)));
            task::yield_now();
        }
    }
    bounded(|| {
        with_workers(1).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..10 {
                drop(go!(clone(stop) => successor(stop)));
            }
            for _ in 0..1_000 {
                task::yield_now();
            }
            stop.store(true, SeqCst);
        });
    });
}

/// The oldest go before newer ones, at a rate that is bounded below, whatever those before them
/// wait for. What counts is the time in which the newer ones run: from one to the next it is a
/// millisecond at most, however long the machine stands still between them.
#[test]
fn old_tasks_start_beside_newer_ones_at_a_rate() {
    const OLD: usize = 200;
    // No yield in it, which would let the old ones start.
    fn chain(stop: Arc<AtomicBool>, ran: Arc<AtomicUsize>, before: Instant) {
        if !stop.load(SeqCst) {
            let now = Instant::now();
            let nanos = (now - before).min(Duration::from_millis(1)).as_nanos();
            ran.fetch_add(nanos as usize, SeqCst);
            go!({});
            drop(go!(chain(stop, ran, now)));
        }
    }
    bounded(|| {
        with_workers(1).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let (begun, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let old = super::waiting_for_tasks(OLD, &begun);
            drop(go!(clone(stop, ran) => chain(stop, ran, Instant::now())));
            while begun.load(SeqCst) < OLD {
                sleep(Duration::from_millis(1));
            }
            let ran = Duration::from_nanos(ran.load(SeqCst) as u64);
            stop.store(true, SeqCst);
            // One in 8 ms, and four times that for what else a worker does.
            assert!(ran < Duration::from_millis(8 * 4 * OLD as u64), "newer ones ran for {ran:?}");
            old.iter().for_each(JoinHandle::cancel);
        });
    });
}

/// As the documentation of `yield_now` has it, with those that had started.
#[test]
fn a_yield_lets_all_run_that_were_queued() {
    bounded(|| {
        with_workers(1).run(|| {
            const TASKS: usize = 100;
            let turns: Arc<[AtomicUsize]> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
            let tasks: Vec<_> = (0..TASKS)
                .map(|own| {
                    go!(clone(turns) => {
                        for _ in 0..10 {
                            turns[own].fetch_add(1, SeqCst);
                            task::park();
                        }
                    })
                })
                .collect();
            task::yield_now();
            for turn in 1..10 {
                assert!(turns.iter().all(|count| count.load(SeqCst) == turn));
                tasks.iter().for_each(|task| task.task().unpark());
                task::yield_now();
            }
            until(|| turns.iter().all(|count| count.load(SeqCst) == 10));
            tasks.iter().for_each(|task| task.task().unpark());
            tasks.into_iter().for_each(JoinHandle::wait);
        });
    });
}

#[test]
fn a_task_and_its_spawner_take_turns() {
    Colour::Task.run(1, || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let steps = |log: &Mutex<Vec<_>>, who: char| {
            for n in 0..5 {
                log.lock().unwrap().push((who, n));
                task::yield_now();
            }
        };
        let task = go!(clone(log) => { steps(&log, 't') });
        steps(&log, 'm');
        task.wait();
        let expected: Vec<_> = (0..5).flat_map(|n| [('m', n), ('t', n)]).collect();
        assert_eq!(*log.lock().unwrap(), expected);
    });
}
