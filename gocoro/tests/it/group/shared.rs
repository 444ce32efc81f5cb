//! Groups that several tasks and threads have give each result to one of them.

use std::fmt::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use gocoro::go;
use gocoro::sync::Event;
use gocoro::task::{self, TaskGroup};
use gocoro::time::{sleep, timeout};

use super::parked;
use crate::support::{
    Colour, NEVER, SOON, bounded, in_both_colours, on_drop, on_workers, until, with_workers,
};

#[test]
fn a_group_that_is_lent_alone_works_as_one_that_is_shared() {
    fn fill(group: &mut TaskGroup<u32>) {
        group.spawn(|| 1);
        TaskGroup::spawn(group, || 2);
    }
    in_both_colours(|| {
        let mut group = TaskGroup::new();
        fill(&mut group);
        let sum = [group.next(), TaskGroup::next(&group)].map(|value| value.unwrap().unwrap());
        assert_eq!(sum.iter().sum::<u32>(), 3);
    });
}

#[test]
fn every_task_that_anybody_spawns_is_joined_once() {
    const SPAWNERS: usize = 8;
    const EACH: usize = 200;
    in_both_colours(|| {
        for limit in [None, Some(3)] {
            let group = Arc::new(limit.map_or_else(TaskGroup::new, TaskGroup::with_limit));
            let spawners: Vec<_> = (0..SPAWNERS)
                .map(|spawner| {
                    go!(clone(group) => {
                        for n in 0..EACH {
                            group.spawn(move || spawner * EACH + n);
                        }
                    })
                })
                .collect();
            let spawners = spawners.into_iter();
            // Takes what there is while others spawn, then the rest.
            let mut seen = vec![false; SPAWNERS * EACH];
            let mut see = |value: usize| assert!(!std::mem::replace(&mut seen[value], true));
            while spawners.as_slice().iter().any(|spawner| !spawner.is_finished()) {
                group.next().into_iter().for_each(|value| see(value.unwrap()));
                task::yield_now();
            }
            spawners.for_each(|spawner| spawner.wait());
            let group = Arc::into_inner(group).unwrap();
            let rest: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
            rest.into_iter().for_each(see);
            assert!(seen.into_iter().all(|seen| seen));
        }
    });
}

#[test]
fn results_are_shared_out_among_those_who_wait() {
    in_both_colours(|| {
        let group = Arc::new(TaskGroup::new());
        let tasks: Vec<_> = (0..6).map(|n| parked(&group, n)).collect();
        let takers: Vec<_> = (0..4)
            .map(|_| go!(clone(group) => { std::iter::from_fn(|| group.next()).count() }))
            .collect();
        let ours = group.clone();
        let thread = thread::spawn(move || std::iter::from_fn(|| ours.next()).count());
        for task in tasks {
            task.unpark();
        }
        let taken: usize = takers.into_iter().map(|taker| taker.wait()).sum();
        assert_eq!(taken + thread.join().unwrap(), 6);
        assert!(group.is_empty());
    });
}

#[test]
fn a_wait_that_is_cut_short_leaves_its_result_to_others() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::new());
        let task = parked(&group, 7);
        let (cut, whole) = (go!(clone(group) => group.next()), go!(clone(group) => group.next()));
        crate::support::settle();
        cut.cancel();
        assert!(cut.join().unwrap_err().is_cancelled());
        assert!(timeout(SOON, || group.next()).is_err());
        task.unpark();
        assert_eq!(whole.wait().unwrap().unwrap(), 7);
        assert!(group.next().is_none());
    });
}

#[test]
fn members_spawn_into_their_group_and_take_from_it() {
    fn visit(depth: u32, group: &Arc<TaskGroup<u32>>) {
        let theirs = group.clone();
        group.spawn(move || {
            if depth < 6 {
                (0..2).for_each(|_| visit(depth + 1, &theirs));
            }
            depth
        });
    }
    in_both_colours(|| {
        let group = Arc::new(TaskGroup::new());
        visit(0, &group);
        let depths = std::iter::from_fn(|| group.next()).map(Result::unwrap);
        assert_eq!(depths.map(|depth| depth as usize).sum::<usize>(), 642);

        let (theirs, (send, taken)) = (group.clone(), mpsc::channel());
        group.spawn(move || {
            theirs.spawn(|| 5);
            send.send(theirs.next().unwrap().unwrap()).unwrap();
            6
        });
        until(|| taken.try_recv().is_ok_and(|value| value == 5));
        assert_eq!(group.next().unwrap().unwrap(), 6);
        assert!(group.next().is_none());
    });
}

#[test]
fn scoped_tasks_share_a_group_that_is_theirs_to_borrow() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        task::scope(|s| {
            for n in 0..4 {
                let group = &group;
                s.spawn(move || (0..10).for_each(|m| group.spawn(move || n * 10 + m)));
            }
        });
        let mut all: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..40));
    });
}

#[test]
fn spawns_at_the_limit_go_on_in_their_order() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::with_limit(1));
        let first = parked(&group, 0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let spawners: Vec<_> = (1..5)
            .map(|n| {
                let spawner = go!(clone(group, order) => {
                    order.lock().unwrap().push(n);
                    group.spawn(move || n)
                });
                until(|| order.lock().unwrap().len() == n);
                spawner
            })
            .collect();
        crate::support::settle();
        first.unpark();
        let ended = std::iter::from_fn(|| group.next()).map(Result::unwrap);
        // `None` may come before the next one has spawned.
        let mut values: Vec<_> = ended.collect();
        spawners.into_iter().for_each(|spawner| spawner.wait());
        values.extend(std::iter::from_fn(|| group.next()).map(Result::unwrap));
        assert_eq!(values, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_spawn_that_could_never_go_on_is_refused_with_words() {
    bounded(|| {
        let group = Arc::new(TaskGroup::with_limit(1));
        let theirs = group.clone();
        with_workers(2).run(move || {
            let ours = theirs.clone();
            theirs.spawn(move || {
                let refused = panic::catch_unwind(AssertUnwindSafe(|| ours.spawn(|| ())));
                let text = refused.unwrap_err().downcast::<String>().unwrap();
                assert!(text.contains("spawns into its own group"), "{text}");
            });
            assert!(theirs.next().unwrap().is_ok());
        });
        // The place was given back.
        group.spawn(|| ());
        assert!(group.next().unwrap().is_ok());
    });
}

#[test]
fn a_member_that_joins_its_own_group_is_refused_with_words() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::new());
        let (go, gone) = (Arc::new(Event::new()), mpsc::channel());
        let (theirs, may) = (group.clone(), go.clone());
        group.spawn(move || {
            let sender = gone.0;
            may.wait();
            let group = Arc::into_inner(theirs).unwrap();
            let caught = panic::catch_unwind(AssertUnwindSafe(|| group.join_all()));
            let text = caught.map(|_| ()).unwrap_err().downcast::<String>().unwrap();
            sender.send(*text).unwrap();
        });
        drop(group);
        go.set();
        let mut text = None;
        until(|| {
            text = gone.1.try_recv().ok();
            text.is_some()
        });
        assert!(text.as_ref().unwrap().contains("its own group"), "{text:?}");
    });
}

#[test]
fn a_member_that_is_the_last_to_hold_its_group_ends_it_and_goes_on() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::new());
        let (go, ended, last) =
            (Arc::new(Event::new()), Arc::new(AtomicUsize::new(0)), Arc::new(Event::new()));
        for _ in 0..3 {
            let ended = ended.clone();
            parked_until_cancelled(&group, move || _ = ended.fetch_add(1, SeqCst));
        }
        let (theirs, may, count, done) = (group.clone(), go.clone(), ended.clone(), last.clone());
        group.spawn(move || {
            may.wait();
            drop(theirs);
            assert_eq!(count.load(SeqCst), 3, "the others were waited for");
            assert!(task::is_cancelled());
            done.set();
        });
        drop(group);
        go.set();
        last.wait();
    });
}

/// Spawns a member that waits for a cancel, takes its time then, and does this last.
fn parked_until_cancelled(group: &TaskGroup<()>, last: impl FnOnce() + Send + 'static) {
    let (begun, has_begun) = mpsc::channel();
    group.spawn(move || {
        let _guard = on_drop(|| {
            (0..20).for_each(|_| task::yield_now());
            last();
        });
        begun.send(()).unwrap();
        sleep(NEVER);
    });
    until(|| has_begun.try_recv().is_ok());
}

/// A writer that lets a member end.
struct Gives<'a>(&'a Event);

impl Write for Gives<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text == "ended" {
            self.0.set();
            for _ in 0..4 {
                task::yield_now();
            }
        }
        Ok(())
    }
}

/// A member may end while the group is written about.
#[test]
fn a_group_is_not_locked_while_it_is_shown() {
    bounded(|| {
        Colour::Task.run(1, || {
            let go = Arc::new(Event::new());
            let group = TaskGroup::new();
            let theirs = go.clone();
            group.spawn(move || theirs.wait());
            task::yield_now();
            write!(Gives(&go), "{group:?}").unwrap();
            assert!(group.next().unwrap().is_ok());
        });
    });
}
