//! A task that is cancelled in an operation has done it or has not; the channel goes on.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{self, SendError, after, bounded, broadcast, never, tick, unbounded, watch};
use gocoro::time::timeout;
use gocoro::{go, task};

use crate::channel::{Counted, live};
use crate::support::{Colour, NEVER, SOON, on_drop, on_workers, settle, until};

#[test]
fn a_cancelled_receiver_takes_nothing() {
    on_workers(|_| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let waiting = go!(clone(receiver) => { receiver.recv().ok() });
            settle();
            waiting.cancel();
            assert!(waiting.join().unwrap_err().is_cancelled());
            let sending = go!(sender.send(1));
            assert_eq!(receiver.recv(), Ok(1));
            sending.wait().unwrap();
        }
    });
}

#[test]
fn a_cancelled_sender_sends_nothing_and_drops_its_message() {
    on_workers(|_| {
        for capacity in [0, 1] {
            let live = live();
            let (sender, receiver) = bounded(capacity);
            (0..capacity).for_each(|_| sender.send(Counted::new(&live)).unwrap());
            let message = Counted::new(&live);
            let waiting = go!(clone(sender) => { sender.send(message).is_ok() });
            settle();
            waiting.cancel();
            assert!(waiting.join().unwrap_err().is_cancelled());
            until(|| live.load(SeqCst) == capacity);
            assert_eq!(receiver.try_iter().count(), capacity);
            drop(sender);
            assert!(receiver.recv().is_err());
        }
    });
}

/// Each message of a sender that is cancelled some time was either received or not sent.
#[test]
fn a_cancel_beside_a_hand_over_loses_and_doubles_nothing() {
    on_workers(|_| {
        for capacity in [0, 1] {
            for round in 0..60 {
                let (sender, receiver) = bounded(capacity);
                let (done, sent) = unbounded();
                let sending = go!({
                    for number in 0..5 {
                        sender.send(number).unwrap();
                        done.send(number).unwrap();
                    }
                });
                let canceller = go!({
                    (0..round % 7).for_each(|_| task::yield_now());
                    sending.cancel();
                    drop(sending.join());
                });
                let received: Vec<i32> = receiver.iter().collect();
                canceller.wait();
                assert_eq!(received, sent.try_iter().collect::<Vec<_>>());
            }
        }
    });
}

#[test]
fn a_receiver_cancelled_beside_a_hand_over_loses_nothing() {
    on_workers(|_| {
        for capacity in [0, 1] {
            for round in 0..60 {
                let (sender, receiver) = bounded(capacity);
                let (got, taken) = unbounded();
                let receiving = go!(clone(receiver) => {
                    receiver.iter().for_each(|number: i32| got.send(number).unwrap());
                });
                let sending = go!({ (0..5).for_each(|number| sender.send(number).unwrap()) });
                (0..round % 7).for_each(|_| task::yield_now());
                receiving.cancel();
                drop(receiving.join());
                let rest: Vec<i32> = receiver.iter().collect();
                sending.wait();
                let all: Vec<i32> = taken.try_iter().chain(rest).collect();
                assert_eq!(all, [0, 1, 2, 3, 4]);
            }
        }
    });
}

#[test]
fn an_expiry_is_a_cancel_of_one_wait() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        assert!(timeout(SOON, || receiver.recv()).is_err());
        assert!(timeout(SOON, || sender.send(1)).is_err());
        let receiving = go!(receiver.recv());
        sender.send(2).unwrap();
        assert_eq!(receiving.wait(), Ok(2));
    });
}

#[test]
fn destructors_of_a_cancelled_task_may_send_and_receive() {
    on_workers(|_| {
        let (ask, asked) = bounded(0);
        let (answer, answered) = bounded(0);
        let (ready, begun) = bounded(0);
        let parting = go!({
            let _parting = on_drop(move || {
                ask.send("may I?").unwrap();
                assert_eq!(answered.recv(), Ok("yes"));
            });
            ready.send(()).unwrap();
            task::park();
        });
        begun.recv().unwrap();
        parting.cancel();
        assert_eq!(asked.recv(), Ok("may I?"));
        answer.send("yes").unwrap();
        assert!(parting.join().unwrap_err().is_cancelled());
    });
}

/// Receivers that a cancel has taken out of the queue are passed over: items go to those behind
/// them.
#[test]
fn a_queue_skips_those_who_gave_up() {
    Colour::Task.run(1, || {
        let (sender, receiver) = channel::unbounded();
        let getters: Vec<_> = (0..3)
            .map(|_| {
                let getter = go!(clone(receiver) => { receiver.recv().unwrap() });
                settle();
                getter
            })
            .collect();
        getters[0].cancel();
        settle();
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        let mut got: Vec<_> = getters.into_iter().filter_map(|getter| getter.join().ok()).collect();
        got.sort();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_cancelled_receiver_of_broadcasts_leaves_nothing() {
    on_workers(|_| {
        let (sender, receiver) = broadcast(4);
        let waiting = go!({
            let receiver = receiver;
            receiver.recv().ok();
        });
        settle();
        waiting.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
        assert_eq!(sender.send(1), Err(SendError(1)));
    });
}

#[test]
fn a_cancelled_wait_for_a_change_leaves_nothing() {
    on_workers(|_| {
        let (sender, receiver) = watch(0);
        let waiting = go!(clone(receiver) => { receiver.changed().ok() });
        settle();
        waiting.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
        sender.send(1).unwrap();
        assert_eq!(receiver.changed(), Ok(()));
    });
}

#[test]
fn a_wait_for_time_can_be_cancelled() {
    on_workers(|_| {
        for waiting in [
            go!({ after(NEVER).recv().is_ok() }),
            go!({ tick(NEVER).recv().is_ok() }),
            go!({ never::<()>().recv().is_ok() }),
        ] {
            gocoro::task::yield_now();
            waiting.cancel();
            assert!(waiting.join().unwrap_err().is_cancelled());
        }
    });
}
