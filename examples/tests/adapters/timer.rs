//! hyper's timer on gocoro's.

use crate::by_all;
use gocoro::future::{self, hyper::Timer};
use gocoro::{go, go_test};
use hyper::rt::{Sleep, Timer as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(10);

#[test]
fn a_sleep_ends_in_time_wherever_it_is_awaited() {
    by_all(|| {
        Box::pin(async {
            let started = Instant::now();
            Timer::new().sleep(SHORT).await;
            assert!(started.elapsed() >= SHORT);
            Timer::new().sleep_until(started + 2 * SHORT).await;
            assert!(started.elapsed() >= 2 * SHORT);
            Timer::new().sleep_until(started).await; // has passed
            Timer::new().sleep(Duration::ZERO).await;
            assert!(started.elapsed() < HOUR / 2);
        })
    });
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

fn is_pending(sleep: &mut Pin<Box<dyn Sleep>>) -> bool {
    sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// To a later time and to an earlier one, before a poll and after one.
#[test]
fn a_sleep_can_be_reset() {
    by_all(|| {
        Box::pin(async {
            let (timer, started) = (Timer::new(), Instant::now());
            let mut sleep = timer.sleep(SHORT);
            assert!(is_pending(&mut sleep));
            timer.reset(&mut sleep, started + 3 * SHORT); // later: the alarm of before goes off first
            sleep.as_mut().await;
            assert!(started.elapsed() >= 3 * SHORT);

            let started = Instant::now();
            for at in [HOUR, HOUR / 2, 2 * HOUR, SHORT] {
                timer.reset(&mut sleep, started + at);
                assert!(is_pending(&mut sleep));
            }
            sleep.as_mut().await;
            assert!(started.elapsed() >= SHORT && started.elapsed() < HOUR / 2);

            let mut unpolled = timer.sleep(HOUR);
            timer.reset(&mut unpolled, Instant::now() + SHORT);
            unpolled.await;
            let mut endless = timer.sleep(Duration::MAX);
            assert!(is_pending(&mut endless));
            timer.reset(&mut endless, Instant::now());
            endless.await;
        })
    });
}

/// Whoever waits already is woken by the earlier time, though nobody polls after the reset.
#[go_test(workers = 1)]
fn a_reset_to_an_earlier_time_wakes_who_waits() {
    // The last is a time that no clock will show.
    for time in [HOUR, Duration::MAX] {
        reset_to_an_earlier_time(time);
    }
}

fn reset_to_an_earlier_time(time: Duration) {
    struct Task(gocoro::task::Task);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Task(gocoro::task::current())));
    let timer = Timer::new();
    let mut sleep = timer.sleep(time);
    assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    timer.reset(&mut sleep, Instant::now() + SHORT);
    gocoro::task::park();
    assert!(!is_pending(&mut sleep));
}

#[go_test(workers = 1)]
fn a_sleep_that_is_dropped_leaves_no_waker() {
    let mine = Arc::new(Nothing);
    let mut sleep = Timer::new().sleep(HOUR);
    for _ in 0..3 {
        let waker = Waker::from(mine.clone());
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(Arc::strong_count(&mine), 2);
    drop(sleep);
    assert_eq!(Arc::strong_count(&mine), 1);
}

/// A sleep that was first awaited in a runtime which has ended goes on elsewhere.
#[test]
fn a_sleep_outlives_the_runtime_that_first_polled_it() {
    let runtime = gocoro::runtime::Builder::new().workers(1).build().unwrap();
    let started = Instant::now();
    let mut sleep = runtime.run(move || {
        let mut sleep = Timer::new().sleep_until(started + 20 * SHORT);
        assert!(is_pending(&mut sleep));
        sleep
    });
    drop(runtime);
    assert!(is_pending(&mut sleep) || started.elapsed() >= 20 * SHORT);
    go!({ future::wait(sleep) }).wait();
    assert!(started.elapsed() >= 20 * SHORT);
}
