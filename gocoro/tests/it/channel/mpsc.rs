//! `gocoro::sync::mpsc` does what std's documentation says.

use gocoro::select;
use gocoro::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError, channel,
    sync_channel,
};

use super::{Peer, matrix, spawn};
use crate::support::SOON;

#[test]
fn many_senders_one_receiver() {
    matrix(|peer| {
        let (sender, receiver) = channel();
        let senders: Vec<Peer<()>> = (0..10)
            .map(|number| {
                let sender = sender.clone();
                spawn(peer, move || sender.send(number).unwrap())
            })
            .collect();
        drop(sender);
        let mut received: Vec<i32> = receiver.iter().collect();
        received.sort();
        assert!(received.into_iter().eq(0..10));
        senders.into_iter().for_each(Peer::wait);
        assert_eq!(receiver.recv(), Err(RecvError));
    });
}

#[test]
fn a_bound_holds_the_sender_back() {
    matrix(|peer| {
        let (sender, receiver) = sync_channel(1);
        sender.send(1).unwrap();
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        let sending = spawn(peer, move || sender.send(53));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(53)));
        sending.wait().unwrap();

        let (sender, receiver) = sync_channel(0);
        let sending = spawn(peer, move || sender.send(53));
        assert_eq!(receiver.recv(), Ok(53));
        sending.wait().unwrap();
    });
}

#[test]
fn the_errors_are_stds() {
    let (sender, receiver) = channel::<i32>();
    assert_eq!(receiver.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    drop(sender);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Disconnected));
    let (sender, receiver) = sync_channel(1);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    assert_eq!(sender.try_send(1), Err(TrySendError::Disconnected(1)));
}

#[test]
fn iterators_are_stds() {
    let (sender, receiver) = channel();
    (1..=3).for_each(|n| sender.send(n).unwrap());
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    sender.send(4).unwrap();
    drop(sender);
    assert_eq!((&receiver).into_iter().collect::<Vec<_>>(), [4]);
    assert_eq!(receiver.into_iter().next(), None);
}

#[test]
fn a_receiver_may_be_selected_from() {
    fn next(receiver: &Receiver<i32>) -> Option<i32> {
        select! {
            recv(receiver) -> number => number.ok(),
            default => None,
        }
    }
    let (sender, receiver) = channel();
    assert_eq!(next(&receiver), None);
    sender.send(1).unwrap();
    assert_eq!(next(&receiver), Some(1));
}
