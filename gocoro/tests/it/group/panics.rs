//! A member's panic is whoever takes its result's, else it is raised when the group is dropped.

use std::panic;
use std::sync::{Arc, mpsc};

use gocoro::task::{self, TaskGroup};
use gocoro::time::sleep;

use super::{Counts, raised};
use crate::support::{NEVER, SOON, in_both_colours, on_drop, settle, until};

/// Has a member panic, and waits until the group knows.
fn panics(group: &TaskGroup<()>, text: &'static str) {
    let ended = |group: &TaskGroup<()>| -> usize {
        let shown = format!("{group:?}");
        shown.split_once("ended: ").unwrap().1.split_once(',').unwrap().0.parse().unwrap()
    };
    let before = ended(group);
    group.spawn(move || panic::panic_any(text));
    until(|| ended(group) > before);
}

#[test]
fn dropping_a_group_raises_the_first_panic_that_nobody_was_given() {
    in_both_colours(|| {
        let counts = Arc::new(Counts::default());
        let group = TaskGroup::new();
        counts.spawn(&group);
        panics(&group, "given");
        assert!(group.next().unwrap().unwrap_err().is_panic());
        assert_eq!(raised(|| drop(group)), None);

        let group = TaskGroup::new();
        counts.spawn(&group);
        panics(&group, "expected");
        counts.spawn(&group);
        group.spawn(|| {
            let _guard = on_drop(|| panic::panic_any("later"));
            task::shield(|| sleep(SOON));
        });
        assert_eq!(raised(|| drop(group)), Some("expected"));
        counts.assert_all_ended();
    });
}

#[test]
fn a_group_that_has_something_else_to_say_raises_nothing() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        panics(&group, "first");
        panics(&group, "second");
        let error = group.try_join_all().unwrap_err();
        assert!(error.downcast_ref::<&str>().is_some());

        let group = TaskGroup::<Result<u32, ()>>::new();
        let (begun, has_begun) = mpsc::channel();
        group.spawn(move || {
            begun.send(()).unwrap();
            let _ = panic::catch_unwind(|| sleep(NEVER));
            panic::panic_any("at its end")
        });
        until(|| has_begun.try_recv().is_ok());
        group.spawn(|| Ok(4));
        assert_eq!(group.first_ok(), Some(Ok(4)));

        // An unwinding goes on as it was; what a member panics with would abort the process.
        let text = raised(|| {
            let group = TaskGroup::new();
            panics(&group, "a member's");
            panic::panic_any("own");
        });
        assert_eq!(text, Some("own"));
    });
}

#[test]
fn a_value_that_nobody_takes_may_panic_when_it_is_dropped() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        let (begun, has_begun) = mpsc::channel();
        group.spawn(move || {
            begun.send(()).unwrap();
            on_drop(|| panic!("in the value"))
        });
        until(|| has_begun.try_recv().is_ok());
        settle();
        drop(group);
    });
}
