//! Channels do what crossbeam-channel documents, where no neighbour of this file has it.

use std::error::Error;
use std::fmt::Debug;
use std::iter::FusedIterator;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use gocoro::channel::{
    Receiver, RecvError, RecvTimeoutError, Select, SendError, SendTimeoutError, Sender,
    TryRecvError, TrySendError, after, at, bounded, never, tick, unbounded,
};
use gocoro::{select, select_biased, task};

use super::{Counted, Peer, live, matrix, spawn};
use crate::support::{NEVER, SOON, until};

const WAYS: usize = 14;

/// Receives in one of the ways, none of which has to wait when there is a message or the end.
fn receive(receiver: &Receiver<usize>, way: usize) -> Result<usize, RecvError> {
    let mut set = Select::new();
    set.recv(receiver);
    match way {
        0 => receiver.recv(),
        1 => receiver.try_recv().map_err(end),
        2 => receiver.recv_timeout(Duration::ZERO).map_err(end),
        3 => receiver.recv_deadline(Instant::now()).map_err(end),
        4 => receiver.iter().next().ok_or(RecvError),
        5 => receiver.try_iter().next().ok_or(RecvError),
        6 => select!(recv(receiver) -> got => got),
        7 => select!(recv(receiver) -> got => got, default => unreachable!()),
        8 => select!(recv(receiver) -> got => got, default(Duration::ZERO) => unreachable!()),
        9 => set.select().recv(receiver),
        10 => set.try_select().unwrap().recv(receiver),
        11 => set.select_timeout(Duration::ZERO).unwrap().recv(receiver),
        12 => set.select_deadline(Instant::now()).unwrap().recv(receiver),
        _ => {
            assert_eq!(set.ready(), 0);
            receiver.recv()
        }
    }
}

/// The error has to be the end, and not the lack of a message.
fn end<E: From<RecvError> + PartialEq + Debug>(error: E) -> RecvError {
    assert_eq!(error, E::from(RecvError));
    RecvError
}

fn panics(mistake: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(mistake)).is_err()
}

/// No clones are needed, and messages may borrow.
#[test]
fn sides_are_shared_by_reference() {
    matrix(|_| {
        let text = String::from("there");
        let (sender, receiver) = bounded(0);
        task::scope(|scope| {
            let child = scope.spawn(|| (receiver.recv(), sender.send("back")));
            sender.send(&text[..]).unwrap();
            assert_eq!(receiver.recv(), Ok("back"));
            assert_eq!(child.join().unwrap(), (Ok("there"), Ok(())));
        });
    });
}

#[test]
fn each_way_to_receive_takes_what_is_left_and_meets_the_end() {
    for way in 0..WAYS {
        for capacity in [None, Some(0), Some(2)] {
            let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
            let count = capacity.unwrap_or(3);
            (0..count).for_each(|n| sender.send(n).unwrap());
            drop(sender);
            (0..count).for_each(|n| assert_eq!(receive(&receiver, way), Ok(n)));
            (0..2).for_each(|_| assert_eq!(receive(&receiver, way), Err(RecvError)));
        }
    }
}

/// Each puts one in before it takes one out, so there is always room, and a message for everybody.
#[test]
fn who_sends_first_finds_something() {
    const SIDES: usize = 4;
    matrix(|peer| {
        for (sender, receiver) in [unbounded(), bounded(SIDES)] {
            let side = |side: usize| {
                let (sender, receiver) = (sender.clone(), receiver.clone());
                spawn(peer, move || {
                    for round in 0..10 * WAYS {
                        sender.try_send(round).unwrap();
                        receive(&receiver, (round + side) % WAYS).unwrap();
                    }
                })
            };
            let sides: Vec<Peer<()>> = (0..SIDES).map(side).collect();
            sides.into_iter().for_each(Peer::wait);
            assert!(receiver.is_empty());
        }
    });
}

#[test]
fn what_needs_no_wait_is_done_although_the_time_is_up() {
    let past = Instant::now();
    let (sender, receiver) = bounded(5);
    assert_eq!(sender.send_timeout(0, Duration::ZERO), Ok(()));
    assert_eq!(sender.send_deadline(1, past), Ok(()));
    select!(send(sender, 2) -> sent => sent.unwrap(), default(Duration::ZERO) => unreachable!());
    let mut set = Select::new();
    set.send(&sender);
    assert_eq!(set.select_timeout(Duration::ZERO).unwrap().send(&sender, 3), Ok(()));
    assert_eq!(set.select_deadline(past).unwrap().send(&sender, 4), Ok(()));
    assert!(set.select_deadline(past).is_err() && set.ready_timeout(Duration::ZERO).is_err());
    assert!(receiver.try_iter().eq(0..5));
    assert_eq!((set.ready_timeout(Duration::ZERO), set.ready_deadline(past)), (Ok(0), Ok(0)));
    assert_eq!(at(past).recv_timeout(Duration::ZERO), Ok(past));
}

/// One side has no time, and the other more than an instant can say.
#[test]
fn a_meeting_needs_no_time() {
    matrix(|peer| {
        let past = Instant::now();
        let (sender, receiver) = bounded(0);
        let receiving = spawn(peer, move || [(); 2].map(|()| receiver.recv_timeout(Duration::MAX)));
        until(|| sender.send_deadline(1, past).is_ok());
        until(|| select!(send(sender, 2) -> sent => sent.is_ok(), default => false));
        assert_eq!(receiving.wait(), [Ok(1), Ok(2)]);

        let (sender, receiver) = bounded(0);
        let sending = spawn(peer, move || [3, 4].map(|n| sender.send_timeout(n, Duration::MAX)));
        let mut got = Vec::new();
        until(|| {
            got.extend(receiver.recv_timeout(Duration::ZERO));
            select!(recv(receiver) -> n => got.extend(n), default => {});
            got.len() == 2
        });
        assert_eq!((got, sending.wait()), (vec![3, 4], [Ok(()); 2]));
    });
}

/// Also while somebody waits on either side.
#[test]
fn a_meeting_place_is_empty_and_full() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let check = || {
            assert_eq!((sender.len(), receiver.len()), (0, 0));
            assert!(sender.is_empty() && receiver.is_empty());
            assert!(sender.is_full() && receiver.is_full());
        };
        let mut set = Select::new();
        let (send, receive) = (set.send(&sender), set.recv(&receiver));
        let theirs = sender.clone();
        let sending = spawn(peer, move || theirs.send(1));
        assert_eq!(set.ready(), receive);
        check();
        assert_eq!(receiver.recv(), Ok(1));
        sending.wait().unwrap();
        let theirs = receiver.clone();
        let receiving = spawn(peer, move || theirs.recv());
        assert_eq!(set.ready(), send);
        check();
        sender.send(2).unwrap();
        assert_eq!(receiving.wait(), Ok(2));
        check();
    });
}

#[test]
fn iterators_stay_at_their_end_and_one_that_tries_goes_on() {
    fn fused(mut iterator: impl FusedIterator<Item = i32>) -> [Option<i32>; 3] {
        [(); 3].map(|()| iterator.next())
    }
    let (sender, receiver) = unbounded();
    let mut trying = receiver.try_iter();
    assert_eq!(trying.next(), None);
    sender.send(1).unwrap();
    assert_eq!(trying.next(), Some(1));
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(fused(receiver.iter()), [Some(2), None, None]);
    assert_eq!(fused(receiver.into_iter()), [None; 3]);
}

#[test]
fn an_iterator_that_owns_its_receiver_ends_it() {
    let live = live();
    let (sender, receiver) = unbounded();
    (0..3).for_each(|_| sender.send(Counted::new(&live)).unwrap());
    assert!(receiver.into_iter().next().is_some());
    assert_eq!(live.load(SeqCst), 0);
    assert!(sender.send(Counted::new(&live)).is_err());
}

#[test]
fn an_index_is_used_once_and_the_lowest_is_preferred_if_asked() {
    let channels = [(); 3].map(|()| unbounded());
    let mut set = Select::new_biased();
    let added: Vec<_> = channels.iter().map(|(_, receiver)| set.recv(receiver)).collect();
    assert_eq!(added, [0, 1, 2]);
    set.remove(0);
    assert!(panics(|| set.remove(0)) && panics(|| set.remove(3)));
    let mut copy = set.clone();
    assert_eq!((set.send(&channels[0].0), copy.recv(&channels[0].1)), (3, 3));
    channels.iter().for_each(|(sender, _)| sender.send(7).unwrap());
    let chosen = set.select();
    assert_eq!((chosen.index(), chosen.recv(&channels[1].1)), (1, Ok(7)));
    assert_eq!((set.try_ready(), copy.try_ready()), (Ok(2), Ok(2)));
    (1..=3).for_each(|index| copy.remove(index));
    assert!(copy.try_select().is_err());
    assert!(panics(|| drop(copy.select())) && panics(|| _ = copy.ready()));
}

#[test]
fn an_operation_may_be_there_several_times() {
    let (sender, receiver) = unbounded();
    let mut set = Select::new();
    (0..2).for_each(|_| _ = set.recv(&receiver));
    (0..2).for_each(|_| _ = set.send(&sender));
    let mut seen = [[false; 2]; 4];
    for n in 0..2000 {
        seen[set.try_ready().unwrap()][0] = true;
        let chosen = set.try_select().unwrap();
        let index = chosen.index();
        seen[index][1] = true;
        match index {
            0 | 1 => _ = chosen.recv(&receiver).unwrap(),
            _ => chosen.send(&sender, n).unwrap(),
        }
    }
    assert!(seen.iter().flatten().all(|&seen| seen), "{seen:?}");
}

#[test]
fn an_operation_that_waits_several_times_is_done_once() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let sending = spawn(peer, move || (0..2).for_each(|n| sender.send(n).unwrap()));
        let got = select!(recv(receiver) -> n => n, recv(receiver) -> n => n);
        assert_eq!((got, receiver.recv(), receiver.recv()), (Ok(0), Ok(1), Err(RecvError)));
        sending.wait();
    });
}

/// Not a clone of it, and not the other side; and the mistake does nothing.
#[test]
fn only_the_very_end_that_was_added_completes() {
    let (sender, receiver) = bounded(1);
    let (sender_too, receiver_too) = (sender.clone(), receiver.clone());
    let mut set = Select::new();
    set.send(&sender);
    assert!(panics(|| _ = set.select().send(&sender_too, 1)));
    assert!(panics(|| _ = set.select().recv(&receiver)));
    assert_eq!(sender.try_send(2), Ok(()));
    let mut set = Select::new();
    set.recv(&receiver);
    assert!(panics(|| _ = set.select().recv(&receiver_too)));
    assert!(panics(|| _ = set.select().send(&sender, 3)));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [2]);
}

/// It outlives its set, and costs its message and nothing else.
#[test]
fn a_chosen_operation_may_be_forgotten() {
    let live = live();
    let (sender, receiver) = bounded(1);
    sender.send(Counted::new(&live)).unwrap();
    let chosen = {
        let mut set = Select::new();
        set.recv(&receiver);
        set.select()
    };
    mem::forget(chosen);
    assert!(sender.try_send(Counted::new(&live)).is_ok());
    assert!(receiver.recv().is_ok() && receiver.try_recv().is_err());
    assert_eq!(live.load(SeqCst), 1);
    drop((sender, receiver));
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn a_waiting_set_learns_of_the_end() {
    matrix(|peer| {
        let (_silent, quiet) = unbounded::<()>();
        let ((far, receiver), (sender, near)) = (bounded::<i32>(1), bounded(0));
        let ending = spawn(peer, move || drop((far, near)));
        let mut set = Select::new();
        set.recv(&quiet);
        let (receive, send) = (set.recv(&receiver), set.send(&sender));
        assert_ne!(set.ready_timeout(Duration::MAX), Ok(0));
        for _ in 0..2 {
            let chosen = set.select_timeout(Duration::MAX).unwrap();
            let index = chosen.index();
            if index == receive {
                assert_eq!(chosen.recv(&receiver), Err(RecvError));
            } else {
                assert_eq!((index, chosen.send(&sender, "late")), (send, Err(SendError("late"))));
            }
            set.remove(index);
        }
        ending.wait();
    });
}

/// An ended channel is always ready: it is taken out, so that the others are chosen.
#[test]
fn a_set_shrinks_as_its_channels_end() {
    matrix(|peer| {
        let receivers = [0, 20, 40, 60].map(|first| {
            let (sender, receiver) = bounded(first % 3);
            let mut numbers = first..first + 20;
            drop(spawn(peer, move || numbers.try_for_each(|n| sender.send(n))));
            receiver
        });
        let mut set = Select::new();
        receivers.iter().for_each(|receiver| _ = set.recv(receiver));
        let (mut got, mut left) = (Vec::new(), receivers.len());
        while left > 0 {
            let chosen = set.select();
            let index = chosen.index();
            if let Ok(number) = chosen.recv(&receivers[index]) {
                got.push(number);
            } else {
                set.remove(index);
                left -= 1;
            }
        }
        got.sort();
        assert!(got.into_iter().eq(0..80));
        assert!(set.try_select().is_err());
    });
}

/// Another may have been faster, so whoever is told tries, and waits again.
#[test]
fn those_who_are_told_compete() {
    fn all(receiver: &Receiver<i32>) -> Vec<i32> {
        let (mut set, mut got) = (Select::new(), Vec::new());
        set.recv(receiver);
        loop {
            set.ready();
            match receiver.try_recv() {
                Ok(number) => got.push(number),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return got,
            }
        }
    }
    matrix(|peer| {
        let (sender, receiver) = bounded(1);
        let receivers = [(); 3].map(|()| receiver.clone());
        let receiving = receivers.map(|receiver| spawn(peer, move || all(&receiver)));
        (0..60).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        let mut got: Vec<i32> = receiving.into_iter().flat_map(Peer::wait).collect();
        got.sort();
        assert!(got.into_iter().eq(0..60));
    });
}

/// The bounds are instants read around what is measured, so a slow machine changes nothing.
#[test]
fn a_late_message_says_when_it_was_due_and_moves_the_next_tick() {
    let before = Instant::now();
    let (once, ticks, none) = (after(SOON), tick(SOON), never::<i32>());
    let due = before + SOON..=Instant::now() + SOON;
    let mut set = Select::new();
    set.recv(&none);
    set.recv(&once);
    assert_eq!(set.ready(), 1);
    until(|| ticks.is_full());
    assert_eq!((once.len(), ticks.len(), ticks.capacity()), (1, 1, Some(1)));
    assert!(due.contains(&once.recv().unwrap()) && set.try_ready().is_err());
    let before = Instant::now();
    assert!(due.contains(&ticks.try_recv().unwrap()));
    let next = before + SOON..=Instant::now() + SOON;
    assert!(next.contains(&ticks.recv().unwrap()));
    assert!(once.same_channel(&once.clone()) && !once.same_channel(&after(SOON)));
}

#[test]
fn a_source_may_be_missing() {
    static NONE: Receiver<i32> = never();
    let next = |source: Option<&Receiver<i32>>| {
        select! {
            recv(source.unwrap_or(&NONE)) -> number => number.ok(),
            recv(source.cloned().unwrap_or_else(never)) -> number => number.ok(),
            default => None,
        }
    };
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    assert_eq!((next(None), next(Some(&receiver)), next(Some(&receiver))), (None, Some(1), None));
}

/// Whatever the message is: it need be neither `Debug` nor `Clone`.
#[test]
fn errors_are_errors() {
    struct Plain;
    fn fill(sender: &Sender<Plain>) -> Result<(), Box<dyn Error + Send + Sync>> {
        sender.send(Plain)?;
        sender.try_send(Plain)?;
        sender.send_timeout(Plain, SOON)?;
        Ok(())
    }
    let (sender, receiver) = bounded(2);
    assert_eq!(fill(&sender).unwrap_err().to_string(), "timed out waiting on send operation");
    drop(receiver);
    assert_eq!(fill(&sender).unwrap_err().to_string(), "sending on a disconnected channel");

    fn value(_: impl Copy + Eq) {}
    value((SendError(1), TrySendError::Full(1), SendTimeoutError::Timeout(1)));
    value((RecvError, TryRecvError::Empty, RecvTimeoutError::Timeout));
    assert!(!TrySendError::Full(1).is_disconnected() && !TrySendError::Disconnected(1).is_full());
    let sent = SendTimeoutError::Disconnected(1);
    let (tried, timed) = (TryRecvError::Disconnected, RecvTimeoutError::Disconnected);
    assert!(sent.is_disconnected() && tried.is_disconnected() && timed.is_disconnected());
    assert!(!sent.is_timeout() && !tried.is_empty() && !timed.is_timeout());
}

/// Commas after last arguments, `default` anywhere, references to references, shadowed names.
#[test]
fn arms_may_be_written_in_many_ways() {
    let (sender, receiver) = bounded(2);
    select! {
        default(NEVER,) => unreachable!(),
        recv(never::<()>(),) -> _ => unreachable!(),
        send(&&&sender, (1, 'a'),) -> _ => {},
    }
    let got = select_biased! {
        recv(&&&&receiver,) -> receiver => receiver.map(|(number, _)| number).ok(),
        default() => None
    };
    assert_eq!(got, Some(1));
    sender.send((2, 'b')).unwrap();
    let got = select! {
        default => None,
        recv(receiver) -> mut got => got.as_mut().map(|pair| pair.1).ok(),
    };
    assert_eq!(got, Some('b'));
}
