//! Once one side is gone, the other gets what is left, and then an error.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError, bounded,
    unbounded,
};
use gocoro::{go, task};

use super::{Counted, Peer, live, matrix, spawn};
use crate::support::{NEVER, on_drop, on_workers, settle, until};

#[test]
fn what_was_sent_is_received_then_the_end() {
    for capacity in [None, Some(3)] {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        (0..3).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(receiver.recv(), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(receiver.recv_timeout(NEVER), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn without_receivers_messages_come_back() {
    for capacity in [None, Some(0), Some(1)] {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        drop(receiver);
        assert_eq!(sender.send(1), Err(SendError(1)));
        assert_eq!(sender.try_send(2), Err(TrySendError::Disconnected(2)));
        assert_eq!(sender.send_timeout(3, NEVER), Err(SendTimeoutError::Disconnected(3)));
    }
}

#[test]
fn only_the_last_of_a_side_closes_it() {
    let (sender, receiver) = unbounded();
    drop(sender.clone());
    drop(receiver.clone());
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
    let other = sender.clone();
    drop(sender);
    other.send(2).unwrap();
    drop(other);
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(2), Err(RecvError)));
}

/// Closing wakes all who wait, on either side.
#[test]
fn the_end_wakes_every_receiver() {
    matrix(|peer| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded::<i32>(capacity);
            let waiting: Vec<Peer<_>> = (0..8)
                .map(|number| {
                    let receiver = receiver.clone();
                    spawn(peer, move || match number % 2 {
                        0 => receiver.recv().is_err(),
                        _ => receiver.recv_timeout(NEVER) == Err(RecvTimeoutError::Disconnected),
                    })
                })
                .collect();
            task::yield_now();
            drop(sender);
            assert!(waiting.into_iter().all(Peer::wait));
        }
    });
}

#[test]
fn the_end_wakes_every_sender_and_gives_its_message_back() {
    matrix(|peer| {
        let live = live();
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            (0..capacity).for_each(|_| sender.send(Counted::new(&live)).unwrap());
            let waiting: Vec<Peer<_>> = (0..8)
                .map(|_| {
                    let (sender, message) = (sender.clone(), Counted::new(&live));
                    spawn(peer, move || sender.send(message).is_err())
                })
                .collect();
            task::yield_now();
            drop(receiver);
            assert!(waiting.into_iter().all(Peer::wait));
        }
        until(|| live.load(SeqCst) == 0);
    });
}

#[test]
fn messages_are_dropped_with_the_last_receiver() {
    let live = live();
    let (sender, receiver) = unbounded();
    (0..5).for_each(|_| sender.send(Counted::new(&live)).unwrap());
    drop(receiver.recv());
    drop(receiver.clone());
    assert_eq!(live.load(SeqCst), 4);
    drop(receiver);
    assert_eq!(live.load(SeqCst), 0);
    assert!(sender.send(Counted::new(&live)).is_err());
    assert_eq!(live.load(SeqCst), 0);
}

/// A message's destructor runs without the channel's lock: it may use the channel.
#[test]
fn a_message_may_use_its_channel_when_it_is_dropped() {
    matrix(|_| {
        let (sender, receiver) = bounded(4);
        let (note, notes) = unbounded();
        for _ in 0..2 {
            let (own, note) = (sender.clone(), note.clone());
            let message: Box<dyn Send> = Box::new(on_drop(move || {
                note.send((own.len(), own.is_full())).unwrap();
                task::yield_now();
            }));
            assert!(sender.send(message).is_ok());
        }
        drop(receiver);
        drop((sender, note));
        assert_eq!(notes.iter().collect::<Vec<_>>(), [(0, false), (0, false)]);
    });
}

#[test]
fn what_is_left_is_received_after_the_end() {
    on_workers(|_| {
        let (sender, receiver) = bounded(3);
        (0..3).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(receiver.recv(), Err(RecvError));
        let (sender, receiver) = bounded(3);
        drop(receiver);
        assert_eq!(sender.send(1), Err(SendError(1)));
    });
}

#[test]
fn the_end_wakes_all_who_wait() {
    on_workers(|_| {
        let (sender, receiver) = bounded::<i32>(1);
        let receiving: Vec<_> =
            (0..4).map(|_| go!(clone(receiver) => { receiver.recv() })).collect();
        settle();
        drop(sender);
        assert!(receiving.into_iter().all(|task| task.wait().is_err()));

        let (sender, receiver) = bounded(1);
        sender.send(0).unwrap();
        let sending: Vec<_> = (1..5).map(|n| go!(clone(sender) => { sender.send(n) })).collect();
        settle();
        drop(receiver);
        let back: Vec<_> = sending.into_iter().map(|task| task.wait().unwrap_err().0).collect();
        assert_eq!(back, [1, 2, 3, 4]);
    });
}
