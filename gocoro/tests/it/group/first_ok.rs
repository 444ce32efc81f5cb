//! `first_ok` gives the first success, and ends the others.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::task::{self, TaskGroup};
use gocoro::time::sleep;

use crate::support::{Colour, NEVER, in_both_colours, on_workers};

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

/// Tasks that are to lose never end by themselves: on a slow machine a longer sleep may be over
/// before a shorter one.
#[test]
fn the_first_success_is_the_result() {
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
        // With none it ends at once.
        assert_eq!(first_ok(&[]), None);
    });
}

#[test]
fn first_ok_raises_a_panic_and_names_what_was_cancelled() {
    in_both_colours(|| {
        let caught = panic::catch_unwind(|| {
            let group = TaskGroup::<Result<(), ()>>::new();
            group.spawn(|| {
                sleep(NEVER);
                Ok(())
            });
            group.spawn(|| panic!("expected"));
            group.first_ok()
        });
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"expected"));

        let caught = panic::catch_unwind(|| {
            let group = TaskGroup::<Result<(), ()>>::new();
            group.spawn(|| {
                sleep(NEVER);
                Ok(())
            });
            group.cancel_all();
            group.first_ok()
        });
        let text = *caught.unwrap_err().downcast::<String>().unwrap();
        assert!(text.contains("was cancelled"), "{text}");
    });
}

#[test]
fn losers_that_had_not_started_never_do() {
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
