//! Each kind of arm waits for what it names.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gocoro::channel::{
    Receiver, RecvError, SendError, after, at, bounded, never, oneshot, tick, unbounded,
};
use gocoro::sync::mpsc;
use gocoro::{go, select, select_biased, task};

use crate::channel::{matrix, spawn};
use crate::support::{NEVER, SOON, on_workers};

#[test]
fn a_receive() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let sending = spawn(peer, move || sender.send(1));
            let silent = never::<i32>();
            let got = select! {
                recv(silent) -> _ => unreachable!(),
                recv(receiver) -> got => got,
            };
            assert_eq!(got, Ok(1));
            sending.wait().unwrap();
            let end = select! {
                recv(receiver) -> got => got,
                recv(silent) -> _ => unreachable!(),
            };
            assert_eq!(end, Err(RecvError));
        }
    });
}

#[test]
fn a_send() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            (0..capacity).for_each(|n| sender.send(n).unwrap());
            let receiving = spawn(peer, move || receiver.iter().last());
            let silent = never::<i32>();
            select! {
                recv(silent) -> _ => unreachable!(),
                send(sender, 7) -> sent => assert_eq!(sent, Ok(())),
            }
            drop(sender);
            assert_eq!(receiving.wait(), Some(7));
        }
        let (sender, receiver) = bounded(0);
        let dropping = spawn(peer, move || drop(receiver));
        let sent = select!(send(sender, 8) -> sent => sent);
        assert_eq!(sent, Err(SendError(8)));
        dropping.wait();
    });
}

#[test]
fn a_send_and_a_receive_of_two_choices_meet() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let quiet = bounded::<u32>(0);
        let quiet_too = quiet.clone();
        let sending = spawn(peer, move || {
            for n in 0..100 {
                select! {
                    recv(quiet_too.1) -> _ => unreachable!(),
                    send(sender, n) -> sent => sent.unwrap(),
                }
            }
        });
        for n in 0..100 {
            select! {
                recv(receiver) -> got => assert_eq!(got, Ok(n)),
                recv(quiet.1) -> _ => unreachable!(),
            }
        }
        sending.wait();
    });
}

/// Both sides of one channel in one choice: it does not meet itself.
#[test]
fn a_choice_does_not_meet_itself() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        select! {
            send(sender, 1) -> _ => unreachable!(),
            recv(receiver) -> _ => unreachable!(),
            default(SOON) => {}
        }
        let both = |sender: &gocoro::channel::Sender<i32>, receiver: &Receiver<i32>| {
            select! {
                send(sender, 1) -> sent => sent.map(|()| 0).unwrap(),
                recv(receiver) -> got => got.unwrap(),
            }
        };
        let (far, near) = (sender.clone(), receiver.clone());
        let other = spawn(peer, move || both(&far, &near));
        let one = both(&sender, &receiver);
        assert_eq!(one + other.wait(), 1);
    });
}

#[test]
fn a_task() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        let mut handle = go!({
            receiver.recv().unwrap();
            "ended"
        });
        select! {
            join(&mut handle) -> _ => unreachable!("it waits"),
            default => {}
        }
        select! {
            join(&mut handle) -> _ => unreachable!("it waits"),
            send(sender, ()) -> sent => sent.unwrap(),
        }
        let ended = select! {
            join(&mut handle) -> ended => ended.unwrap(),
            default(NEVER) => unreachable!(),
        };
        assert_eq!(ended, "ended");

        let mut failing = go!({ panic!("no") });
        let failing = &mut failing;
        let error: task::JoinError = select!(join(failing) -> ended => ended.unwrap_err());
        assert_eq!(error.downcast_ref(), Some(&"no"));
    });
}

#[test]
fn a_task_from_a_plain_thread() {
    crate::support::bounded(|| {
        let (sender, receiver) = bounded::<()>(0);
        let mut handle = go!({ receiver.recv() });
        select! {
            join(&mut handle) -> _ => unreachable!("it waits"),
            default(SOON) => {}
        }
        drop(sender);
        select!(join(&mut handle) -> ended => assert_eq!(ended.unwrap(), Err(RecvError)));
    });
}

#[test]
fn of_two_tasks_the_first_to_end() {
    on_workers(|_| {
        let (sender, receiver) = bounded::<()>(0);
        let (mut slow, mut fast) = (go!(receiver.recv()), go!({ 1 }));
        let first = select! {
            join(&mut slow) -> _ => 0,
            join(&mut fast) -> value => value.unwrap(),
        };
        assert_eq!(first, 1);
        drop(sender);
        // Its node was taken back: the handle joins as ever.
        assert!(slow.wait().is_err());
    });
}

#[test]
fn time() {
    matrix(|_| {
        let start = Instant::now();
        let due = start + SOON;
        select! {
            recv(at(due)) -> at => assert_eq!(at, Ok(due)),
            recv(after(NEVER)) -> _ => unreachable!(),
            recv(never::<()>()) -> _ => unreachable!(),
        }
        assert!(Instant::now() >= due);
        let ticks = tick(SOON);
        for _ in 0..3 {
            select! {
                recv(ticks) -> tick => assert!(tick.unwrap() <= Instant::now()),
                default(NEVER) => unreachable!(),
            }
        }
        let start = Instant::now();
        select! {
            recv(after(NEVER)) -> _ => unreachable!(),
            default(SOON) => assert!(start.elapsed() >= SOON),
        }
        select! {
            recv(after(SOON)) -> _ => {}
            default(Duration::MAX) => unreachable!(),
        }
    });
}

#[test]
fn whatever_is_selectable() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let sending = spawn(peer, move || sender.send(1));
        select!(wait(receiver) -> got => assert_eq!(got, Ok(1)));
        sending.wait().unwrap();
    });
    on_workers(|_| {
        let mut handle = go!({ 1 });
        select!(wait(&mut handle) -> ended => assert_eq!(ended.unwrap(), 1));
    });
}

#[test]
fn sources_of_many_shapes() {
    struct Holder {
        receiver: Receiver<i32>,
    }
    let (sender, receiver) = unbounded();
    (0..20).for_each(|n| sender.send(n).unwrap());
    let (one, arc, rc, boxed) = (
        &receiver,
        Arc::new(receiver.clone()),
        Rc::new(receiver.clone()),
        Box::new(receiver.clone()),
    );
    let holder = Holder { receiver: receiver.clone() };
    let list = [receiver.clone()];
    let got = [
        select!(recv(receiver) -> n => n),
        select!(recv(&receiver) -> n => n),
        select!(recv(one) -> n => n),
        select!(recv(&one) -> n => n),
        select!(recv(arc) -> n => n),
        select!(recv(rc) -> n => n),
        select!(recv(boxed) -> n => n),
        select!(recv(holder.receiver) -> n => n),
        select!(recv(list[0]) -> n => n),
        select!(recv(list.first().unwrap()) -> n => n),
        select!(recv(receiver.clone()) -> n => n),
        select!(recv(if list.is_empty() { &never() } else { &receiver }) -> n => n),
    ];
    assert!(got.into_iter().map(Result::unwrap).eq(0..12));
    let exclusive = &mut receiver.clone();
    sender.send(20).unwrap();
    sender.send(21).unwrap();
    let rest = exclusive.try_iter().count();
    (0..4).for_each(|n| sender.send(n).unwrap());
    let got = [
        select!(recv(exclusive) -> n => n),
        select!(recv(*exclusive) -> n => n),
        select!(wait(exclusive) -> n => n),
        select!(recv(&mut *exclusive) -> n => n),
    ];
    assert!(rest == 10 && got.into_iter().map(Result::unwrap).eq(0..4));
    let (sender, arc) = (&sender, Arc::new(sender.clone()));
    select!(send(sender, 1) -> sent => sent.unwrap());
    select!(send(arc, 1) -> sent => sent.unwrap());
    select!(send(&sender, 1) -> sent => sent.unwrap());
}

#[test]
fn receivers_of_many_kinds() {
    on_workers(|_| {
        let (once, one) = oneshot();
        let (standard, std) = mpsc::channel();
        once.send('o').unwrap();
        standard.send('m').unwrap();
        let mut got: Vec<char> = (0..2)
            .map(|_| {
                select! {
                    recv(one) -> message => message.unwrap(),
                    recv(std) -> message => message.unwrap(),
                }
            })
            .take(1)
            .collect();
        // One that has given its message has ended.
        got.push(match got[0] {
            'o' => std.try_recv().unwrap(),
            _ => one.try_recv().unwrap(),
        });
        got.sort();
        assert_eq!(got, ['m', 'o']);
    });
}

#[test]
fn the_default() {
    let (sender, receiver) = bounded(1);
    let look = || {
        select! {
            recv(receiver) -> n => n.ok(),
            default => None,
        }
    };
    assert_eq!(look(), None);
    sender.send(1).unwrap();
    assert_eq!(look(), Some(1));
    assert_eq!(select!(default => 1), 1);
    assert_eq!(select!(default() => 1), 1);
    assert_eq!(select!(default(SOON) => 1), 1);
    assert_eq!(select_biased!(default => 1), 1);
}
