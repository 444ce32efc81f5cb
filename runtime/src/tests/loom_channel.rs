//! Channels and choices, by their public operations on plain threads: the hand-over of a message,
//! the end of a side, places that are reserved and given up, and that a choice does exactly one
//! thing.

use loom::thread::{self, JoinHandle};

use crate::channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use crate::select::{self, Limit, Order};

/// `select! { send(sender, message) }`, or one whose message is never made.
fn choose_to_send(sender: &Sender<u32>, message: Option<u32>) -> bool {
    let arm = select::send(sender);
    select::run([&arm], Order::Listed, Limit::Never);
    let right = select::outcome(select::take(arm));
    message.is_some_and(|message| right.send(message).is_ok())
}

/// `select! { recv(one), recv(other) }`
fn choose_to_receive(one: &Receiver<u32>, other: &Receiver<u32>, limit: Limit) -> Option<u32> {
    let arms = (select::recv(one), select::recv(other));
    let received = match select::run([&arms.0, &arms.1], Order::Listed, limit) {
        0 => select::outcome(select::take(arms.0)),
        1 => select::outcome(select::take(arms.1)),
        _ => return None,
    };
    received.ok()
}

fn spawn<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    thread::spawn(body)
}

#[test]
fn loom_a_message_is_handed_over() {
    for capacity in [0, 1] {
        loom::model(move || {
            let (sender, receiver) = bounded(capacity);
            let sending = spawn(move || sender.send(1));
            assert_eq!(receiver.recv(), Ok(1));
            assert!(sending.join().unwrap().is_ok());
            assert!(receiver.recv().is_err());
        });
    }
}

#[test]
fn loom_two_senders_share_one_place() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let senders = [1, 2].map(|message| {
            let sender = sender.clone();
            spawn(move || sender.send(message).unwrap())
        });
        assert_eq!(receiver.recv().unwrap() + receiver.recv().unwrap(), 3);
        for sender in senders {
            sender.join().unwrap();
        }
        assert!(receiver.try_recv().is_err());
    });
}

#[test]
fn loom_two_receivers_share_the_messages() {
    loom::model(|| {
        let (sender, receiver) = bounded(0);
        let receivers = [receiver.clone(), receiver]
            .map(|receiver| spawn(move || receiver.recv().unwrap_or(0)));
        sender.send(1).unwrap();
        drop(sender);
        assert_eq!(receivers.map(|receiver| receiver.join().unwrap()).iter().sum::<u32>(), 1);
    });
}

#[test]
fn loom_the_last_receiver_gives_messages_back() {
    loom::model(|| {
        let (sender, receiver) = bounded(0);
        let receiving = spawn(move || receiver.try_recv().ok());
        let sent = sender.send(1);
        assert_eq!(sent.is_ok(), receiving.join().unwrap().is_some());
    });
}

#[test]
fn loom_a_choice_takes_one_of_two() {
    loom::model(|| {
        let ((to, one), (too, other)) = (bounded(0), bounded(0));
        let senders =
            [(to, 1), (too, 2)].map(|(sender, message)| spawn(move || sender.send(message)));
        let first = choose_to_receive(&one, &other, Limit::Never).unwrap();
        let rest = if first == 1 { other.recv() } else { one.recv() };
        assert_eq!(rest, Ok(3 - first));
        for sender in senders {
            assert!(sender.join().unwrap().is_ok());
        }
    });
}

#[test]
fn loom_two_choices_meet() {
    loom::model(|| {
        let ((sender, one), (_other, silent)) = (bounded(0), bounded(0));
        let sending = spawn(move || choose_to_send(&sender, Some(1)));
        assert_eq!(choose_to_receive(&one, &silent, Limit::Never), Some(1));
        assert!(sending.join().unwrap());
    });
}

#[test]
fn loom_a_choice_that_does_not_wait_takes_one_or_nothing() {
    loom::model(|| {
        let ((sender, one), (_other, silent)) = (bounded(0), bounded(0));
        let sending = spawn(move || choose_to_send(&sender, Some(1)));
        let got = choose_to_receive(&silent, &one, Limit::Now);
        drop(one);
        assert_eq!(sending.join().unwrap(), got.is_some());
    });
}

#[test]
fn loom_a_promise_that_is_not_kept_leaves_the_receiver_waiting() {
    for capacity in [0, 1] {
        loom::model(move || {
            let (sender, receiver) = bounded(capacity);
            let sending = spawn(move || {
                assert!(!choose_to_send(&sender, None));
                sender.send(2)
            });
            assert_eq!(receiver.recv(), Ok(2));
            assert!(sending.join().unwrap().is_ok());
        });
    }
}

#[test]
fn loom_a_place_that_was_not_needed_goes_to_the_next_sender() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let other = sender.clone();
        let choosing = spawn(move || choose_to_send(&other, Some(1)));
        let sending = spawn(move || sender.send(2));
        assert_eq!(receiver.recv().unwrap() + receiver.recv().unwrap(), 3);
        assert!(choosing.join().unwrap());
        assert!(sending.join().unwrap().is_ok());
    });
}

#[test]
fn loom_a_place_that_is_given_up_goes_to_the_next_sender() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let other = sender.clone();
        let choosing = spawn(move || choose_to_send(&other, None));
        let sending = spawn(move || sender.send(2));
        assert_eq!(receiver.recv(), Ok(2));
        assert!(!choosing.join().unwrap());
        assert!(sending.join().unwrap().is_ok());
        assert!(receiver.recv().is_err());
    });
}

#[test]
fn loom_a_place_that_is_given_up_after_the_last_receiver_is_nobodys() {
    loom::model(|| {
        let (sender, receiver) = bounded(1);
        let arm = select::send(&sender);
        select::run([&arm], Order::Listed, Limit::Never);
        let right = select::outcome(select::take(arm));
        let other = sender.clone();
        let sending = spawn(move || other.send(1));
        let leaving = spawn(move || drop(receiver));
        drop(right);
        leaving.join().unwrap();
        // It was sent before the end, and went with the receiver; or it came back.
        let _ = sending.join().unwrap();
        assert!(sender.is_empty());
    });
}

#[test]
fn loom_a_choice_receives_in_the_order_of_sending() {
    // What it is about takes one switch more than other models: to the sender, back, and there
    // again.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ((sender, one), (_kept, other)) = (bounded(1), bounded(1));
        let sending = spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        for expected in [1, 2] {
            assert_eq!(choose_to_receive(&one, &other, Limit::Never), Some(expected));
        }
        sending.join().unwrap();
    });
}

/// Moves the message that is in the first channel to the second: at every moment it is in one.
fn move_over(to: &Sender<u32>, from: &Receiver<u32>) {
    to.send(2).unwrap();
    let _ = from.try_recv();
}

#[test]
fn loom_a_choice_that_does_not_wait_finds_a_message_that_moves() {
    loom::model(|| {
        let ((to, one), (too, other)) = (unbounded(), unbounded());
        to.send(1).unwrap();
        let theirs = one.clone();
        let moving = spawn(move || move_over(&too, &theirs));
        assert!(choose_to_receive(&other, &one, Limit::Now).is_some());
        moving.join().unwrap();
    });
}

#[test]
fn loom_a_choice_that_does_not_wait_sees_an_end_before_what_came_after_it() {
    loom::model(|| {
        let ((to, one), (too, other)) = (unbounded(), unbounded());
        too.send(2).unwrap();
        let theirs = other.clone();
        let ended: Receiver<u32> = one.clone();
        let dropping = spawn(move || drop(to));
        let taking = spawn(move || {
            if ended.try_recv() == Err(TryRecvError::Disconnected) {
                let _ = theirs.try_recv();
            }
        });
        let (ends, message) = (select::recv(&one), select::recv(&other));
        assert!(select::run([&ends, &message], Order::Listed, Limit::Now) < 2);
        drop((ends, message));
        dropping.join().unwrap();
        taking.join().unwrap();
        drop(too);
    });
}
