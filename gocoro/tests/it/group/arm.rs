//! A group's arm in `select!` gives what `next` gives, and takes nothing if it loses.

use std::sync::Arc;

use gocoro::channel::{bounded, unbounded};
use gocoro::task::{self, TaskGroup};
use gocoro::{go, select, select_biased};

use super::parked;
use crate::support::{SOON, in_both_colours, settle};

#[test]
fn an_arm_gives_what_next_gives() {
    in_both_colours(|| {
        let mut group = TaskGroup::new();
        let (_sender, receiver) = unbounded::<()>();
        assert!(select! { wait(group) -> ended => ended.is_none() });
        let tasks: Vec<_> = (0..3).map(|n| parked(&group, n)).collect();
        for n in [2, 0, 1] {
            tasks[n].unpark();
            let ended = match n {
                0 => select! { wait(&group) -> ended => ended, recv(receiver) -> _ => None },
                1 => select! { wait(&mut group) -> ended => ended, recv(receiver) -> _ => None },
                _ => select! { wait(group) -> ended => ended, recv(receiver) -> _ => None },
            };
            assert_eq!(ended.unwrap().unwrap(), n);
        }
        assert!(select! { wait(group) -> ended => ended.is_none() });
        let group = Arc::new(group);
        group.spawn(|| panic!("expected"));
        let ended = select! { wait(group) -> ended => ended.unwrap() };
        assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn an_arm_that_loses_takes_nothing() {
    in_both_colours(|| {
        let group = TaskGroup::new();
        let (sender, receiver) = bounded(1);
        let task = parked(&group, 1);
        select! { wait(group) -> _ => unreachable!("it waits"), default => {} }
        select! { wait(group) -> _ => unreachable!("it waits"), default(SOON) => {} }
        // With several arms a choice that gives up has looked at all of them once more.
        select! {
            wait(group) -> _ => unreachable!("it waits"),
            recv(receiver) -> _ => unreachable!("nothing was sent"),
            default => {}
        }
        select! {
            wait(group) -> _ => unreachable!("it waits"),
            recv(receiver) -> _ => unreachable!("nothing was sent"),
            default(SOON) => {}
        }
        // Both are ready: the message is taken, and the result stays.
        task.unpark();
        settle();
        sender.send(()).unwrap();
        select_biased! { recv(receiver) -> _ => {}, wait(group) -> _ => unreachable!("listed last") }
        assert_eq!(group.len(), 1);
        assert_eq!(select! { wait(group) -> ended => ended.unwrap().unwrap() }, 1);
        // The message comes while both are waited for.
        let task = parked(&group, 2);
        let sending = go!(clone(sender) => sender.send(()));
        select! { recv(receiver) -> _ => {}, wait(group) -> _ => unreachable!("it waits") }
        sending.wait().unwrap();
        task.unpark();
        assert_eq!(group.next().unwrap().unwrap(), 2);
    });
}

#[test]
fn arms_and_waits_share_the_results() {
    in_both_colours(|| {
        let group = Arc::new(TaskGroup::new());
        let takers: Vec<_> = (0..6)
            .map(|n| {
                let gate = parked(&group, n);
                let taker = go!(clone(group) => match n % 2 {
                    0 => select! { wait(group) -> ended => ended },
                    _ => group.next(),
                });
                (gate, taker)
            })
            .collect();
        settle();
        let (gates, takers): (Vec<_>, Vec<_>) = takers.into_iter().unzip();
        gates.into_iter().for_each(|gate| gate.unpark());
        let mut values: Vec<_> =
            takers.into_iter().map(|taker| taker.wait().unwrap().unwrap()).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(0..6));
        assert!(group.try_next().is_none());
    });
}

#[test]
fn those_that_wait_are_told_that_nothing_is_left() {
    in_both_colours(|| {
        let group = Arc::new(TaskGroup::new());
        let task = parked(&group, 1);
        let takers: Vec<_> = (0..4)
            .map(|_| go!(clone(group) => select! { wait(group) -> ended => ended.is_some() }))
            .collect();
        settle();
        task.unpark();
        assert_eq!(takers.into_iter().map(|taker| taker.wait() as u32).sum::<u32>(), 1);
    });
}

#[test]
fn a_server_loop_takes_ends_beside_what_it_waits_for() {
    in_both_colours(|| {
        let (sender, requests) = unbounded();
        let client = go!({ (0..100).for_each(|n| sender.send(n).unwrap()) });
        let (group, mut served, mut sum) = (TaskGroup::with_limit(8), 0, 0);
        loop {
            select! {
                recv(requests) -> request => match request {
                    Ok(n) => group.spawn(move || {
                        task::yield_now();
                        n
                    }),
                    Err(_) => break,
                },
                wait(group) -> ended => match ended {
                    Some(n) => (served, sum) = (served + 1, sum + n.unwrap()),
                    // An empty group is always ready: the requests' turn.
                    None => match requests.recv() {
                        Ok(n) => group.spawn(move || n),
                        Err(_) => break,
                    },
                },
            }
        }
        client.wait();
        for n in group.join_all() {
            (served, sum) = (served + 1, sum + n.unwrap());
        }
        assert_eq!((served, sum), (100, 4950));
    });
}
