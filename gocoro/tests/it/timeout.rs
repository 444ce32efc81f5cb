//! A timeout unwinds any code from its wait when the time is up, and from nowhere else.

mod io;

use std::cell::Cell;
use std::io::Read;
use std::net;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::channel::never;
use gocoro::net::TcpStream;
use gocoro::sync::{Event, promise};
use gocoro::time::{Elapsed, sleep, sleep_until, timeout, timeout_at};
use gocoro::{go, select, task};

use crate::support::{
    NEVER, Random, SOON, bounded, compute_past, in_both_colours, on_drop, on_workers, until,
    with_workers,
};

#[test]
fn what_returns_in_time_gives_its_value() {
    in_both_colours(|| {
        assert_eq!(timeout(NEVER, || 1), Ok(1));
        assert_eq!(timeout(Duration::MAX, || 2), Ok(2));
        assert_eq!(timeout_at(Instant::now() + NEVER, || sleep(SOON)), Ok(()));
        assert_eq!(timeout(NEVER, || timeout(NEVER, || go!({ 3 }).wait())), Ok(Ok(3)));
    });
}

#[test]
fn every_kind_of_wait_is_unwound() {
    in_both_colours(|| {
        let sleeper = Mutex::new(None);
        let waits: [&dyn Fn(); 6] = [
            &|| sleep(NEVER),
            &|| sleep_until(Instant::now() + NEVER),
            &task::park,
            &|| task::park_timeout(NEVER),
            &|| loop {
                task::yield_now();
            },
            &|| {
                let handle = go!({ sleep(NEVER) });
                *sleeper.lock().unwrap() = Some(handle.task().clone());
                handle.wait();
            },
        ];
        for wait in waits {
            let dropped = AtomicUsize::new(0);
            let ended = timeout(SOON, || {
                let _guard = on_drop(|| {
                    dropped.fetch_add(1, SeqCst);
                });
                wait();
                unreachable!("it has to wait for ever");
            });
            assert_eq!(ended, Err::<(), _>(Elapsed::from_test()));
            assert_eq!(dropped.load(SeqCst), 1);
        }
        let sleeper = sleeper.into_inner().unwrap();
        sleeper.unwrap().cancel();
    });
}

/// The error, which nobody can make, from where it comes.
trait FromTest {
    fn from_test() -> Self;
}

impl FromTest for Elapsed {
    fn from_test() -> Elapsed {
        timeout(Duration::ZERO, || sleep(NEVER)).unwrap_err()
    }
}

#[test]
fn a_zero_timeout_runs_to_the_first_wait_and_a_passed_deadline_too() {
    in_both_colours(|| {
        assert_eq!(timeout(Duration::ZERO, || 5), Ok(5));
        assert_eq!(timeout_at(Instant::now(), || 6), Ok(6));
        for how in [0, 1] {
            let mut reached = 0;
            let body = || {
                reached = 1;
                task::yield_now();
                reached = 2;
            };
            let ended = match how {
                0 => timeout(Duration::ZERO, body),
                _ => timeout_at(Instant::now(), body),
            };
            assert!(ended.is_err());
            assert_eq!(reached, 1);
        }
    });
}

#[test]
fn a_value_that_comes_late_is_the_value() {
    in_both_colours(|| {
        let deadline = Instant::now() + SOON;
        let late = timeout_at(deadline, || {
            compute_past(deadline);
            7
        });
        assert_eq!(late, Ok(7));
        // And nothing is left over from it.
        sleep(SOON);
    });
}

#[test]
fn of_nested_timeouts_the_outermost_that_is_up_wins() {
    const ZERO: Duration = Duration::ZERO;
    in_both_colours(|| {
        for (outer, middle, inner, winner) in [
            (ZERO, ZERO, ZERO, 0),
            (ZERO, ZERO, NEVER, 0),
            (ZERO, NEVER, ZERO, 0),
            (ZERO, NEVER, NEVER, 0),
            (NEVER, ZERO, ZERO, 1),
            (NEVER, ZERO, NEVER, 1),
            (NEVER, NEVER, ZERO, 2),
            (SOON, NEVER, NEVER, 0),
            (NEVER, SOON, NEVER, 1),
            (NEVER, NEVER, SOON, 2),
        ] {
            let ended = timeout(outer, || timeout(middle, || timeout(inner, || sleep(NEVER))));
            let depth = match ended {
                Err(_) => 0,
                Ok(Err(_)) => 1,
                Ok(Ok(Err(_))) => 2,
                Ok(Ok(Ok(()))) => unreachable!("nothing sleeps that long"),
            };
            assert_eq!(depth, winner, "{outer:?} {middle:?} {inner:?}");
        }
    });
}

#[test]
fn an_outer_timeout_that_is_up_while_an_inner_one_unwinds_comes_next() {
    in_both_colours(|| {
        loop {
            let at = Instant::now() + SOON;
            let in_time = Cell::new(false);
            let mut inner_ended = false;
            let ended = timeout_at(at, || {
                let inner = timeout(Duration::ZERO, || {
                    let _slow = on_drop(|| {
                        in_time.set(Instant::now() < at);
                        compute_past(at);
                    });
                    sleep(NEVER);
                });
                inner_ended = inner.is_err();
                sleep(NEVER);
            });
            assert!(ended.is_err());
            // Else the outer one may have been up before.
            if in_time.get() {
                assert!(inner_ended, "the inner one was caught where it led");
                return;
            }
        }
    });
}

#[test]
fn a_swallowed_timeout_is_thrown_again_and_a_late_value_still_counts() {
    in_both_colours(|| {
        let mut throws = 0;
        let ended = timeout(Duration::ZERO, || {
            for _ in 0..3 {
                if panic::catch_unwind(|| sleep(NEVER)).is_err() {
                    throws += 1;
                }
            }
        });
        assert_eq!((ended, throws), (Ok(()), 3));
        sleep(SOON);
    });
}

#[test]
fn an_unwinding_that_was_kept_finds_no_other_boundary() {
    on_workers(|_| {
        let keep = || {
            let mut kept = None;
            let ended = timeout(Duration::ZERO, || {
                kept = panic::catch_unwind(|| sleep(NEVER)).err();
            });
            assert_eq!(ended, Ok(()));
            kept.unwrap()
        };
        // In another timeout, in the task itself, in another task.
        let (first, second) = (keep(), keep());
        let error = go!({
            let stale = AssertUnwindSafe(first);
            let _ = timeout(NEVER, move || panic::resume_unwind({ stale }.0));
        });
        let error = error.join().unwrap_err();
        assert!(error.is_panic(), "{error}");
        assert!(error.to_string().contains("raised again"), "{error}");
        let stale = AssertUnwindSafe(second);
        let error = go!({ panic::resume_unwind({ stale }.0) }).join().unwrap_err();
        assert!(error.is_panic(), "{error}");
    });
}

#[test]
fn a_cancel_that_was_kept_cancels_nobody_else() {
    on_workers(|_| {
        let kept = Arc::new(Mutex::new(None));
        let victim = go!(clone(kept) => {
            *kept.lock().unwrap() = panic::catch_unwind(task::park).err();
        });
        victim.cancel();
        let _ = victim.join();
        // The victim may have been cancelled before it started.
        let Some(stale) = kept.lock().unwrap().take() else { return };
        let stale = AssertUnwindSafe(stale);
        let error = go!({ panic::resume_unwind({ stale }.0) }).join().unwrap_err();
        assert!(error.is_panic(), "{error}");
    });
}

#[test]
fn a_cancel_goes_before_a_timeout() {
    on_workers(|_| {
        let after = Arc::new(AtomicUsize::new(0));
        let handle = go!(clone(after) => {
            let _ = timeout(Duration::ZERO, || {
                task::current().cancel();
                sleep(NEVER);
            });
            after.store(1, SeqCst);
        });
        assert!(handle.join().unwrap_err().is_cancelled());
        assert_eq!(after.load(SeqCst), 0, "it went to the root");
    });
}

#[test]
fn a_timeout_in_a_destructor_of_an_unwinding_task_does_not_fire() {
    on_workers(|_| {
        let inside = Arc::new(Mutex::new(None));
        let handle = go!(clone(inside) => {
            let _guard = on_drop(move || {
                *inside.lock().unwrap() = Some(timeout(Duration::ZERO, || sleep(SOON)));
            });
            task::current().cancel();
            sleep(NEVER);
        });
        assert!(handle.join().unwrap_err().is_cancelled());
        assert_eq!(inside.lock().unwrap().take(), Some(Ok(())));
    });
}

#[test]
fn a_panic_goes_through() {
    in_both_colours(|| {
        let caught = panic::catch_unwind(|| timeout(NEVER, || panic!("expected"))).unwrap_err();
        assert_eq!(caught.downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn what_was_granted_is_returned_though_the_time_is_up() {
    // The wait is over before the task runs again; the expiry waits for the next one.
    on_workers(|_| {
        let at = Instant::now() + SOON;
        let mut got = None;
        let ended = timeout_at(at, || {
            let handle = go!({ 8 });
            until(|| handle.is_finished());
            compute_past(at);
            got = Some(handle.wait());
            sleep(NEVER);
        });
        assert!(ended.is_err());
        // Yielding is a wait of its own, so it may have been unwound there.
        assert!(matches!(got, None | Some(8)));
    });
}

#[test]
fn gocoros_locks_are_not_poisoned_by_a_timeout_and_are_by_a_panic() {
    in_both_colours(|| {
        let lock = gocoro::sync::Mutex::new(0);
        let hold = || {
            let _guard = lock.lock().unwrap();
            sleep(NEVER);
        };
        assert!(timeout(SOON, hold).is_err());
        assert!(!lock.is_poisoned());
        // A throw that was swallowed does not excuse a later panic.
        let swallowed = timeout(Duration::ZERO, || panic::catch_unwind(|| sleep(NEVER)).is_err());
        assert_eq!(swallowed, Ok(true));
        let panics = AssertUnwindSafe(|| {
            let _guard = lock.lock();
            panic!("expected");
        });
        assert!(panic::catch_unwind(panics).is_err());
        assert!(lock.is_poisoned());
    });
}

#[test]
fn a_waiting_task_times_out_beside_busy_ones() {
    on_workers(|_| {
        let busy: Vec<_> = (0..4)
            .map(|_| {
                go!({
                    loop {
                        task::yield_now();
                    }
                })
            })
            .collect();
        assert!(timeout(SOON, || sleep(NEVER)).is_err());
        busy.iter().for_each(|task| task.cancel());
        assert!(busy.into_iter().all(|task| task.join().is_err()));
    });
}

#[test]
fn a_timeout_that_does_not_expire_keeps_no_timer() {
    // A million that were kept until their deadlines would not fit.
    let runtime = with_workers(1);
    runtime.run(|| {
        for n in 0..200_000 {
            assert_eq!(timeout(NEVER, || n), Ok(n));
        }
    });
}

#[test]
fn the_error_is_a_statement() {
    let late = timeout(Duration::ZERO, task::park).unwrap_err();
    let text = "the time was up before there was a result";
    assert_eq!(
        (late.to_string(), std::io::Error::from(late).to_string()),
        (text.into(), text.into())
    );
}

/// The wait of a plain thread looks at the clock twice when it begins; what runs out between the
/// two looks ends it too.
#[test]
fn a_thread_whose_time_is_up_while_a_wait_begins_does_not_wait() {
    const ROUNDS: u32 = 4_000;
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    bounded(move || {
        let waits: [(&str, u64, &dyn Fn()); 6] = [
            ("sleep", 2_000, &|| sleep(NEVER)),
            ("park", 2_000, &task::park),
            ("event", 2_000, &|| Event::new().wait()),
            ("read", 4_000, &|| _ = (&stream).read(&mut [0])),
            ("select", 10_000, &|| {
                select! {
                    readable(stream) => {}
                    recv(never::<()>()) -> _ => {}
                }
            }),
            ("scope", 40_000, &|| {
                task::scope(|s| drop(s.spawn(|| sleep(NEVER))));
            }),
        ];
        let mut random = Random::new(1);
        for (name, nanos, wait) in waits {
            println!("{name}");
            for _ in 0..ROUNDS {
                assert!(timeout(Duration::from_nanos(random.next() % nanos), wait).is_err());
            }
        }
    });
}

#[test]
fn a_deadline_wakes_who_is_parked() {
    on_workers(|_| {
        assert!(timeout(SOON, task::park).is_err());
        let (_promise, future) = promise::<i32>();
        assert!(timeout(SOON, || future.wait().is_ok()).is_err());
    });
}
