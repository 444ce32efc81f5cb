//! Sleeps and intervals end on time, never early, in tasks and on plain threads.

mod turns;

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::runtime::Builder;
use gocoro::task::{self, JoinHandle};
use gocoro::time::{MissedTicks, interval, sleep, sleep_until, timeout};

use crate::support::{
    Colour, NEVER, Random, SOON, compute_past, in_both_colours, on_workers, settle, until,
};

/// Lengths on both sides of the poll's millisecond, which a sleep must not be rounded down to.
const LENGTHS: [u64; 8] = [1, 10, 200, 999, 1_000, 1_001, 1_999, 3_500];

#[test]
fn a_sleep_never_ends_early() {
    in_both_colours(|| {
        for length in LENGTHS.map(Duration::from_micros) {
            let begun = Instant::now();
            sleep(length);
            let slept = begun.elapsed();
            assert!(slept >= length, "{slept:?} of {length:?}");

            let deadline = Instant::now() + length;
            sleep_until(deadline);
            let now = Instant::now();
            assert!(now >= deadline, "{:?} early", deadline - now);
        }
    });
}

#[test]
fn none_of_many_sleeps_ends_early() {
    on_workers(|_| {
        let mut random = Random::new(1);
        let sleepers: Vec<_> = (0..1_000)
            .map(|_| {
                let length = Duration::from_micros(random.next() % 20_000);
                go!(stack_size = 32 * 1024 => {
                    let begun = Instant::now();
                    sleep(length);
                    begun.elapsed() >= length
                })
            })
            .collect();
        assert!(sleepers.into_iter().all(JoinHandle::wait));
    });
}

#[test]
fn a_time_that_has_come_is_no_wait() {
    in_both_colours(|| {
        let past = Instant::now();
        for _ in 0..1_000 {
            sleep(Duration::ZERO);
            sleep_until(past);
            sleep_until(Instant::now());
        }
        // As far back as the clock goes.
        let far = (0..63).rev().map(|bit| Duration::from_secs(1 << bit));
        let past = far.fold(past, |past, step| past.checked_sub(step).unwrap_or(past));
        sleep_until(past);
    });
}

#[test]
fn a_time_that_has_come_lets_others_run() {
    Colour::Task.run(1, || {
        let past = Instant::now();
        for waits in [(|_| sleep(Duration::ZERO)) as fn(Instant), sleep_until] {
            let other = go!({});
            while !other.is_finished() {
                waits(past);
            }
        }
    });
}

/// Otherwise the first of them that begins would let all the others start, on a stack each.
#[test]
fn sleepers_that_begin_too_late_share_stacks() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let past = Instant::now();
    runtime.run(|| {
        let late: Vec<_> = (0..1_000).map(|_| go!(sleep_until(past))).collect();
        late.into_iter().for_each(JoinHandle::wait);
    });
    let stacks = runtime.metrics().workers[0].stacks;
    assert!(stacks < 100, "{stacks} stacks");
}

#[test]
fn the_longest_sleeps_are_cut_short_as_others_are() {
    on_workers(|_| {
        for task in [go!(sleep(Duration::MAX)), go!(sleep(NEVER)), go!(sleep_until(far()))] {
            settle();
            assert!(!task.is_finished());
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
    });
    in_both_colours(|| {
        assert!(timeout(SOON, || sleep(Duration::MAX)).is_err());
        assert!(timeout(SOON, || sleep_until(far())).is_err());
        // One that the sleep is shorter than changes nothing.
        let begun = Instant::now();
        timeout(NEVER, || sleep(SOON)).unwrap();
        timeout(NEVER, || sleep_until(Instant::now() + SOON)).unwrap();
        assert!(begun.elapsed() >= 2 * SOON);
    });
}

fn far() -> Instant {
    Instant::now() + NEVER
}

#[test]
fn sleepers_of_one_worker_wake_in_the_order_of_their_deadlines() {
    Colour::Task.run(1, || {
        const SLEEPERS: usize = 500;
        let mut random = Random::new(2);
        let mut lead = Duration::from_millis(50);
        loop {
            let first = Instant::now() + lead;
            let begun = Arc::new(AtomicUsize::new(0));
            let woken = Arc::new(Mutex::new(Vec::new()));
            let sleepers: Vec<_> = (0..SLEEPERS)
                .map(|_| {
                    // Several to a millisecond.
                    let at = first + Duration::from_nanos(random.next() % 30_000_000);
                    go!(stack_size = 32 * 1024, clone(begun, woken) => {
                        begun.fetch_add(1, SeqCst);
                        sleep_until(at);
                        woken.lock().unwrap().push(at);
                    })
                })
                .collect();
            until(|| begun.load(SeqCst) == SLEEPERS);
            let all_slept = Instant::now() < first;
            sleepers.into_iter().for_each(JoinHandle::wait);
            if all_slept {
                let woken = woken.lock().unwrap();
                assert!(woken.is_sorted(), "woken in another order than due: {woken:?}");
                return;
            }
            lead *= 2;
        }
    });
}

#[test]
fn a_sleeper_holds_nobody_up() {
    on_workers(|workers| {
        let sleepers: Vec<_> = (0..4 * workers).map(|_| go!(sleep(NEVER))).collect();
        settle();
        let (first, second) = (go!({ 1 }), go!({ (0..5).for_each(|_| sleep(SOON)) }));
        assert_eq!(first.wait(), 1);
        second.wait();
        assert!(sleepers.iter().all(|task| !task.is_finished()));
        for task in sleepers {
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn tokens_and_wakes_do_not_end_a_sleep() {
    on_workers(|_| {
        let length = 5 * SOON;
        let sleeper = go!({
            let begun = Instant::now();
            sleep(length);
            assert!(begun.elapsed() >= length);
            // The token is still there.
            task::park();
        });
        for _ in 0..100 {
            sleeper.task().unpark();
            task::yield_now();
        }
        sleeper.wait();
    });
}

#[test]
fn intervals_tick_at_once_then_by_their_period() {
    in_both_colours(|| {
        let begin = Instant::now();
        let period = SOON;
        let mut ticks = interval(period);
        assert_eq!(ticks.period(), period);
        let first = ticks.next().unwrap();
        let second = ticks.next().unwrap();
        assert!(first >= begin && second == first + period && Instant::now() >= second);

        // However long it takes, by the policy.
        compute_past(second + 4 * period);
        let mut skipping = ticks.clone();
        skipping.set_missed_ticks(MissedTicks::Skip);
        assert_eq!(ticks.next(), Some(second + period), "a burst makes up for what was missed");
        assert_eq!(ticks.next(), Some(second + 2 * period));
        assert_eq!(skipping.next(), Some(second + period));
        let after = skipping.next().unwrap() - second;
        assert!(after > 4 * period && after.as_nanos().is_multiple_of(period.as_nanos()));

        let mut delaying = interval(period);
        delaying.set_missed_ticks(MissedTicks::Delay);
        delaying.next();
        let late = Instant::now() + 3 * period;
        compute_past(late);
        delaying.next();
        assert!(delaying.next().unwrap() >= late + period);
        ticks.reset();
        assert!(ticks.next().unwrap() > late);
        assert!(timeout(SOON, || interval(NEVER).count()).is_err());
    });
    assert!(panic::catch_unwind(|| interval(Duration::ZERO)).is_err());
}

/// No function has to ask what it runs in.
fn polyglot(rest: Duration) {
    sleep(rest);
}

#[test]
fn one_function_sleeps_outside_and_inside() {
    const REST: Duration = Duration::from_secs(2);
    let begun = Instant::now();
    polyglot(SOON);
    assert!(begun.elapsed() >= SOON, "it blocks a plain thread");
    Colour::Task.run(1, || {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..100).map(|_| go!(polyglot(REST))).collect();
        tasks.into_iter().for_each(JoinHandle::wait);
        // One after another they would take 200 s.
        assert!((REST..50 * REST).contains(&begun.elapsed()));
    });
}
