//! `task::park` waits for its token and for nothing else, whoever gives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::task::{self, Task};
use gocoro::time::sleep;
use gocoro::{go, go_test};

use crate::support::{NEVER, SOON, bounded, on_workers, settle, until, with_workers};

#[test]
fn a_token_given_before_is_there() {
    on_workers(|_| {
        go!({
            task::current().unpark();
            task::park();
        })
        .wait();
        // Also before the task has a worker.
        let early = go!({ task::park() });
        early.task().unpark();
        early.wait();
    });
}

#[test]
fn the_token_is_one() {
    on_workers(|_| {
        let passed = Arc::new(AtomicUsize::new(0));
        let parker = go!(clone(passed) => {
            for _ in 0..10 {
                task::current().unpark();
            }
            loop {
                task::park();
                passed.fetch_add(1, SeqCst);
            }
        });
        until(|| passed.load(SeqCst) == 1);
        settle();
        assert_eq!(passed.load(SeqCst), 1);
        parker.task().unpark();
        until(|| passed.load(SeqCst) == 2);
        parker.cancel();
        assert!(parker.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn nothing_but_the_token_ends_a_park() {
    on_workers(|_| {
        const ROUNDS: usize = 30;
        let (ready, given) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let parker = go!(clone(ready, given) => {
            for round in 1..=ROUNDS {
                // Waits whose wakes may come late, or for nothing.
                for micros in [100, 200, 300] {
                    let slow = go!({ sleep(Duration::from_micros(micros)) });
                    let _ = slow.join_timeout(Duration::from_micros(micros));
                    let woken = go!({ sleep(Duration::from_micros(micros)) });
                    woken.task().unpark();
                    woken.wait();
                }
                ready.store(round, SeqCst);
                task::park();
                assert_eq!(given.load(SeqCst), round, "a park ended by itself");
            }
        });
        for round in 1..=ROUNDS {
            until(|| ready.load(SeqCst) == round || parker.is_finished());
            settle();
            given.store(round, SeqCst);
            parker.task().unpark();
        }
        parker.wait();
    });
}

#[test]
fn the_token_does_not_end_other_waits() {
    on_workers(|_| {
        let sleeper = go!({
            let before = Instant::now();
            sleep(SOON * 5);
            assert!(before.elapsed() >= SOON * 5, "a sleep was cut short");
            // The tokens given meanwhile are still there, as one.
            task::park();
        });
        while !sleeper.is_finished() {
            sleeper.task().unpark();
            task::yield_now();
        }
        sleeper.wait();
    });
}

#[test]
fn a_park_with_a_timeout() {
    on_workers(|_| {
        let before = Instant::now();
        task::park_timeout(SOON);
        assert!(before.elapsed() >= SOON);
        task::park_timeout(Duration::ZERO);

        let parker = go!({ task::park_timeout(Duration::MAX) });
        settle();
        assert!(!parker.is_finished());
        parker.task().unpark();
        parker.wait();

        // A token that is there costs no time, and is taken.
        task::current().unpark();
        task::park_timeout(NEVER);
        let before = Instant::now();
        task::park_timeout(SOON);
        assert!(before.elapsed() >= SOON);
    });
}

#[test]
fn rallies() {
    const ROUNDS: usize = 5_000;
    /// Each side parks until the count says that it is its turn.
    fn side(own: usize, count: &AtomicUsize, other: &Task) {
        for round in 0..ROUNDS {
            while count.load(SeqCst) != 2 * round + own {
                task::park();
            }
            count.fetch_add(1, SeqCst);
            other.unpark();
        }
    }
    on_workers(|_| {
        let count = Arc::new(AtomicUsize::new(0));
        let first = task::current();
        let second = go!(clone(count) => { side(1, &count, &first) });
        side(0, &count, second.task());
        second.wait();
        assert_eq!(count.load(SeqCst), 2 * ROUNDS);
    });
}

#[test]
fn anybody_gives_the_token() {
    on_workers(|_| {
        const GIVERS: usize = 3;
        const ROUNDS: usize = 2_000;
        let (count, other) = (Arc::new(AtomicUsize::new(0)), with_workers(1));
        let taker = go!(clone(count) => {
            while count.load(SeqCst) < GIVERS * ROUNDS {
                task::park();
            }
        });
        let give = {
            let (count, task) = (count.clone(), taker.task().clone());
            move || {
                for _ in 0..ROUNDS {
                    count.fetch_add(1, SeqCst);
                    task.unpark();
                }
            }
        };
        let thread = thread::spawn(give.clone());
        let (here, there) = (task::spawn(give.clone()), other.spawn(give));
        taker.wait();
        here.wait();
        there.wait();
        until(|| thread.is_finished());
        thread.join().unwrap();
    });
}

#[go_test]
fn a_token_for_a_task_that_ended() {
    let task = go!({});
    let handle = task.task().clone();
    task.wait();
    handle.unpark();
    handle.cancel();
    drop(handle);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the thread's own token is what is looked at")]
fn on_a_plain_thread_it_is_the_threads_token() {
    bounded(|| {
        // Starting the default runtime is no wait that is meant here.
        go!({}).wait();
        thread::current().unpark();
        task::park();
        task::park_timeout(SOON);
        // gocoro's own waits neither take nor give it.
        thread::current().unpark();
        go!({ sleep(SOON) }).wait();
        thread::park();
    });
}
