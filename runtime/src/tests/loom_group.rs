//! A group's state: spawns that take tasks in against ends that come as soon as they may, and
//! against waits for results and for places. By `Tasks` itself, on plain threads; tasks are those
//! of the joiner's models.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use loom::thread;

use super::loom_join::{Tracked, run, task_of, tracked};
use crate::clock;
use crate::group::tasks::{Next, Tasks};
use crate::sync::QueueArm;
use crate::task::{Reason, TaskRef};
use crate::waiters::{Aim, Arm, Choice, Limit, choose};

type Group = Arc<Tasks<Tracked>>;

/// Takes a new task in; the task, to be run, and the count of its result's drops.
fn spawn(group: &Group) -> (TaskRef, Arc<AtomicUsize>) {
    let room = group.room();
    let (body, drops) = tracked();
    let (task, ()) = task_of(body, |handle| (group.enter(handle, room), ()));
    (task, drops)
}

/// Waits for a result; `false`: there is none left.
fn next(group: &Group) -> bool {
    match group.next(Reason::Join, None) {
        Next::Ended(_, result) => {
            result.unwrap().take();
            true
        }
        Next::NoneLeft => false,
        Next::NotYet => panic!("a wait without a deadline returned nothing"),
    }
}

#[test]
fn loom_a_task_that_ends_before_its_spawn_returns_is_noted_once() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (task, drops) = spawn(&group);
        let worker = thread::spawn(move || run(&task, false));
        assert!(next(&group) && !next(&group));
        worker.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
    });
}

#[test]
fn loom_each_of_two_waits_gets_a_result() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (one, _) = spawn(&group);
        let (two, _) = spawn(&group);
        let worker = thread::spawn(move || {
            run(&one, false);
            run(&two, false);
        });
        let other = {
            let group = group.clone();
            thread::spawn(move || assert!(next(&group)))
        };
        assert!(next(&group));
        other.join().unwrap();
        worker.join().unwrap();
        assert!(!next(&group));
    });
}

#[test]
fn loom_of_two_waits_for_one_task_the_other_learns_that_nothing_is_left() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (task, drops) = spawn(&group);
        let worker = thread::spawn(move || run(&task, false));
        let other = {
            let group = group.clone();
            thread::spawn(move || next(&group))
        };
        let ours = next(&group);
        assert!(ours ^ other.join().unwrap());
        worker.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
    });
}

#[test]
fn loom_a_wait_takes_a_task_for_its_own_that_is_spawned_meanwhile() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (first, _) = spawn(&group);
        let spawner = {
            let group = group.clone();
            thread::spawn(move || {
                let (second, _) = spawn(&group);
                run(&second, false);
                run(&first, false);
            })
        };
        assert!(next(&group) && next(&group));
        spawner.join().unwrap();
        assert!(!next(&group));
    });
}

#[test]
fn loom_a_wait_that_leaves_takes_nothing() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (task, drops) = spawn(&group);
        let worker = thread::spawn(move || run(&task, false));
        match group.next(Reason::Join, clock::after(Duration::ZERO)) {
            Next::Ended(_, result) => result.unwrap().take(),
            Next::NotYet => assert!(next(&group)),
            Next::NoneLeft => panic!("there is a task"),
        }
        worker.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
    });
}

#[test]
fn loom_an_arm_takes_the_result_or_leaves_it() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (task, drops) = spawn(&group);
        let worker = thread::spawn(move || run(&task, false));
        let arm = QueueArm::new(&*group);
        let arms: &dyn Choice = &arm;
        let soon = Limit::within(Duration::ZERO);
        if choose(&|_| arms, &mut [0], false, soon, Aim::Take).is_some() {
            arm.take().unwrap().unwrap().take();
        } else {
            assert!(next(&group));
        }
        worker.join().unwrap();
        assert!(!next(&group));
        assert_eq!(drops.load(Relaxed), 1);
    });
}

#[test]
fn loom_a_place_is_handed_over() {
    loom::model(|| {
        let group: Group = Arc::new(Tasks::new(std::num::NonZeroUsize::new(1)));
        let (first, _) = spawn(&group);
        let worker = thread::spawn(move || run(&first, false));
        let other = {
            let group = group.clone();
            thread::spawn(move || {
                let (task, _) = spawn(&group);
                run(&task, false);
            })
        };
        let (task, _) = spawn(&group);
        run(&task, false);
        other.join().unwrap();
        worker.join().unwrap();
        assert!(next(&group) && next(&group) && next(&group) && !next(&group));
        drop(group.room());
    });
}

#[test]
fn loom_a_result_of_an_abandoned_group_is_dropped_once() {
    loom::model(|| {
        let group = Arc::new(Tasks::new(None));
        let (task, drops) = spawn(&group);
        // The result goes by its own rules, not with the memory.
        let _kept = task.clone();
        let worker = thread::spawn(move || run(&task, false));
        drop(group.abandon());
        worker.join().unwrap();
        assert_eq!(drops.load(Relaxed), 1);
    });
}
