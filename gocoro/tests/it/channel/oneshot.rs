//! A oneshot channel carries one message, or says that none will come.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{RecvError, RecvTimeoutError, TryRecvError, after, oneshot};
use gocoro::select;

use super::{Counted, live, matrix, spawn};
use crate::support::{NEVER, SOON};

#[test]
fn the_message_arrives() {
    matrix(|peer| {
        let (sender, receiver) = oneshot();
        let sending = spawn(peer, move || sender.send(1));
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(sending.wait(), Ok(()));
    });
}

#[test]
fn either_side_may_go() {
    let (sender, receiver) = oneshot::<i32>();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(1));
    matrix(|peer| {
        let (sender, receiver) = oneshot::<i32>();
        let dropping = spawn(peer, move || drop(sender));
        assert_eq!(receiver.recv(), Err(RecvError));
        dropping.wait();
    });
}

#[test]
fn looking_does_not_take() {
    let (sender, receiver) = oneshot();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_timeout(NEVER), Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError));
}

#[test]
fn a_message_that_nobody_takes_is_dropped() {
    let live = live();
    let (sender, receiver) = oneshot();
    sender.send(Counted::new(&live)).unwrap();
    assert_eq!(live.load(SeqCst), 1);
    drop(receiver);
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn it_may_be_selected_from() {
    matrix(|peer| {
        let (sender, receiver) = oneshot();
        let sending = spawn(peer, move || sender.send(1));
        let got = select! {
            recv(receiver) -> message => message,
            recv(after(NEVER)) -> _ => unreachable!(),
        };
        assert_eq!(got, Ok(1));
        sending.wait().unwrap();
    });
}
