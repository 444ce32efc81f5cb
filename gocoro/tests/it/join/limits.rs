//! Waits for tasks keep their limits, and a wait that gave up leaves nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::task::{self, JoinHandle, Task, wait_all, wait_any};
use gocoro::time::{sleep, timeout};

use crate::support::{HANG, WORKERS, on_workers, until, with_runtimes, with_workers};

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A task that takes longer than any limit here: until it is told, and this long in any case.
fn late(at_least: Duration) -> (JoinHandle<i32>, Task) {
    let task = go!({
        sleep(at_least);
        task::park();
        42
    });
    let told = task.task().clone();
    (task, told)
}

fn in_time(after: Duration) -> JoinHandle<i32> {
    go!({
        sleep(after);
        42
    })
}

/// Where the limit is to be kept: a slow machine would miss a short one. Limits that are to be
/// missed are short, and the tasks end only when they are told.
const FAR: Duration = HANG;

#[test]
fn a_wait_gives_the_value() {
    with_runtimes(|runtime| {
        assert_eq!(runtime.spawn(|| 42).wait(), 42);
        assert_eq!(runtime.run(|| go!({ go!({ 42 }).wait() }).wait()), 42);
    });
}

#[test]
fn a_wait_of_100_ms_gives_up_on_a_task_of_200() {
    for workers in WORKERS {
        // From outside, and from inside.
        let runtime = with_workers(workers);
        let outside = runtime.spawn(|| {
            sleep(ms(200));
            task::park();
            42
        });
        let begun = Instant::now();
        let outside = outside.join_timeout(ms(100)).unwrap_err();
        assert!(begun.elapsed() >= ms(100));
        outside.task().unpark();
        assert_eq!(outside.wait(), 42, "the limit is the wait's, not the task's");
        runtime.run(|| {
            let (inside, told) = late(ms(200));
            let inside = inside.join_timeout(ms(100)).unwrap_err();
            assert!(!inside.is_finished());
            told.unpark();
            assert_eq!(inside.wait(), 42);
        });
    }
}

#[test]
fn a_nested_wait_goes_on_when_the_outer_gives_up() {
    on_workers(|_| {
        let (inner, told) = late(ms(200));
        let outer = go!({ inner.wait() });
        let outer = outer.join_timeout(ms(100)).unwrap_err();
        told.unpark();
        assert_eq!(outer.wait(), 42);
    });
}

#[test]
fn all_of_two_come_in_time_or_not_at_all() {
    on_workers(|_| {
        let both = [in_time(ms(200)), in_time(ms(200))];
        let all = timeout(FAR, || wait_all(both)).unwrap();
        assert_eq!(all.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [42, 42]);

        let (slow, told) = late(ms(500));
        let both = [in_time(ms(100)), slow];
        assert!(timeout(ms(300), || wait_all(both)).is_err());
        told.unpark();
    });
}

#[test]
fn one_of_two_comes_in_time_or_neither_does() {
    on_workers(|_| {
        let ((one, first), (other, second)) = (late(ms(400)), late(ms(500)));
        assert!(timeout(ms(300), || wait_any(vec![one, other]).is_some()).is_err());
        first.unpark();
        second.unpark();

        let (slow, told) = late(ms(500));
        let any = timeout(FAR, || wait_any(vec![slow, in_time(ms(100))]).unwrap());
        let (which, value, rest) = any.unwrap();
        assert_eq!((which, value.unwrap()), (1, 42), "it says which one");
        told.unpark();
        assert_eq!(rest.into_iter().next().unwrap().wait(), 42);
    });
}

#[test]
fn waits_for_what_has_finished_end_at_once() {
    on_workers(|_| {
        let finished = || {
            let task = go!({ 42 });
            until(|| task.is_finished());
            task
        };
        let inside = go!({
            let value = finished().wait();
            let limited = finished().join_timeout(Duration::ZERO).unwrap();
            let any = wait_any(vec![finished(), finished()]).unwrap();
            let all = wait_all([finished(), finished()]);
            (value, limited.unwrap(), any.1.unwrap(), all.len(), any.2.len())
        });
        assert_eq!(inside.wait(), (42, 42, 42, 2, 1));
    });
}

#[test]
fn a_wait_that_gave_up_wakes_nobody_later() {
    on_workers(|_| {
        let waited = Arc::new(AtomicBool::new(false));
        let (task, told) = late(Duration::ZERO);
        let waiter = go!(clone(waited) => {
            let task = task.join_timeout(ms(1)).unwrap_err();
            told.unpark();
            task::park();
            waited.store(true, SeqCst);
            task.wait()
        });
        sleep(ms(5));
        (0..100).for_each(|_| task::yield_now());
        assert!(!waited.load(SeqCst), "something else than its token ended a park");
        waiter.task().unpark();
        assert_eq!(waiter.wait(), 42);
    });
}
