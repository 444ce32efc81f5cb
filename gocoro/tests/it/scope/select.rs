//! Children of a scope can be joined in `select!`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::select;
use gocoro::task::{self, ScopedJoinHandle};
use gocoro::time::sleep;

use super::panic_of;
use crate::support::{NEVER, SOON, in_both_colours};

#[test]
fn the_child_that_ends_first_is_joined() {
    in_both_colours(|| {
        let words = [String::from("first"), String::from("second")];
        task::scope(|s| {
            for at in [0, 1] {
                let mut children = words.each_ref().map(|word| {
                    s.spawn(move || {
                        task::park();
                        word.as_str()
                    })
                });
                children[at].task().unpark();
                let [one, other] = &mut children;
                let (joined, value) = select! {
                    join(one) -> ended => (0, ended.unwrap()),
                    join(other) -> ended => (1, ended.unwrap()),
                };
                assert_eq!((joined, value), (at, words[at].as_str()));
                // The one that is left is as it was.
                let [one, other] = children;
                let left = if at == 0 { other } else { one };
                left.task().unpark();
                assert_eq!(left.join().unwrap(), words[1 - at]);
            }
        });
    });
}

#[test]
fn a_child_that_takes_too_long_is_left_alone() {
    in_both_colours(|| {
        let count = AtomicUsize::new(0);
        task::scope(|s| {
            let mut child = s.spawn(|| {
                task::park();
                count.fetch_add(1, SeqCst) + 5
            });
            for _ in 0..3 {
                select! {
                    join(&mut child) -> _ => unreachable!("it waits"),
                    default(SOON) => {}
                }
            }
            child.task().unpark();
            let value = select! { join(&mut child) -> ended => ended.unwrap() };
            assert_eq!(value, 5);
        });
        assert_eq!(count.into_inner(), 1);
    });
}

#[test]
fn a_chosen_childs_panic_is_the_choosers() {
    in_both_colours(|| {
        let choose = |mut child: ScopedJoinHandle<'_, ()>| {
            select! { join(&mut child) -> ended => ended.unwrap_err() }
        };
        task::scope(|s| {
            let error = choose(s.spawn(|| panic!("expected")));
            assert_eq!(error.downcast_ref(), Some(&"expected"));
            assert!(error.to_string().contains("select.rs"), "{error}");
            let child = s.spawn(|| sleep(NEVER));
            child.cancel();
            assert!(choose(child).is_cancelled());
        });
        // One that was not chosen is raised by the scope.
        let text = panic_of(|| {
            task::scope(|s| {
                let mut child = s.spawn(|| {
                    task::park();
                    panic!("not chosen");
                });
                select! { join(&mut child) -> _ => unreachable!("it waits"), default => {} }
                child.task().unpark();
            })
        });
        assert_eq!(text, "not chosen");
    });
}

#[test]
fn a_child_that_was_chosen_has_no_value_left() {
    in_both_colours(|| {
        task::scope(|s| {
            let mut child = s.spawn(|| 3);
            assert_eq!(select! { join(&mut child) -> ended => ended.unwrap() }, 3);
            assert!(child.is_finished());
            let text = panic_of(|| child.join());
            assert!(text.contains("taken before"), "{text}");
            // Dropped, it is as one that was joined.
            let mut child = s.spawn(|| panic!("expected"));
            let caught = catch_unwind(AssertUnwindSafe(|| {
                select! { join(&mut child) -> ended => ended.unwrap() }
            }));
            assert!(caught.is_err());
            drop(child);
        });
    });
}
