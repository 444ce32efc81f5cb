//! Those who all wait for the same news: `watch`, `broadcast`, and time's messages that are given
//! back.

use std::time::{Duration, Instant};

use loom::thread::{self, JoinHandle};

use crate::channel::{RecvTimeoutError, Select, at, broadcast, watch};
use crate::select::{self, Limit, Order};

fn spawn<T: 'static>(body: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    thread::spawn(body)
}

#[test]
fn loom_a_change_is_told_to_all_who_wait() {
    loom::model(|| {
        let (sender, receiver) = watch(0);
        let waiting = [receiver.clone(), receiver].map(|receiver| {
            spawn(move || {
                assert_eq!(receiver.changed(), Ok(()));
                receiver.get()
            })
        });
        assert_eq!(sender.send(1), Ok(()));
        for receiver in waiting {
            assert_eq!(receiver.join().unwrap(), 1);
        }
    });
}

#[test]
fn loom_the_end_comes_after_the_last_change() {
    loom::model(|| {
        let (sender, receiver) = watch(0);
        let changing = spawn(move || sender.send(1));
        assert_eq!(receiver.changed(), Ok(()));
        assert!(receiver.changed().is_err());
        assert_eq!(*receiver.borrow(), 1);
        changing.join().unwrap().unwrap();
    });
}

#[test]
fn loom_who_leaves_beside_a_change_leaves_no_trace() {
    loom::model(|| {
        let (sender, receiver) = watch(0);
        let other = receiver.clone();
        let waiting = spawn(move || other.changed());
        let changing = spawn(move || sender.send(1));
        match receiver.changed_timeout(Duration::ZERO) {
            Ok(()) => assert_eq!(*receiver.borrow(), 1),
            Err(error) => assert_eq!(error, RecvTimeoutError::Timeout),
        }
        drop(receiver);
        assert_eq!(waiting.join().unwrap(), Ok(()));
        changing.join().unwrap().unwrap();
    });
}

#[test]
fn loom_a_choice_of_news_sees_each_once() {
    loom::model(|| {
        let ((one, first), (other, second)) = (watch(0), watch(0));
        let senders = [one, other].map(|sender| spawn(move || (sender.send(1), sender).1));
        let mut seen = [false; 2];
        for _ in 0..2 {
            let arms = (select::wait(&first), select::wait(&second));
            let chosen = select::run([&arms.0, &arms.1], Order::Listed, Limit::Never);
            assert!(!std::mem::replace(&mut seen[chosen], true));
        }
        for sender in senders {
            drop(sender.join().unwrap());
        }
        assert!(first.has_changed().is_err() && second.has_changed().is_err());
    });
}

#[test]
fn loom_a_message_reaches_every_receiver() {
    loom::model(|| {
        let (sender, receiver) = broadcast(1);
        let other = sender.subscribe();
        let receiving = spawn(move || other.recv());
        let sending = spawn(move || sender.send(7).unwrap());
        assert_eq!(receiver.recv(), Ok(7));
        assert_eq!(receiving.join().unwrap(), Ok(7));
        assert_eq!(sending.join().unwrap(), 2);
        assert!(receiver.recv().is_err());
    });
}

#[test]
fn loom_an_instant_that_is_given_back_goes_to_who_waits() {
    loom::model(|| {
        let timer = at(Instant::now());
        let other = timer.clone();
        let waiting = spawn(move || other.recv().is_ok());
        let mut set = Select::new();
        set.recv(&timer);
        // Another may have been faster.
        drop(set.try_select());
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn loom_an_instant_that_is_given_back_goes_to_a_choice() {
    loom::model(|| {
        let timer = at(Instant::now());
        let other = timer.clone();
        let waiting = spawn(move || {
            let arm = select::recv(&other);
            select::run([&arm], Order::Listed, Limit::Never);
            select::outcome(select::take(arm)).is_ok()
        });
        let mut set = Select::new();
        set.recv(&timer);
        drop(set.try_select());
        assert!(waiting.join().unwrap());
    });
}
