//! Dumps with backtraces of tasks that go on all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gocoro::channel;
use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::runtime::dump;
use gocoro::sync::Mutex;
use gocoro::{go, task, time};

use crate::support::on_workers;

/// For how long there are dumps.
const TIME: Duration = Duration::from_millis(300);

#[test]
fn dumps_under_tasks_that_park_wake_and_end() {
    on_workers(|_| {
        let stop = Arc::new(AtomicBool::new(false));
        let lock = Arc::new(Mutex::new(0u64));
        let mut tasks = Vec::new();
        for number in 0..40 {
            let (stop, lock) = (stop.clone(), lock.clone());
            tasks.push(go!({
                while !stop.load(Relaxed) {
                    match number % 5 {
                        0 => *lock.lock().unwrap() += 1,
                        1 => {
                            let (sender, receiver) = channel::bounded(1);
                            let child = go!({ receiver.recv().unwrap() });
                            sender.send(number).unwrap();
                            assert_eq!(child.wait(), number);
                        }
                        2 => time::sleep(Duration::from_micros(50)),
                        3 => {
                            let mut inside = Coroutine::new(|_: &Suspender<(), ()>, ()| {
                                task::yield_now();
                            });
                            assert!(inside.resume(()).is_ok());
                        }
                        _ => {
                            let child = go!(time::sleep(Duration::from_secs(60)));
                            task::yield_now();
                            child.cancel();
                            assert!(child.join().is_err());
                        }
                    }
                    task::yield_now();
                }
            }));
        }
        let (begun, mut dumps, mut traced) = (Instant::now(), 0, 0);
        while begun.elapsed() < TIME || dumps < 5 {
            let dump = dump();
            dumps += 1;
            for task in dump.tasks() {
                let Some(backtrace) = task.backtrace() else { continue };
                traced += 1;
                // A task that has just been started has no call of its own yet.
                for frame in backtrace.frames() {
                    assert!(frame.address() != 0);
                }
            }
        }
        assert!(traced > 0);
        stop.store(true, Relaxed);
        tasks.into_iter().for_each(|task| task.wait());
        assert!(*lock.lock().unwrap() > 0);
    });
}
