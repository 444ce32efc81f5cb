//! Each operation does what its documentation says when nobody is in its way.

use std::time::{Duration, Instant};

use gocoro::channel::{
    self, Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    bounded, unbounded,
};
use gocoro::{go, task};

use super::{matrix, spawn};
use crate::support::{Colour, SOON, on_workers, settle};

#[test]
fn messages_come_in_the_order_sent() {
    for (sender, receiver) in [unbounded(), bounded(100)] {
        (0..100).for_each(|n| sender.send(n).unwrap());
        assert_eq!(receiver.len(), 100);
        (0..100).for_each(|n| assert_eq!(receiver.recv(), Ok(n)));
        assert!(receiver.is_empty());
    }
}

#[test]
fn a_full_channel_gives_the_message_back() {
    let (sender, receiver) = bounded(2);
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Ok(()));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(sender.send_timeout(4, SOON), Err(SendTimeoutError::Timeout(4)));
    assert_eq!(sender.send_deadline(5, Instant::now()), Err(SendTimeoutError::Timeout(5)));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sender.try_send(6), Ok(()));
    assert_eq!(receiver.recv(), Ok(6));
}

#[test]
fn an_empty_channel_says_so_in_time() {
    let (sender, receiver) = bounded::<i32>(1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let before = Instant::now();
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvTimeoutError::Timeout));
    assert!(before.elapsed() >= SOON);
    assert_eq!(receiver.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    sender.send(1).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(1));
}

#[test]
fn counts_say_what_is_there() {
    let (sender, receiver) = bounded(2);
    let state = || (sender.len(), sender.is_empty(), sender.is_full());
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(2), Some(2)));
    assert_eq!(state(), (0, true, false));
    sender.send(()).unwrap();
    assert_eq!(state(), (1, false, false));
    sender.send(()).unwrap();
    assert_eq!(state(), (2, false, true));
    assert_eq!((receiver.len(), receiver.is_empty(), receiver.is_full()), (2, false, true));

    let (sender, receiver) = unbounded::<()>();
    assert_eq!((sender.capacity(), receiver.capacity()), (None, None));
    (0..1000).for_each(|_| sender.send(()).unwrap());
    assert!(!sender.is_full());

    let (sender, receiver) = bounded::<()>(0);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(0), Some(0)));
    assert!(sender.is_empty() && sender.is_full() && receiver.is_empty() && receiver.is_full());
    assert_eq!((sender.len(), receiver.len()), (0, 0));
}

#[test]
fn clones_are_of_one_channel() {
    let (one, at_one) = unbounded::<i32>();
    let (other, at_other) = unbounded::<i32>();
    assert!(one.same_channel(&one.clone()) && !one.same_channel(&other));
    assert!(at_one.same_channel(&at_one.clone()) && !at_one.same_channel(&at_other));
    let never = channel::never::<i32>();
    assert!(never.same_channel(&channel::never()) && !never.same_channel(&at_one));
    let tick = channel::tick(SOON);
    assert!(tick.same_channel(&tick.clone()) && !tick.same_channel(&channel::tick(SOON)));
    assert!(!tick.same_channel(&channel::after(SOON)));
}

#[test]
fn a_receiver_waits_for_a_sender() {
    matrix(|peer| {
        let (sender, receiver) = bounded(1);
        let (ready, waits) = bounded(0);
        let received = spawn(peer, move || {
            ready.send(()).unwrap();
            receiver.recv()
        });
        waits.recv().unwrap();
        sender.send(7).unwrap();
        assert_eq!(received.wait(), Ok(7));
    });
}

#[test]
fn a_sender_waits_for_room() {
    matrix(|peer| {
        let (sender, receiver) = bounded(1);
        sender.send(0).unwrap();
        let sent = spawn(peer, move || sender.send(1));
        assert_eq!(receiver.recv(), Ok(0));
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(sent.wait(), Ok(()));
        assert!(receiver.recv().is_err());
    });
}

#[test]
fn waits_with_time_end_by_the_other_side() {
    matrix(|peer| {
        let (sender, receiver) = bounded(0);
        let long = crate::support::NEVER;
        let sent = spawn(peer, move || sender.send_timeout(1, long));
        assert_eq!(receiver.recv_timeout(long), Ok(1));
        assert_eq!(sent.wait(), Ok(()));
    });
}

#[test]
fn those_who_wait_are_served_in_turn() {
    on_workers(|workers| {
        if workers > 1 {
            return;
        }
        let (sender, receiver) = unbounded();
        let (log, order) = unbounded();
        let waiting: Vec<_> = (0..5)
            .map(|number| {
                let (receiver, log) = (receiver.clone(), log.clone());
                let task = go!({ log.send((number, receiver.recv().unwrap())).unwrap() });
                settle();
                task
            })
            .collect();
        (0..5).for_each(|message| sender.send(message).unwrap());
        waiting.into_iter().for_each(|task| task.wait());
        let served: Vec<_> = order.try_iter().collect();
        let mut sorted = served.clone();
        sorted.sort();
        assert_eq!(sorted, (0..5).map(|n| (n, n)).collect::<Vec<_>>());
    });
}

#[test]
fn iterators_end_with_the_senders() {
    matrix(|peer| {
        let (sender, receiver) = bounded(3);
        let sending = spawn(peer, move || (0..10).for_each(|n| sender.send(n).unwrap()));
        assert_eq!((&receiver).into_iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
        let mut rest = receiver.into_iter();
        assert_eq!(rest.by_ref().sum::<i32>(), (3..10).sum::<i32>());
        assert_eq!(rest.next(), None);
        sending.wait();
    });
}

#[test]
fn many_operations_in_a_row_let_others_run() {
    on_workers(|_| {
        let (sender, receiver) = unbounded();
        let other = go!(sender.send(()));
        while receiver.try_recv().is_err() {}
        other.wait().unwrap();

        let (sender, receiver) = unbounded();
        let other = go!(receiver.recv());
        while !other.is_finished() {
            sender.send(()).ok();
        }
        drop(other);
        task::yield_now();
    });
}

#[test]
fn sides_show_their_state() {
    let (sender, receiver) = bounded::<i32>(4);
    let _clone = sender.clone();
    sender.send(1).unwrap();
    let state = "{ len: 1, capacity: Some(4), senders: 2, receivers: 1 }";
    assert_eq!(format!("{sender:?}"), format!("Sender {state}"));
    assert_eq!(format!("{receiver:?}"), format!("Receiver {state}"));
}

#[test]
fn what_is_large_or_has_no_size_goes_through() {
    fn through<T: PartialEq + Clone + std::fmt::Debug>(
        (sender, receiver): (Sender<T>, Receiver<T>),
        message: T,
    ) {
        sender.send(message.clone()).unwrap();
        assert_eq!(receiver.recv(), Ok(message));
    }
    through(unbounded(), ());
    through(bounded(1), [7_u8; 10_000]);
    through(bounded(1), Some(Box::new(1)));
}

/// The largest number is a bound as others are.
#[test]
fn a_bound_may_be_as_large_as_there_are() {
    let (sender, receiver) = bounded(usize::MAX);
    assert_eq!(sender.capacity(), Some(usize::MAX - 1));
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
}

/// A sender of six messages and its receiver on one worker: how many operations each run of one of
/// them completes before the other's next.
fn runs(capacity: usize) -> Vec<usize> {
    Colour::Task.run(1, move || {
        let (log, events) = unbounded();
        let (sender, receiver) = bounded(capacity);
        let sending = go!(clone(log) => {
            for n in 0..6 {
                sender.send(n).unwrap();
                log.send('s').unwrap();
            }
        });
        let receiving = go!({
            let received = receiver.iter().inspect(|_| log.send('r').unwrap());
            received.sum::<i32>()
        });
        assert_eq!(receiving.wait(), 15);
        sending.wait();
        let events: Vec<_> = events.iter().collect();
        assert_eq!(events.len(), 12);
        events.chunk_by(|one, next| one == next).map(<[char]>::len).collect()
    })
}

/// A receiver that waits takes a message past the buffer, and one that receives brings the next
/// sender's message into it: with room for one, up to three pass before a side has to wait. With
/// room for all, no side waits.
#[test]
fn a_sender_waits_for_room_and_no_more() {
    let narrow = runs(1);
    assert!((4..=12).contains(&narrow.len()), "{narrow:?}");
    assert!(narrow.iter().all(|&run| run <= 3), "{narrow:?}");
    assert_eq!(runs(6), [6, 6]);
}
