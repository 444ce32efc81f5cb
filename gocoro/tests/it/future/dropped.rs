//! Futures of operations that are dropped before they were ready leave nothing behind.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};

use gocoro::channel::{TryRecvError, bounded, broadcast, oneshot, unbounded, watch};
use gocoro::future::wait;
use gocoro::sync::{Event, promise};
use gocoro::{go, select, task};

use super::executor::{either, poll_once};
use crate::support::{in_both_colours, on_workers, settle};

#[test]
fn a_receive_that_waited_takes_nothing() {
    in_both_colours(|| {
        let (sender, receiver) = bounded(1);
        for number in 0..10 {
            let mut receiving = Box::pin(receiver.recv_async());
            assert!(poll_once(receiving.as_mut()).is_pending());
            drop(receiving);
            sender.send(number).unwrap();
            assert_eq!(receiver.try_recv(), Ok(number));
        }
    });
}

#[test]
fn a_message_that_was_handed_to_a_dropped_receive_comes_first() {
    in_both_colours(|| {
        let (sender, receiver) = bounded(1);
        let mut receiving = Box::pin(receiver.recv_async());
        assert!(poll_once(receiving.as_mut()).is_pending());
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        drop(receiving);
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_message_that_was_handed_to_a_dropped_receive_goes_to_who_waits() {
    on_workers(|_| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let mut receiving = Box::pin(receiver.recv_async());
            assert!(poll_once(receiving.as_mut()).is_pending());
            let other = go!(clone(receiver) => { receiver.recv() });
            let mut third = Box::pin(receiver.recv_async());
            assert!(poll_once(third.as_mut()).is_pending());
            sender.send(1).unwrap();
            drop(receiving);
            sender.send(2).unwrap();
            let mut got = [other.wait().unwrap(), wait(third).unwrap()];
            got.sort();
            assert_eq!(got, [1, 2]);
        }
    });
}

#[test]
fn a_send_that_waited_sends_nothing_and_drops_its_message() {
    in_both_colours(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let message = Arc::new(());
            while sender.try_send(Arc::new(())).is_ok() {}
            let mut sending = Box::pin(sender.send_async(message.clone()));
            assert!(poll_once(sending.as_mut()).is_pending());
            assert_eq!(Arc::strong_count(&message), 2);
            drop(sending);
            assert_eq!(Arc::strong_count(&message), 1);
            let left = receiver.try_iter().count();
            assert_eq!(left, capacity);
        }
    });
}

#[test]
fn a_message_that_was_taken_from_a_dropped_send_was_sent() {
    in_both_colours(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            while sender.try_send(0).is_ok() {}
            let mut sending = Box::pin(sender.send_async(1));
            assert!(poll_once(sending.as_mut()).is_pending());
            for _ in 0..capacity {
                assert_eq!(receiver.try_recv(), Ok(0));
            }
            if capacity == 0 {
                assert_eq!(receiver.try_recv(), Ok(1));
            }
            drop(sending);
            if capacity > 0 {
                assert_eq!(receiver.try_recv(), Ok(1));
            }
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        }
    });
}

#[test]
fn a_message_of_a_channel_that_is_gone_is_dropped_with_its_send() {
    in_both_colours(|| {
        let (sender, receiver) = bounded(0);
        let message = Arc::new(());
        let mut sending = Box::pin(sender.send_async(message.clone()));
        assert!(poll_once(sending.as_mut()).is_pending());
        drop(receiver);
        drop(sending);
        assert_eq!(Arc::strong_count(&message), 1);
    });
}

#[test]
fn futures_that_were_never_polled_do_nothing() {
    in_both_colours(|| {
        let (sender, receiver) = bounded(1);
        drop(sender.send_async(1));
        drop(receiver.recv_async());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let (promise, value) = promise();
        drop(value.wait_async());
        promise.set(1);
        let ended = Arc::new(Event::new());
        let theirs = ended.clone();
        drop(go!({ theirs.set() }).into_future());
        ended.wait();
    });
}

#[test]
fn dropped_waits_for_ends_news_and_promises_are_taken_back() {
    on_workers(|_| {
        let ended = Arc::new(Event::new());
        let theirs = ended.clone();
        let task = go!({
            task::park();
            theirs.set();
        });
        let named = task.task().clone();
        let mut joining = Box::pin(task.into_future());
        assert!(poll_once(joining.as_mut()).is_pending());
        drop(joining);
        named.unpark();
        ended.wait();

        let (sender, receiver) = broadcast(2);
        let mut receiving = Box::pin(receiver.recv_async());
        assert!(poll_once(receiving.as_mut()).is_pending());
        sender.send(1).unwrap();
        drop(receiving);
        assert_eq!(receiver.try_recv().unwrap(), 1);

        let (sender, receiver) = watch(1);
        let mut changing = Box::pin(receiver.changed_async());
        assert!(poll_once(changing.as_mut()).is_pending());
        sender.send(2).unwrap();
        drop(changing);
        assert_eq!(receiver.has_changed(), Ok(true));

        let (sender, receiver) = oneshot();
        let mut receiving = Box::pin(receiver.recv_async());
        assert!(poll_once(receiving.as_mut()).is_pending());
        sender.send(5).unwrap();
        drop(receiving);
        assert_eq!(receiver.recv(), Ok(5));

        let (promise, value) = promise();
        let mut waiting = Box::pin(value.wait_async());
        assert!(poll_once(waiting.as_mut()).is_pending());
        drop(waiting);
        promise.set(3);
        assert_eq!(value.wait(), Ok(&3));
    });
}

/// The receiver was promised a message that is still being made: its destructor waits for it, and
/// gives it back.
#[test]
fn a_promised_message_comes_back_from_a_receive_that_is_dropped_meanwhile() {
    on_workers(|_| {
        for thread in [false, true] {
            let (sender, receiver) = bounded(0);
            let (making, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
            let mut receiving = Box::pin(receiver.recv_async());
            assert!(poll_once(receiving.as_mut()).is_pending());
            let (told, awaited) = (making.clone(), go_on.clone());
            let promising = go!({
                select! {
                    send(sender, { told.set(); awaited.wait(); 7 }) -> sent => sent.unwrap(),
                }
                sender
            });
            making.wait();
            // A poll does not wait for the message, the destructor does.
            assert!(poll_once(receiving.as_mut()).is_pending());
            let releasing = go!({
                settle();
                go_on.set();
            });
            if thread {
                gocoro::blocking::unblock_scoped(|| drop(receiving));
            } else {
                drop(receiving);
            }
            releasing.wait();
            let _sender = promising.wait();
            assert_eq!(receiver.try_recv(), Ok(7));
        }
    });
}

#[test]
fn a_promise_that_is_not_kept_lets_the_receive_go_on() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        let mut receiving = Box::pin(receiver.recv_async());
        assert!(poll_once(receiving.as_mut()).is_pending());
        let other = sender.clone();
        let failed = go!({
            let make = || -> i32 { std::panic::panic_any("not kept") };
            select! {
                send(other, make()) -> _ => {}
            }
        });
        assert!(failed.join().unwrap_err().is_panic());
        assert!(poll_once(receiving.as_mut()).is_pending());
        let sending = go!({ sender.send(1) });
        assert_eq!(wait(receiving), Ok(1));
        sending.wait().unwrap();
    });
}

#[test]
fn the_loser_of_a_race_takes_nothing() {
    in_both_colours(|| {
        let ((one, first), (other, second)) = (unbounded(), unbounded());
        for round in 0..100 {
            let (one, other) = (one.clone(), other.clone());
            let task = go!({
                if round % 3 == 0 {
                    settle();
                }
                one.send(round).unwrap();
                other.send(round).unwrap();
            });
            let won = wait(either(first.recv_async(), second.recv_async()));
            task.wait();
            let left = [first.try_recv(), second.try_recv()];
            assert_eq!(won, Ok(round));
            assert_eq!(left.iter().filter(|left| **left == Ok(round)).count(), 1);
        }
    });
}

#[test]
fn a_future_that_is_leaked_is_passed_by() {
    in_both_colours(|| {
        // Whoever leaks a receive may keep the message that comes to it, and no more.
        let (sender, receiver) = unbounded();
        let mut leaked = Box::pin(receiver.recv_async());
        assert!(poll_once(leaked.as_mut()).is_pending());
        // Nobody drops it here. It is not lost, though, so that the test leaks nothing.
        let mut kept = std::mem::ManuallyDrop::new(leaked);
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(poll_once(kept.as_mut()), Poll::Ready(Ok(1)));
        drop(std::mem::ManuallyDrop::into_inner(kept));
    });
}

#[test]
fn a_future_is_dropped_inside_of_the_waker_that_it_called() {
    type Place = Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>;
    struct Drops(Place);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            let future = self.0.lock().unwrap().take();
            drop(future.unwrap());
        }
    }
    in_both_colours(|| {
        let (sender, receiver) = unbounded();
        let theirs = receiver.clone();
        let drops = Arc::new(Drops(Mutex::new(Some(Box::pin(async move {
            theirs.recv_async().await.unwrap();
        })))));
        let waker = drops.clone().into();
        let mut place = drops.0.lock().unwrap();
        let polled = place.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(place);
        sender.send(9).unwrap();
        assert!(drops.0.lock().unwrap().is_none());
        assert_eq!(receiver.try_recv(), Ok(9));
    });
}
