//! `Event` lets all through while it is set, or one for each time.

use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::sync::{Arc, Event};

use super::{both, matrix, on_one_worker, order_of_waits, spawn};
use crate::support::{NEVER, SOON, assert_cancelled, settle};

#[test]
fn once_set_it_lets_all_through_until_it_is_reset() {
    matrix(|peer| {
        let event = Arc::new(Event::new());
        for _ in 0..3 {
            let waiters: Vec<_> = (0..4)
                .map(|n| {
                    let event = event.clone();
                    spawn(peer, move || {
                        if n == 0 {
                            event.wait_timeout(NEVER)
                        } else {
                            event.wait();
                            true
                        }
                    })
                })
                .collect();
            settle();
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            assert!(!event.is_set());
            event.set();
            event.set();
            event.wait();
            assert!(event.is_set() && event.wait_timeout(Duration::ZERO));
            assert!(waiters.into_iter().all(|waiter| waiter.wait()));
            event.reset();
            event.reset();
            assert!(!event.wait_timeout(Duration::ZERO));
        }
    });
}

#[test]
fn those_who_waited_go_through_though_it_is_reset_at_once() {
    on_one_worker(|| {
        let event = Arc::new(Event::new());
        let waiters: Vec<_> = (0..4).map(|_| go!(clone(event) => { event.wait() })).collect();
        settle();
        event.set();
        event.reset();
        let late = go!(clone(event) => { event.wait() });
        waiters.into_iter().for_each(|waiter| waiter.wait());
        settle();
        assert!(!late.is_finished());
        event.set();
        late.wait();
    });
}

#[test]
fn an_auto_event_lets_one_through_each_time() {
    on_one_worker(|| {
        let event = Arc::new(Event::auto());
        let theirs = event.clone();
        let order = order_of_waits(
            5,
            move |_, passed| {
                theirs.wait();
                passed();
            },
            || {
                for _ in 0..5 {
                    event.set();
                    assert!(!event.is_set(), "it was handed over");
                    settle();
                }
            },
        );
        assert_eq!(order, [0, 1, 2, 3, 4]);
        event.set();
        event.set();
        assert!(event.is_set() && event.wait_timeout(Duration::ZERO));
        assert!(!event.is_set() && !event.wait_timeout(Duration::ZERO));
        event.set();
        event.reset();
        assert!(!event.wait_timeout(Duration::ZERO));
    });
}

#[test]
fn auto_events_pass_the_turn() {
    matrix(|peer| {
        let events = Arc::new([Event::auto(), Event::auto()]);
        let play = |events: &[Event; 2], me: usize| {
            for _ in 0..50 {
                events[me].wait();
                events[1 - me].set();
            }
        };
        let theirs = events.clone();
        let other = spawn(peer, move || play(&theirs, 1));
        events[0].set();
        play(&events, 0);
        other.wait();
        assert!(events[0].is_set());
    });
}

#[test]
fn a_wait_ends_when_its_time_is_up() {
    both(|| {
        for event in [Event::new(), Event::auto(), Event::default()] {
            let before = Instant::now();
            assert!(!event.wait_timeout(SOON));
            assert!(before.elapsed() >= SOON);
            event.set();
            assert!(event.wait_timeout(Duration::MAX));
        }
    });
}

#[test]
fn one_that_gave_up_is_not_let_through() {
    on_one_worker(|| {
        let event = Arc::new(Event::auto());
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let task = go!(clone(event) => {
                    if n == 1 { event.wait_timeout(SOON) } else { event.wait_timeout(NEVER) }
                });
                settle();
                task
            })
            .collect();
        tasks[0].cancel();
        while !tasks[1].is_finished() {
            gocoro::task::yield_now();
        }
        event.set();
        let mut tasks = tasks.into_iter();
        assert_cancelled(tasks.next().unwrap());
        assert!(!tasks.next().unwrap().wait());
        assert!(tasks.next().unwrap().wait());
        assert!(!event.is_set());
    });
}

#[test]
fn says_what_it_is() {
    let event = Event::auto();
    event.set();
    assert_eq!(format!("{event:?}"), "Event { set: true, auto: true, .. }");
}
