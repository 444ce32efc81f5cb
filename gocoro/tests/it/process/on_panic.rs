//! `on_panic` decides what becomes of a panic in a task that nobody can join.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::go;
use gocoro::task::{self, TaskGroup};
use gocoro::time::sleep;

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{NEVER, on_drop, settle, until};

scenarios! {
    report::main,
    aborts::main,
    aborts_at_once::main,
    cancels::main,
    cancels_when_main_has_returned::main,
    main_does_not_end::main,
    joined::main,
    dropped_group::main,
    unwound_group::main,
}

/// Panics, and is not joined.
fn detached() {
    drop(go!(name = "unlucky" => {
        panic!("nobody's");
    }));
}

mod report {
    use super::*;

    #[gocoro::go_main(on_panic = "report")]
    pub(super) fn main() {
        detached();
        drop(go!({ panic!("a nameless task's") }));
        settle();
        println!("went on");
    }
}

#[test]
fn a_panic_is_reported_and_the_program_goes_on() {
    run("report")
        .code(0)
        .printed("went on")
        .says(1, &["gocoro: task 'unlucky'", "a child of task 'main', panicked: nobody's"])
        // One that has neither name nor span does not know its parent.
        .says(1, &[") panicked: a nameless task's"]);
}

mod aborts {
    use super::*;

    #[gocoro::go_main(on_panic = "abort")]
    pub(super) fn main() {
        detached();
        sleep(NEVER);
    }
}

#[test]
fn a_panic_aborts() {
    for workers in ["1", "2"] {
        run_with("aborts", &[("GOCORO_WORKERS", workers)])
            .signal(libc::SIGABRT)
            .says(1, &["gocoro: task 'unlucky'", "on_panic is \"abort\"; aborting"]);
    }
}

mod aborts_at_once {
    use super::*;

    #[gocoro::go_main(on_panic = "abort", workers = 2)]
    pub(super) fn main() {
        let begun = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let begun = begun.clone();
            drop(go!({
                begun.fetch_add(1, SeqCst);
                until(|| begun.load(SeqCst) == 2);
                panic!("nobody's");
            }));
        }
        sleep(NEVER);
    }
}

#[test]
fn panics_of_two_workers_at_once_abort_once() {
    for _ in 0..10 {
        run("aborts_at_once").signal(libc::SIGABRT).says(1, &["on_panic is \"abort\"; aborting"]);
    }
}

mod cancels {
    use super::*;

    #[gocoro::go_main(on_panic = "cancel")]
    pub(super) fn main() {
        let _guard = on_drop(|| println!("main unwinds"));
        let waits = go!({
            let _guard = on_drop(|| println!("task unwinds"));
            sleep(NEVER);
        });
        settle();
        detached();
        let _ = waits.join();
        sleep(NEVER);
    }
}

#[test]
fn a_panic_cancels_everything() {
    for workers in ["1", "2"] {
        let seen = run_with("cancels", &[("GOCORO_WORKERS", workers)]);
        seen.code(101).says(1, &["gocoro: task 'unlucky'"]);
        assert!(seen.out.contains("main unwinds") && seen.out.contains("task unwinds"), "{seen}");
    }
}

mod cancels_when_main_has_returned {
    use super::*;

    #[gocoro::go_main(on_panic = "cancel")]
    pub(super) fn main() {
        drop(go!({
            let _guard = on_drop(|| println!("task unwinds"));
            sleep(NEVER);
        }));
        drop(go!({
            settle();
            detached();
        }));
    }
}

#[test]
fn a_panic_after_main_cancels_what_is_left() {
    run("cancels_when_main_has_returned").code(101).printed("task unwinds");
}

mod main_does_not_end {
    use super::*;

    #[gocoro::go_main(on_panic = "cancel", grace = "50ms")]
    pub(super) fn main() {
        let _guard = on_drop(|| sleep(NEVER));
        detached();
        sleep(NEVER);
    }
}

#[test]
fn a_main_that_does_not_end_is_left_when_the_grace_is_over() {
    for workers in ["1", "2"] {
        run_with("main_does_not_end", &[("GOCORO_WORKERS", workers)])
            .code(101)
            .says(1, &["gocoro: tasks are left 50ms after they were cancelled"]);
    }
}

mod joined {
    use super::*;

    #[gocoro::go_main(on_panic = "abort")]
    pub(super) fn main() {
        let joined = go!({ panic!("somebody's") });
        assert!(joined.join().unwrap_err().is_panic());
        task::scope(|s| {
            let child = s.spawn(|| panic!("a child's"));
            assert!(child.join().unwrap_err().is_panic());
        });
        let group = TaskGroup::new();
        group.spawn(|| panic!("a member's"));
        assert!(group.try_join_all().unwrap_err().is_panic());
        println!("went on");
    }
}

#[test]
fn a_panic_that_somebody_is_told_of_does_neither() {
    run("joined").code(0).printed("went on");
}

/// A group of two that panic, which have begun.
fn unlucky_group() -> TaskGroup<()> {
    let begun = Arc::new(AtomicUsize::new(0));
    let group = TaskGroup::new();
    for _ in 0..2 {
        let begun = begun.clone();
        group.spawn(move || {
            begun.fetch_add(1, SeqCst);
            panic!("a member's");
        });
    }
    until(|| begun.load(SeqCst) == 2);
    group
}

mod dropped_group {
    use super::*;

    #[gocoro::go_main(on_panic = "abort")]
    pub(super) fn main() {
        let group = unlucky_group();
        assert!(group.next().unwrap().unwrap_err().is_panic());
        let raised = catch_unwind(AssertUnwindSafe(|| drop(group)));
        assert_eq!(raised.unwrap_err().downcast_ref(), Some(&"a member's"));
        println!("the last was raised");
        drop(unlucky_group());
        println!("went on");
    }
}

#[test]
fn of_a_groups_panics_one_is_raised_and_the_others_are_nobodys() {
    for workers in ["1", "2"] {
        let seen = run_with("dropped_group", &[("GOCORO_WORKERS", workers)]);
        seen.signal(libc::SIGABRT).printed("the last was raised");
        seen.says(1, &["on_panic is \"abort\"; aborting"]);
    }
}

mod unwound_group {
    use super::*;

    #[gocoro::go_main(on_panic = "abort")]
    pub(super) fn main() {
        let unwound = catch_unwind(|| {
            let _group = unlucky_group();
            panic!("main's");
        });
        assert!(unwound.is_err());
        sleep(NEVER);
    }
}

#[test]
fn the_panics_of_a_group_that_is_unwound_are_nobodys() {
    for workers in ["1", "2"] {
        let seen = run_with("unwound_group", &[("GOCORO_WORKERS", workers)]);
        seen.signal(libc::SIGABRT).says(1, &["on_panic is \"abort\"; aborting"]);
    }
}
