//! Tasks and plain threads know who they are, and wake each other.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::{go, task, thread};

use crate::support::{bounded, in_both_colours, on_workers, with_workers};

#[test]
fn current_is_the_task_or_the_plain_thread() {
    bounded(|| {
        let plain = std::thread::Builder::new().name("plain".to_owned());
        let seen = plain.spawn(|| {
            let here = thread::current();
            assert_eq!(here.name(), Some("plain"));
            // Printed alike, for it is the same.
            assert_eq!(format!("{:?}", here.id()), format!("{:?}", std::thread::current().id()));
            here.id()
        });
        let seen = seen.unwrap().join().unwrap();
        assert_ne!(seen, thread::current().id());
        with_workers(1).run(|| {
            let here = thread::current();
            assert_ne!(format!("{:?}", here.id()), format!("{:?}", std::thread::current().id()));
            let named = go!(name = "known" => { thread::current().name().map(str::to_owned) });
            assert_eq!(named.wait().as_deref(), Some("known"));
            // The module's tasks are tasks.
            let builder = thread::Builder::new().name("here".into());
            let name = builder.spawn(|| task::current().name().map(str::to_owned)).unwrap();
            assert_eq!(name.join().unwrap().as_deref(), Some("here"));
        });
    });
}

#[test]
fn no_task_has_the_id_of_a_plain_thread() {
    in_both_colours(|| {
        let (mut ids, mut printed) = (HashSet::new(), HashSet::new());
        for _ in 0..100 {
            let of_task = thread::spawn(|| thread::current().id()).join().unwrap();
            let of_thread = std::thread::spawn(|| thread::current().id()).join().unwrap();
            for id in [of_task, of_thread] {
                assert!(ids.insert(id));
                assert!(printed.insert(format!("{id:?}")));
            }
        }
    });
}

/// A baton goes round among tasks and plain threads: each waits for its turn by `park`, and gives
/// the next one its token.
#[test]
fn tokens_reach_tasks_and_plain_threads() {
    const ROUNDS: usize = 50;

    fn take_turns(turn: &AtomicUsize, own: usize, next: &thread::Thread) {
        for round in 0..ROUNDS {
            while turn.load(SeqCst) != round * 4 + own {
                thread::park();
            }
            turn.fetch_add(1, SeqCst);
            next.unpark();
        }
    }

    on_workers(|_| {
        let turn = Arc::new(AtomicUsize::new(0));
        let first = thread::current();
        let (give_third, third) = std::sync::mpsc::channel::<thread::Thread>();
        let fourth = thread::spawn({
            let (turn, first) = (turn.clone(), first.clone());
            move || take_turns(&turn, 3, &first)
        });
        let plain = std::thread::spawn({
            let (turn, next) = (turn.clone(), fourth.thread().clone());
            move || {
                give_third.send(thread::current()).unwrap();
                take_turns(&turn, 2, &next);
            }
        });
        let third = third.recv().unwrap();
        let second = thread::spawn({
            let turn = turn.clone();
            move || take_turns(&turn, 1, &third)
        });
        take_turns(&turn, 0, second.thread());
        second.join().unwrap();
        fourth.join().unwrap();
        gocoro::time::timeout(crate::support::HANG, || {
            while !plain.is_finished() {
                task::yield_now();
            }
        })
        .unwrap();
        plain.join().unwrap();
        assert_eq!(turn.load(SeqCst), ROUNDS * 4);
    });
}

/// `unpark` of a plain thread's handle gives the token that std's own park waits for.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is what this is about")]
fn a_plain_thread_has_one_token() {
    bounded(|| {
        let here = thread::current();
        with_workers(1).run(move || here.unpark());
        std::thread::park();
        std::thread::current().unpark();
        thread::park();
    });
}
