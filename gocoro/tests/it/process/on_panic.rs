//! What `on_panic` makes of a panic in a task that nobody can join.

use gocoro::go;
use gocoro::task;
use gocoro::time::sleep;

use super::{IntoCode, run, run_with, scenarios};
use crate::support::{NEVER, on_drop, settle};

scenarios! {
    report::main,
    aborts::main,
    cancels::main,
    cancels_when_main_has_returned::main,
    joined::main,
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
        settle();
        println!("went on");
    }
}

#[test]
fn a_panic_is_reported_and_the_program_goes_on() {
    run("report")
        .code(0)
        .printed("went on")
        .says(1, &["gocoro: task 'unlucky'", "a child of task 'main', panicked: nobody's"]);
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
        let mut group = task::TaskGroup::new();
        group.spawn(|| panic!("a member's"));
        assert!(group.try_join_all().unwrap_err().is_panic());
        println!("went on");
    }
}

#[test]
fn a_panic_that_somebody_is_told_of_does_neither() {
    run("joined").code(0).printed("went on");
}
