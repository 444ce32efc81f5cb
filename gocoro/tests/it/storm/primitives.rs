//! Primitives with many tasks, some of which are cancelled on their way: what is counted stays
//! counted.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::sync::{Arc, Condvar, Event, Mutex, RwLock, Semaphore, WaitGroup, promise};
use gocoro::{go, select, task};

use super::{rounds, tasks_or};
use crate::support::{Colour, Random, on_drop, until};

const TASKS: usize = 24;
const ROUNDS: usize = 60;

/// Runs `body` as many tasks, with a seed each, some of which are cancelled along the way, and on a
/// thread beside them.
fn storm<S: Send + Sync + 'static>(new: fn() -> S, body: fn(&S, &mut Random), check: fn(S)) {
    rounds(1, move |workers, seed| {
        let count = tasks_or(TASKS);
        Colour::Task.run(workers, move || {
            let mut random = Random::new(seed);
            let shared = Arc::new(new());
            let running = Arc::new(AtomicUsize::new(count));
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let mut random = Random::new(random.next());
                    let running = running.clone();
                    let ended = on_drop(move || _ = running.fetch_sub(1, SeqCst));
                    go!(clone(shared) => {
                        let _ended = ended;
                        for _ in 0..ROUNDS {
                            body(&shared, &mut random);
                        }
                    })
                })
                .collect();
            let thread = {
                let (shared, mut random) = (shared.clone(), Random::new(random.next()));
                std::thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        body(&shared, &mut random);
                    }
                })
            };
            while running.load(SeqCst) > count / 2 {
                for _ in 0..random.below(30) {
                    task::yield_now();
                }
                tasks[random.below(count)].cancel();
            }
            for task in tasks {
                if let Err(error) = task.join() {
                    assert!(error.is_cancelled(), "{error}");
                }
            }
            until(|| thread.is_finished());
            thread.join().unwrap();
            check(Arc::into_inner(shared).expect("all have ended"));
        });
    });
}

/// Some of what a task does between two operations.
fn dawdle(random: &mut Random) {
    for _ in 0..random.below(3) {
        task::yield_now();
    }
}

#[test]
fn a_mutex_has_one_holder() {
    storm(
        || [const { (Mutex::new(()), AtomicUsize::new(0)) }; 3],
        |locks, random| {
            let (lock, inside) = &locks[random.below(3)];
            let Ok(_guard) = (if random.below(4) == 0 {
                lock.try_lock().map_err(drop)
            } else {
                lock.lock().map_err(drop)
            }) else {
                return;
            };
            assert_eq!(inside.fetch_add(1, SeqCst), 0);
            let _inside = on_drop(|| _ = inside.fetch_sub(1, SeqCst));
            dawdle(random);
        },
        |locks| locks.iter().for_each(|lock| assert!(lock.0.try_lock().is_ok())),
    );
}

#[test]
fn a_writer_is_alone() {
    const WRITER: usize = 1 << 20;
    storm(
        || (RwLock::new(()), AtomicUsize::new(0)),
        |(lock, inside), random| {
            if random.below(3) == 0 {
                let guard = lock.write().unwrap();
                assert_eq!(inside.fetch_add(WRITER, SeqCst), 0);
                {
                    let _inside = on_drop(|| _ = inside.fetch_sub(WRITER, SeqCst));
                    dawdle(random);
                }
                if random.below(2) == 0 {
                    let _guard = gocoro::sync::RwLockWriteGuard::downgrade(guard);
                    assert!(inside.load(SeqCst) < WRITER);
                    dawdle(random);
                }
            } else {
                let _guard = lock.read().unwrap();
                assert!(inside.fetch_add(1, SeqCst) < WRITER);
                let _inside = on_drop(|| _ = inside.fetch_sub(1, SeqCst));
                dawdle(random);
            }
        },
        |(lock, _)| assert!(lock.try_write().is_ok()),
    );
}

#[test]
fn a_semaphore_lets_in_as_many_as_it_has() {
    storm(
        || (Semaphore::new(3), AtomicUsize::new(0)),
        |(semaphore, inside), random| {
            let timeout = Duration::from_micros(random.below(200) as u64);
            let permit = match random.below(3) {
                0 => select! { wait(semaphore) -> permit => permit, default(timeout) => return },
                _ => semaphore.acquire(),
            };
            let _permit = permit.unwrap();
            assert!(inside.fetch_add(1, SeqCst) < 3);
            let _inside = on_drop(|| _ = inside.fetch_sub(1, SeqCst));
            dawdle(random);
        },
        |(semaphore, _)| assert_eq!(semaphore.available_permits(), 3),
    );
}

#[test]
fn an_auto_event_lets_one_through() {
    storm(
        || {
            let event = Event::auto();
            event.set();
            (event, AtomicUsize::new(0))
        },
        |(event, inside), random| {
            if random.below(3) == 0 {
                // Beside one that may come too, with nobody else waiting for it.
                let (promise, other) = promise();
                go!({
                    task::yield_now();
                    promise.set(());
                });
                let passed = select! { wait(event) -> () => true, wait(other) -> _ => false };
                if !passed {
                    return;
                }
            } else if random.below(3) == 0 {
                if !event.wait_timeout(Duration::from_micros(random.below(200) as u64)) {
                    return;
                }
            } else {
                event.wait();
            }
            let _set = on_drop(|| event.set());
            assert_eq!(inside.fetch_add(1, SeqCst), 0);
            let _inside = on_drop(|| _ = inside.fetch_sub(1, SeqCst));
            dawdle(random);
        },
        |(event, _)| assert!(event.is_set()),
    );
}

#[test]
fn conditions_lose_no_notification() {
    // A token under a mutex: whoever has taken it puts it back and notifies one.
    storm(
        || (Mutex::new(true), Condvar::new()),
        |(token, back), random| {
            let mut guard = token.lock().unwrap();
            while !*guard {
                guard = if random.below(4) == 0 {
                    let timeout = Duration::from_micros(random.below(200) as u64);
                    back.wait_timeout(guard, timeout).unwrap().0
                } else {
                    back.wait(guard).unwrap()
                };
            }
            *guard = false;
            drop(guard);
            let _put_back = on_drop(|| {
                // Not to be unwound itself, where the task ends by itself and is cancelled here.
                task::shield(|| *token.lock().unwrap() = true);
                back.notify_one();
            });
            dawdle(random);
        },
        |(token, _)| assert!(token.into_inner().unwrap()),
    );
}

#[test]
fn a_promise_is_kept_or_abandoned() {
    storm(
        WaitGroup::new,
        |group, random| {
            group.add(1);
            let _done = on_drop(|| group.done());
            let (promise, deferred) = promise();
            let reader = go!({ deferred.wait().copied().ok() });
            dawdle(random);
            let n = random.below(10);
            if n > 0 {
                promise.set(n);
                dawdle(random);
                assert_eq!(reader.wait(), Some(n));
            } else {
                drop(promise);
                assert_eq!(reader.wait(), None);
            }
        },
        |group| group.wait(),
    );
}
