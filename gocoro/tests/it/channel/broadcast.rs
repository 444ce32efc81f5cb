//! A broadcast channel gives every message to every receiver, and tells the slow ones what they
//! missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::channel::broadcast::{RecvError, RecvTimeoutError, TryRecvError};
use gocoro::channel::{SendError, broadcast};
use gocoro::select;

use super::{Counted, Peer, live, matrix, spawn};
use crate::support::{NEVER, SOON};

#[test]
fn every_receiver_gets_everything() {
    matrix(|peer| {
        let (sender, first) = broadcast(100);
        let receivers: Vec<Peer<Vec<i32>>> = (0..4)
            .map(|_| {
                let receiver = sender.subscribe();
                spawn(peer, move || {
                    let next = || receiver.recv().ok();
                    std::iter::from_fn(next).collect()
                })
            })
            .collect();
        assert_eq!(sender.receiver_count(), 5);
        for number in 0..100 {
            assert_eq!(sender.send(number), Ok(5));
        }
        drop(sender);
        for receiver in receivers {
            assert!(receiver.wait().into_iter().eq(0..100));
        }
        assert_eq!(first.len(), 100);
    });
}

#[test]
fn a_slow_receiver_is_told_what_it_lost() {
    let (sender, receiver) = broadcast(3);
    (0..10).for_each(|number| assert!(sender.send(number).is_ok()));
    assert_eq!(receiver.len(), 10);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(7)));
    assert_eq!(receiver.try_recv(), Ok(7));
    sender.send(10).unwrap();
    sender.send(11).unwrap();
    assert_eq!(receiver.recv_timeout(NEVER), Err(RecvTimeoutError::Lagged(1)));
    assert_eq!((receiver.recv(), receiver.recv(), receiver.recv()), (Ok(9), Ok(10), Ok(11)));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    drop(sender);
    assert_eq!(receiver.recv(), Err(RecvError::Closed));
}

#[test]
fn who_subscribes_gets_what_is_sent_later() {
    let (sender, receiver) = broadcast(4);
    sender.send(1).unwrap();
    let late = sender.subscribe();
    let later = receiver.resubscribe();
    sender.send(2).unwrap();
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
    assert_eq!((late.recv(), later.recv()), (Ok(2), Ok(2)));
    assert!(receiver.same_channel(&late) && sender.is_empty());
}

#[test]
fn without_receivers_a_message_comes_back() {
    let (sender, receiver) = broadcast(4);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let receiver = sender.subscribe();
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(receiver.recv(), Ok(2));
}

#[test]
fn messages_are_dropped_when_all_have_them_or_are_gone() {
    #[derive(Clone)]
    struct Shared(#[allow(dead_code)] Arc<Counted>);
    let live = live();
    let (sender, first) = broadcast(2);
    let second = sender.subscribe();
    for _ in 0..3 {
        assert!(sender.send(Shared(Arc::new(Counted::new(&live)))).is_ok());
    }
    assert_eq!(live.load(SeqCst), 2);
    assert!(first.recv().is_err());
    drop(first.recv());
    assert_eq!(live.load(SeqCst), 2);
    drop(second);
    assert_eq!(live.load(SeqCst), 1);
    drop(first);
    assert_eq!((live.load(SeqCst), sender.len()), (0, 0));
}

#[test]
fn the_last_receiver_of_a_message_does_not_clone_it() {
    struct Cloned(Arc<AtomicUsize>);
    impl Clone for Cloned {
        fn clone(&self) -> Cloned {
            self.0.fetch_add(1, SeqCst);
            Cloned(self.0.clone())
        }
    }
    let clones = Arc::new(AtomicUsize::new(0));
    let (sender, first) = broadcast(1);
    let second = sender.subscribe();
    assert!(sender.send(Cloned(clones.clone())).is_ok());
    drop((first.recv(), second.recv()));
    assert_eq!(clones.load(SeqCst), 1);
}

#[test]
fn it_may_be_selected_from() {
    matrix(|peer| {
        let (sender, receiver) = broadcast(1);
        let sending = spawn(peer, move || (0..3).for_each(|n| assert!(sender.send(n).is_ok())));
        let (mut count, mut lost) = (0, 0);
        loop {
            select! {
                recv(receiver) -> message => match message {
                    Ok(_) => count += 1,
                    Err(RecvError::Lagged(messages)) => lost += messages,
                    Err(RecvError::Closed) => break,
                },
                default(NEVER) => unreachable!(),
            }
        }
        assert_eq!(count + lost, 3);
        sending.wait();
    });
}

#[test]
#[should_panic = "needs room for one message"]
fn no_room_is_refused() {
    broadcast::<i32>(0);
}
