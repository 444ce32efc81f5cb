//! Groups give results in the order in which their tasks end, keep their limits, and end with their
//! members.

mod arm;
mod builder;
mod counted;
mod first_ok;
mod panics;
mod shared;

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::task::{self, TaskGroup};
use gocoro::time::{sleep, timeout};

use crate::support::{NEVER, SOON, in_both_colours, on_drop, on_workers, settle, until};

/// Spawns a task that waits until it is woken; sends itself first.
pub(crate) fn parked<T: Send + 'static>(group: &TaskGroup<T>, value: T) -> task::Task {
    let (send, receive) = mpsc::channel();
    group.spawn(move || {
        send.send(task::current()).unwrap();
        task::park();
        value
    });
    let mut task = None;
    until(|| {
        task = receive.try_recv().ok();
        task.is_some()
    });
    task.unwrap()
}

#[test]
fn empty_groups_answer_at_once() {
    in_both_colours(|| {
        let group = TaskGroup::<u32>::new();
        assert!(group.next().is_none() && group.is_empty());
        assert!(group.join_all().is_empty());
        assert_eq!(TaskGroup::<u32>::default().try_join_all().unwrap(), [0; 0]);
        assert_eq!(TaskGroup::<Result<u32, ()>>::new().first_ok(), None);
        assert!(TaskGroup::<u32>::with_limit(1).shutdown(NEVER).is_empty());
        TaskGroup::<u32>::new().cancel_all();
    });
    assert!(panic::catch_unwind(|| TaskGroup::<()>::with_limit(0)).is_err());
}

#[test]
fn results_come_in_the_order_of_the_ends() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        let tasks: Vec<_> = (0..5).map(|n| parked(&group, n)).collect();
        for n in [3, 0, 4, 1, 2] {
            tasks[n].unpark();
            assert_eq!(group.next().unwrap().unwrap(), n);
        }
        assert!(group.next().is_none());
        // It can be filled again.
        group.spawn(|| 9);
        assert_eq!(group.len(), 1);
        assert_eq!(group.next().unwrap().unwrap(), 9);
    });
}

#[test]
fn many_results_come_in_linear_time() {
    // A search through those that are left, at each, would not end before the test is given up.
    const TASKS: usize = 50_000;
    on_workers(|_| {
        let group = TaskGroup::new();
        for n in 0..TASKS {
            group.spawn(move || n);
        }
        let mut seen = vec![false; TASKS];
        while let Some(result) = group.next() {
            assert!(!std::mem::replace(&mut seen[result.unwrap()], true));
        }
        assert!(seen.into_iter().all(|seen| seen));
    });
}

#[test]
fn join_all_keeps_the_order_of_the_spawns() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        for n in 0..20 {
            group.spawn(move || {
                for _ in 0..(20 - n) {
                    task::yield_now();
                }
                assert!(n % 7 != 3, "one of three");
                n
            });
        }
        let first = group.next().unwrap();
        let rest = group.join_all();
        assert_eq!(rest.len(), 19);
        let values: Vec<i32> =
            rest.iter().filter_map(|result| result.as_ref().ok()).copied().collect();
        assert!(values.is_sorted());
        let failed = rest.iter().chain([&first]).filter(|result| result.is_err());
        assert_eq!(failed.count(), 3);
    });
}

#[test]
fn try_join_all_ends_with_the_first_failure() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        for n in 0..5 {
            group.spawn(move || n);
        }
        assert_eq!(group.try_join_all().unwrap(), [0, 1, 2, 3, 4]);

        let counts = Arc::new(Counts::default());
        let group = TaskGroup::new();
        for _ in 0..5 {
            parked(&group, ());
            counts.spawn(&group);
        }
        settle();
        group.spawn(|| panic!("expected"));
        let error = group.try_join_all().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&"expected"));
        counts.assert_all_ended();
    });
}

/// How many members have begun, and how many are through.
#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Counts {
    /// Spawns a member that waits for a cancel, and takes its time then.
    fn spawn(self: &Arc<Counts>, group: &TaskGroup<()>) {
        let counts = self.clone();
        group.spawn(move || {
            counts.begun.fetch_add(1, SeqCst);
            let _guard = on_drop(|| {
                (0..20).for_each(|_| task::yield_now());
                counts.ended.fetch_add(1, SeqCst);
            });
            sleep(NEVER);
        });
    }

    #[track_caller]
    fn assert_all_ended(&self) {
        assert_eq!(self.begun.load(SeqCst), self.ended.load(SeqCst));
    }
}

pub(crate) fn raised(body: impl FnOnce()) -> Option<&'static str> {
    let payload = panic::catch_unwind(AssertUnwindSafe(body)).err()?;
    Some(payload.downcast_ref().copied().expect("a panic of a member"))
}

#[test]
fn a_loop_over_next_ends_with_the_first_err_value() {
    fn all(group: TaskGroup<Result<u32, &'static str>>) -> Result<Vec<u32>, &'static str> {
        let mut values = Vec::new();
        while let Some(ended) = group.next() {
            values.push(ended.unwrap()?);
        }
        Ok(values)
    }
    in_both_colours(|| {
        let group = TaskGroup::new();
        for n in 0..3 {
            group.spawn(move || Ok(n));
        }
        assert_eq!(all(group).map(|values| values.len()), Ok(3));

        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let group = TaskGroup::new();
        for _ in 0..3 {
            let (begun, ended) = (begun.clone(), ended.clone());
            group.spawn(move || {
                begun.fetch_add(1, SeqCst);
                let _guard = on_drop(|| _ = ended.fetch_add(1, SeqCst));
                sleep(NEVER);
                Ok(0)
            });
        }
        group.spawn(|| Err("no route"));
        assert_eq!(all(group), Err("no route"));
        assert_eq!(begun.load(SeqCst), ended.load(SeqCst));

        // To the group it is a value like any other.
        let group = TaskGroup::<Result<u32, &str>>::new();
        group.spawn(|| Err("no route"));
        group.spawn(|| Ok(1));
        assert_eq!(group.try_join_all().unwrap(), [Err("no route"), Ok(1)]);
    });
}

#[test]
fn a_limit_holds_spawns_back() {
    in_both_colours(|| {
        for limit in [1, 3] {
            let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let group = TaskGroup::with_limit(limit);
            for _ in 0..50 {
                let (now, most) = (now.clone(), most.clone());
                group.spawn(move || {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    task::yield_now();
                    now.fetch_sub(1, SeqCst);
                });
            }
            assert_eq!(group.join_all().len(), 50);
            assert!((1..=limit).contains(&most.load(SeqCst)));
        }
    });
    on_workers(|_| {
        // The wait at the limit is cut short like any other, and the closure dropped.
        let dropped = Arc::new(AtomicUsize::new(0));
        let group = TaskGroup::with_limit(1);
        let first = parked(&group, ());
        let guard = on_drop({
            let dropped = dropped.clone();
            move || {
                dropped.fetch_add(1, SeqCst);
            }
        });
        assert!(timeout(SOON, || group.spawn(move || drop(guard))).is_err());
        assert_eq!((dropped.load(SeqCst), group.len()), (1, 1));
        first.unpark();
        group.spawn(|| ());
        assert_eq!(group.join_all().len(), 2);
    });
}

#[test]
fn shutdown_gives_time_then_cancels() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        parked(&group, 1);
        group.spawn(|| 2);
        let results = group.shutdown(SOON);
        assert!(results[0].as_ref().unwrap_err().is_cancelled());
        assert!(results[1].as_ref().is_ok_and(|&value| value == 2) || results[1].is_err());

        let group = TaskGroup::new();
        group.spawn(|| sleep(SOON));
        assert!(group.shutdown(NEVER)[0].is_ok());
    });
}

#[test]
fn next_loses_nothing_when_it_is_cut_short() {
    on_workers(|_| {
        let group = TaskGroup::new();
        let first = parked(&group, 1);
        for _ in 0..3 {
            assert!(timeout(SOON, || group.next().is_some()).is_err());
        }
        first.unpark();
        assert_eq!(group.next().unwrap().unwrap(), 1);
    });
}
