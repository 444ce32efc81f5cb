//! A watch channel shows its receivers the latest value.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{RecvError, RecvTimeoutError, SendError, watch};
use gocoro::select;

use super::{Counted, Peer, live, matrix, spawn};
use crate::support::{NEVER, SOON, settle};

#[test]
fn receivers_see_the_latest() {
    let (sender, receiver) = watch(0);
    assert_eq!(receiver.has_changed(), Ok(false));
    (1..=5).for_each(|number| sender.send(number).unwrap());
    assert_eq!((*receiver.borrow(), receiver.get(), *sender.borrow()), (5, 5, 5));
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(receiver.changed(), Ok(()));
    assert_eq!(receiver.changed_timeout(SOON), Err(RecvTimeoutError::Timeout));
    sender.send(6).unwrap();
    assert_eq!(*receiver.borrow_and_update(), 6);
    assert_eq!(receiver.has_changed(), Ok(false));
}

#[test]
fn all_who_wait_are_woken() {
    matrix(|peer| {
        let (sender, receiver) = watch(0);
        let waiting: Vec<Peer<_>> = (0..8)
            .map(|_| {
                let receiver = receiver.clone();
                spawn(peer, move || receiver.changed().map(|()| receiver.get()))
            })
            .collect();
        settle();
        sender.send(1).unwrap();
        for waiting in waiting {
            assert_eq!(waiting.wait(), Ok(1));
        }
    });
}

#[test]
fn the_last_value_outlives_its_sender() {
    matrix(|peer| {
        let (sender, receiver) = watch(0);
        let sending = spawn(peer, move || sender.send(1));
        assert_eq!(receiver.wait_for(|&value| value == 1).map(|value| *value), Ok(1));
        sending.wait().unwrap();
        assert_eq!(receiver.changed(), Err(RecvError));
        assert_eq!(receiver.has_changed(), Err(RecvError));
        assert_eq!(receiver.wait_for(|&value| value == 2).map(|value| *value), Err(RecvError));
        assert_eq!(receiver.get(), 1);
    });
}

#[test]
fn without_receivers_a_value_comes_back() {
    let (sender, receiver) = watch(0);
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(1), Err(SendError(1)));
    assert_eq!(*sender.send_replace(2), 0);
    let receiver = sender.subscribe();
    assert_eq!((receiver.get(), receiver.has_changed()), (2, Ok(false)));
}

#[test]
fn what_was_borrowed_stays() {
    let live = live();
    let (sender, receiver) = watch((1, Counted::new(&live)));
    let old = receiver.borrow();
    sender.send((2, Counted::new(&live))).unwrap();
    assert_eq!((old.0, receiver.borrow().0, live.load(SeqCst)), (1, 2, 2));
    drop(old);
    assert_eq!(live.load(SeqCst), 1);
    drop((sender, receiver));
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn it_may_be_selected_on() {
    matrix(|peer| {
        let (sender, receiver) = watch(0);
        let changing = spawn(peer, move || sender.send(1));
        select! {
            wait(receiver) -> changed => assert_eq!(changed, Ok(())),
            default(NEVER) => unreachable!(),
        }
        assert_eq!(receiver.get(), 1);
        changing.wait().unwrap();
    });
}
