//! A group's builder gives its tasks names and stacks, and refuses what cannot be.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use gocoro::task::{self, GroupBuilder, TaskGroup};

use super::parked;
use crate::support::{SOON, bounded, in_both_colours, on_drop, on_workers, with_workers};

#[test]
fn tasks_have_the_names_and_stacks_they_were_given() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        let seen = || {
            let name = task::current().name().map(str::to_owned);
            (name, task::remaining_stack().unwrap())
        };
        let builder: GroupBuilder<'_, _> = group.builder();
        builder.spawn(seen).unwrap();
        group.builder().name("parser").stack_size(1 << 20).spawn(seen).unwrap();
        group.builder().name(String::from("small")).stack_size(1 << 15).spawn(seen).unwrap();
        let seen: Vec<_> = group.join_all().into_iter().map(Result::unwrap).collect();
        let names: Vec<_> = seen.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!(names, [None, Some("parser"), Some("small")]);
        assert!(seen[1].1 > 1 << 19 && seen[2].1 < 1 << 15, "{seen:?}");
    });
}

#[test]
fn errors_name_the_task_and_where_it_was_spawned() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        group.builder().name("unlucky").spawn(|| panic!("expected")).unwrap();
        let error = group.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("'unlucky'") && error.contains("builder.rs"), "{error}");
        assert!(format!("{:?}", group.builder().name("x")).contains("\"x\""));
    });
}

#[test]
fn options_that_cannot_be_leave_the_group_as_it_was() {
    on_workers(|_| {
        for limit in [1, 2] {
            let group = TaskGroup::with_limit(limit);
            let task = (limit == 2).then(|| parked(&group, 1));
            let dropped = Arc::new(());
            let theirs = dropped.clone();
            let error = group.builder().stack_size(usize::MAX).spawn(move || {
                drop(theirs);
                2
            });
            assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!((group.len(), Arc::strong_count(&dropped)), (limit - 1, 1));
            // The place was given back.
            group.spawn(|| 3);
            task.inspect(task::Task::unpark);
            assert_eq!(group.join_all().pop().unwrap().unwrap(), 3);
        }
    });
}

#[test]
fn it_waits_at_the_limit_as_every_spawn() {
    on_workers(|_| {
        let group = TaskGroup::with_limit(1);
        let task = parked(&group, 1);
        let (spawned, dropped) = (group.builder().name("late"), Arc::new(()));
        let theirs = dropped.clone();
        let cut = gocoro::time::timeout(SOON, || spawned.spawn(move || Arc::strong_count(&theirs)));
        assert!(cut.is_err() && Arc::strong_count(&dropped) == 1);
        task.unpark();
        group.builder().spawn(|| 2).unwrap();
        assert_eq!(group.join_all().into_iter().map(Result::unwrap).sum::<usize>(), 3);
    });
}

#[test]
fn a_closed_runtime_refuses_it_by_an_error_and_a_plain_spawn_by_its_result() {
    bounded(|| {
        let runtime = with_workers(1);
        let (send, receive) = std::sync::mpsc::channel();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let waiting = runtime.spawn(move || {
            begun.send(()).unwrap();
            let _last = on_drop(move || {
                let group = TaskGroup::new();
                let error = group.builder().spawn(|| ()).unwrap_err();
                group.spawn(|| ());
                let refused = group.next().unwrap().unwrap_err();
                send.send((error.kind(), refused.is_refused(), group.len())).unwrap();
            });
            task::park();
        });
        has_begun.recv().unwrap();
        runtime.shutdown(Duration::MAX).unwrap();
        assert!(waiting.join().is_err());
        assert_eq!(receive.recv().unwrap(), (ErrorKind::Other, true, 0));
    });
}
