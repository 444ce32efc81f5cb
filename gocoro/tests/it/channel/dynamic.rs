//! `Select` chooses among operations that are known only when the program runs.

use std::panic::{self, catch_unwind};
use std::time::{Duration, Instant};

use gocoro::channel::{Receiver, RecvError, Select, SendError, Sender, after, bounded, unbounded};
use gocoro::{go, task};

use super::{matrix, spawn};
use crate::support::{self, NEVER, SOON, on_workers, settle, until};

#[test]
fn the_ready_one_is_chosen() {
    let (sender, receiver) = bounded(1);
    let empty = unbounded::<i32>();
    let mut select = Select::new();
    let receive = select.recv(&receiver);
    let other = select.recv(&empty.1);
    let send = select.send(&sender);
    let chosen = select.select();
    assert_eq!(chosen.index(), send);
    assert_eq!(chosen.send(&sender, 1), Ok(()));
    let chosen = select.try_select().unwrap();
    assert_eq!(chosen.index(), receive);
    assert_eq!(chosen.recv(&receiver), Ok(1));
    drop(empty.0);
    select.remove(send);
    let chosen = select.select_timeout(NEVER).unwrap();
    assert_eq!(chosen.index(), other);
    assert_eq!(chosen.recv(&empty.1), Err(RecvError));
}

#[test]
fn it_waits_and_is_woken() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let quiet = bounded::<i32>(0);
            let sending = spawn(peer, move || sender.send(1));
            let mut select = Select::new();
            select.recv(&quiet.1);
            let index = select.recv(&receiver);
            let chosen = select.select();
            assert_eq!(chosen.index(), index);
            assert_eq!(chosen.recv(&receiver), Ok(1));
            sending.wait().unwrap();

            let (sender, receiver) = bounded(capacity);
            (0..capacity).for_each(|_| sender.send(0).unwrap());
            let receiving = spawn(peer, move || receiver.iter().last());
            let mut select = Select::new();
            select.send(&sender);
            assert_eq!(select.select().send(&sender, 2), Ok(()));
            drop(select);
            drop(sender);
            assert_eq!(receiving.wait(), Some(2));
        }
    });
}

#[test]
fn two_sets_meet() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let quiet = bounded::<i32>(0);
        let sending = spawn(peer, move || {
            let mut select = Select::new();
            select.send(&sender);
            select.select().send(&sender, 1)
        });
        let mut select = Select::new();
        select.recv(&quiet.1);
        select.recv(&receiver);
        assert_eq!(select.select().recv(&receiver), Ok(1));
        sending.wait().unwrap();
    });
}

#[test]
fn time_is_kept() {
    matrix(|_| {
        let (_sender, receiver) = unbounded::<i32>();
        let timer = after(SOON);
        let mut select = Select::new();
        select.recv(&receiver);
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        assert!(select.select_deadline(Instant::now()).is_err());
        assert!(select.select_timeout(SOON).is_err() && select.ready_timeout(SOON).is_err());
        assert!(select.ready_deadline(Instant::now()).is_err());
        let index = select.recv(&timer);
        let chosen = select.select();
        assert_eq!(chosen.index(), index);
        assert!(chosen.recv(&timer).unwrap() <= Instant::now());
        assert!(Select::new().select_timeout(SOON).is_err());
    });
}

#[test]
fn what_is_not_completed_is_undone() {
    on_workers(|_| {
        let (sender, receiver) = bounded(2);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let mut select = Select::new();
        select.recv(&receiver);
        drop(select.select());
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));

        let mut select = Select::new();
        select.send(&sender);
        drop(select.select());
        assert!(receiver.is_empty());
        (0..2).for_each(|n| sender.try_send(n).unwrap());
        assert!(sender.try_send(2).is_err());

        let timer = after(SOON);
        let mut select = Select::new();
        select.recv(&timer);
        drop(select.select());
        assert!(timer.try_recv().is_ok());
    });
}

#[test]
fn what_is_undone_goes_to_those_who_wait() {
    on_workers(|_| {
        let (sender, receiver) = bounded(1);
        sender.send(1).unwrap();
        let mut select = Select::new();
        select.recv(&receiver);
        let chosen = select.select();
        let waiting = go!(clone(receiver) => { receiver.recv() });
        settle();
        drop(chosen);
        assert_eq!(waiting.wait(), Ok(1));

        let mut select = Select::new();
        select.send(&sender);
        let chosen = select.select();
        let waiting = go!(clone(sender) => { sender.send(2) });
        settle();
        assert!(!waiting.is_finished());
        drop(chosen);
        waiting.wait().unwrap();
        assert_eq!(receiver.recv(), Ok(2));
    });
}

/// The other side of a rendezvous waits for what was chosen, and goes on when it is given up.
#[test]
fn a_meeting_that_is_given_up_leaves_the_other_waiting() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let receiving = spawn(peer, move || receiver.recv());
        let mut select = Select::new();
        select.send(&sender);
        drop(select.select());
        task::yield_now();
        let chosen = select.select();
        assert_eq!(chosen.send(&sender, 2), Ok(()));
        assert_eq!(receiving.wait(), Ok(2));
    });
}

#[test]
fn the_first_added_is_preferred_if_asked() {
    let (sender, receiver) = unbounded();
    let (other, second) = unbounded();
    (0..50).for_each(|n| sender.send(n).and(other.send(n)).unwrap());
    let mut select = Select::new_biased();
    select.recv(&receiver);
    select.recv(&second);
    for n in 0..50 {
        let chosen = select.select();
        assert_eq!((chosen.index(), chosen.recv(&receiver)), (0, Ok(n)));
    }
    assert_eq!(select.select().index(), 1);
}

#[test]
fn every_ready_one_is_chosen_some_time() {
    let channels: Vec<_> = (0..5).map(|_| unbounded()).collect();
    channels.iter().for_each(|(sender, _)| (0..2000).for_each(|n| sender.send(n).unwrap()));
    let mut select = Select::new();
    channels.iter().for_each(|(_, receiver)| _ = select.recv(receiver));
    let mut chosen = [0; 5];
    for _ in 0..2000 {
        let operation = select.select();
        let index = operation.index();
        chosen[index] += 1;
        operation.recv(&channels[index].1).unwrap();
    }
    // 400 each; seven standard deviations.
    assert!(chosen.iter().all(|&count| (275..525).contains(&count)), "{chosen:?}");
}

#[test]
fn ready_takes_nothing() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let sending = spawn(peer, move || sender.send(1));
            let mut select = Select::new();
            let index = select.recv(&receiver);
            let got = loop {
                assert_eq!(select.ready(), index);
                if let Ok(got) = receiver.try_recv() {
                    break got;
                }
            };
            assert_eq!(got, 1);
            sending.wait().unwrap();
        }
    });
}

#[test]
fn ready_to_send() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            (0..capacity).for_each(|_| sender.send(0).unwrap());
            let receiving = spawn(peer, move || receiver.iter().last());
            let mut select = Select::new();
            select.send(&sender);
            until(|| {
                select.ready();
                sender.try_send(1).is_ok()
            });
            drop(select);
            drop(sender);
            assert_eq!(receiving.wait(), Some(1));
        }
    });
}

/// All who watch are told, and none of them stands in the way of one who takes.
#[test]
fn watching_takes_no_turn() {
    on_workers(|_| {
        let (sender, receiver) = bounded::<i32>(0);
        let watching: Vec<_> = (0..3)
            .map(|_| {
                go!(clone(receiver) => {
                    let mut select = Select::new();
                    select.recv(&receiver);
                    select.ready()
                })
            })
            .collect();
        settle();
        let sending = go!(clone(sender) => { sender.send(1) });
        watching.into_iter().for_each(|task| assert_eq!(task.wait(), 0));
        assert!(!sending.is_finished());
        assert_eq!(receiver.recv(), Ok(1));
        sending.wait().unwrap();
    });
}

#[test]
fn the_end_makes_ready() {
    let (sender, receiver) = bounded::<i32>(0);
    drop(receiver);
    let mut select = Select::new();
    select.send(&sender);
    assert_eq!(select.ready(), 0);
    assert_eq!(select.select().send(&sender, 1), Err(SendError(1)));
}

#[test]
fn sets_can_be_cloned() {
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    let mut select = Select::new();
    let first = select.recv(&receiver);
    select.remove(first);
    let index = select.recv(&receiver);
    let mut other = select.clone();
    assert_eq!(other.try_ready(), Ok(index));
    assert_eq!(other.select().recv(&receiver), Ok(1));
    assert!(select.try_select().is_err());
}

#[test]
fn mistakes_are_named() {
    fn message(mistake: impl FnOnce() + panic::UnwindSafe) -> String {
        let payload = panic::catch_unwind(mistake).unwrap_err();
        match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
        }
    }
    let none = "no operations have been added to `Select`";
    assert_eq!(message(|| drop(Select::new().select())), none);
    assert_eq!(message(|| _ = Select::new().ready()), none);
    assert_eq!(message(|| Select::new().remove(3)), "no operation with this index");
    let channels: [(Sender<i32>, Receiver<i32>); 2] = [bounded(1), bounded(1)];
    let text = message(|| {
        let mut select = Select::new();
        select.send(&channels[0].0);
        select.select().send(&channels[1].0, 1).ok();
    });
    assert_eq!(text, "passed a sender that wasn't selected");
    channels[0].0.send(1).unwrap();
    let text = message(|| {
        let mut select = Select::new();
        select.recv(&channels[0].1);
        select.select().recv(&channels[1].1).ok();
    });
    assert_eq!(text, "passed a receiver that wasn't selected");
    assert_eq!(channels[0].1.try_recv(), Ok(1), "and it is undone");
}

/// As crossbeam's: a set may be made in one place and used in another, and shared to be cloned.
#[test]
fn a_set_goes_to_another_task() {
    matrix(|_| {
        let ((quiet, none), (loud, some)) = (unbounded::<i32>(), unbounded());
        let mut set = Select::new();
        set.recv(&none);
        let index = set.recv(&some);
        loud.send(7).unwrap();
        task::scope(|scope| {
            let shared = &set;
            let copy = scope.spawn(|| shared.clone().try_ready()).join().unwrap();
            assert_eq!(copy, Ok(index));
        });
        let got = task::scope(|scope| {
            let choosing = scope.spawn(|| {
                let chosen = set.select();
                assert_eq!(chosen.index(), index);
                chosen.recv(&some)
            });
            choosing.join().unwrap()
        });
        assert_eq!(got, Ok(7));
        drop(quiet);
        assert_eq!(set.select().recv(&none), Err(RecvError));
    });
}

/// A choice without arms panics where it would wait for ever, also with an endless timeout.
#[test]
fn a_choice_among_nothing_never_hangs() {
    support::bounded(|| {
        let endless: [fn(); 4] = [
            || drop(Select::new().select()),
            || _ = Select::new().ready(),
            || drop(Select::new().select_timeout(Duration::MAX)),
            || _ = Select::new().ready_timeout(Duration::MAX),
        ];
        for choose in endless {
            let payload = catch_unwind(choose).unwrap_err();
            let text = payload.downcast_ref::<&str>();
            assert_eq!(text, Some(&"no operations have been added to `Select`"));
        }
        let mut set = Select::new();
        assert!(set.select_timeout(SOON).is_err() && set.ready_timeout(SOON).is_err());
    });
}
