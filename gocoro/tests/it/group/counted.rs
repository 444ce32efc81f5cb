//! Results without a size are counted, given once and in order, and need no memory.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::task::{self, TaskGroup};
use gocoro::task_local;
use gocoro::time::{sleep, timeout};

use crate::support::{
    NEVER, SOON, Slow, in_both_colours, on_workers, scenario, this_program, until, with_workers,
};

#[test]
fn each_is_given_once() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        (0..100).for_each(|_| group.spawn(|| ()));
        for _ in 0..40 {
            group.next().unwrap().unwrap();
        }
        assert_eq!(group.len(), 60);
        until(|| group.try_next().is_some());
        assert_eq!(group.join_all().into_iter().filter(Result::is_ok).count(), 59);
    });
}

#[test]
fn values_are_dropped_as_often_as_they_are_made() {
    thread_local! {
        static DROPS: Cell<usize> = const { Cell::new(0) };
    }
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    #[derive(Debug)]
    struct Token;

    impl Drop for Token {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
            DROPS.with(|drops| drops.set(drops.get() + 1));
        }
    }

    in_both_colours(|| {
        DROPPED.store(0, SeqCst);
        let group = TaskGroup::new();
        (0..10).for_each(|_| group.spawn(|| Token));
        let kept: Vec<_> = (0..4).map(|_| group.next().unwrap().unwrap()).collect();
        until(|| ended(&group) == 6);
        assert_eq!(DROPPED.load(SeqCst), 0);
        drop(group);
        assert_eq!(DROPPED.load(SeqCst), 6);
        drop(kept);
        assert_eq!(DROPPED.load(SeqCst), 10);
    });
}

/// How many have ended that nobody took.
fn ended<T>(group: &TaskGroup<T>) -> usize {
    let shown = format!("{group:?}");
    let count = shown.split_once("ended: ").unwrap().1.split_once(',').unwrap().0.parse().unwrap();
    // A loop that looks lets others run.
    task::yield_now();
    count
}

#[test]
fn errors_keep_their_place_among_them() {
    in_both_colours(|| {
        // In the order of the spawns, whichever ends first.
        let group = TaskGroup::new();
        for n in 0..20 {
            group.spawn(move || {
                (0..20 - n).for_each(|_| task::yield_now());
                assert!(n % 7 != 3, "one of three");
            });
        }
        let failed: Vec<_> = group.join_all().iter().map(Result::is_err).collect();
        assert!((0..20).map(|n| n % 7 == 3).eq(failed));

        // In the order of the ends.
        let group = TaskGroup::new();
        for n in 0..6 {
            let before = ended(&group);
            group.spawn(move || assert!(n % 3 != 1, "one of two"));
            until(|| ended(&group) > before);
        }
        let failed: Vec<_> =
            std::iter::from_fn(|| group.next()).map(|result| result.is_err()).collect();
        assert_eq!(failed, [false, true, false, false, true, false]);
    });
}

#[test]
fn taken_values_count_as_the_first_that_were_spawned() {
    on_workers(|_| {
        let group = TaskGroup::new();
        for n in 0..6 {
            let before = ended(&group);
            group.spawn(move || assert!(n != 3, "the fourth"));
            until(|| ended(&group) > before);
        }
        assert!(group.next().unwrap().is_ok() && group.next().unwrap().is_ok());
        let failed: Vec<_> = group.join_all().iter().map(Result::is_err).collect();
        assert_eq!(failed, [false, true, false, false]);

        // A group that was empty begins anew.
        let group = TaskGroup::new();
        (0..5).for_each(|_| group.spawn(|| ()));
        while group.next().is_some() {}
        group.spawn(|| sleep(NEVER));
        group.spawn(|| ());
        group.spawn(|| sleep(NEVER));
        until(|| group.try_next().is_some());
        group.spawn(|| panic!("the last"));
        group.cancel_all();
        let results = group.join_all();
        assert!(results.iter().all(Result::is_err) && results.len() == 3);
        assert!(results[2].as_ref().is_err_and(|error| error.is_panic() || error.is_cancelled()));
    });
}

#[test]
fn shutdown_gives_all_of_them() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        (0..50).for_each(|n| {
            group.spawn(move || {
                if n % 10 == 9 {
                    sleep(NEVER);
                }
            });
        });
        until(|| ended(&group) == 45);
        let failed: Vec<_> =
            group.shutdown(std::time::Duration::ZERO).iter().map(Result::is_err).collect();
        assert!((0..50).map(|n| n % 10 == 9).eq(failed));
    });
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// What a server is, whose loop spawns for as long as it runs and takes no results.
fn serve(group: &Arc<TaskGroup<()>>, tasks: usize) {
    let done = Arc::new(AtomicUsize::new(0));
    for n in 0..tasks {
        let theirs = done.clone();
        group.spawn(move || _ = theirs.fetch_add(1, SeqCst));
        // A wait for the next client, in which the others are served.
        until(|| n < done.load(SeqCst) + 64);
    }
    until(|| done.load(SeqCst) == tasks);
}

const SCENARIO: &str = "a group whose results nobody takes";

#[test]
fn a_group_whose_results_nobody_takes_does_not_grow() {
    const TASKS: usize = 120_000;
    if scenario().as_deref() != Some(SCENARIO) {
        let child = this_program(&["does_not_grow"], SCENARIO).status().unwrap();
        return assert!(child.success());
    }
    for workers in [1, 2] {
        for group in [TaskGroup::new(), TaskGroup::with_limit(16)] {
            let (before, after) = with_workers(workers).run(move || {
                let group = Arc::new(group);
                serve(&group, TASKS / 8);
                let before = resident();
                serve(&group, TASKS);
                let after = resident();
                assert!(group.len() >= TASKS);
                (before, after)
            });
            // What is kept of a task would be 14 MiB.
            assert!(after < before + (6 << 20) || cfg!(gocoro_asan), "{before} {after}");
        }
    }
}

task_local! {
    static LOCAL: Slow = Slow;
}

/// What is left of a member that has spoken may take long: the wait for it can be cut short.
#[test]
fn a_wait_for_a_member_that_drops_its_locals_is_cut_short() {
    on_workers(|_| {
        let group = TaskGroup::new();
        group.spawn(|| LOCAL.with(|_| ()));
        assert!(timeout(SOON, || group.next()).is_err());
        assert_eq!(group.len(), 1);
    });
}
