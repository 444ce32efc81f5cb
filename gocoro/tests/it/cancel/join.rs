//! A cancel is the result that a joiner gets, and a cancelled joiner leaves the task that it joins
//! alone.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::sync::{AbandonedPromise, promise};
use gocoro::time::sleep;
use gocoro::{go, task};

use crate::support::{NEVER, on_workers, settle, until};

#[test]
fn a_cancel_is_the_result_and_names_its_cause() {
    on_workers(|_| {
        let task = go!(sleep(NEVER));
        settle();
        let line = line!() + 1;
        task.cancel();
        let error = task.join().unwrap_err();
        assert!(error.is_cancelled());
        assert!(error.to_string().contains(&format!("join.rs:{line}")), "{error}");

        let (promise, future) = promise::<i32>();
        drop(promise);
        assert_eq!(future.wait(), Err(AbandonedPromise));
    });
}

#[test]
fn a_cancelled_joiner_leaves_the_task_alone() {
    on_workers(|_| {
        let release = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        let joined = go!(clone(release) => {
            until(|| release.load(SeqCst));
            sender.send("went on").unwrap();
        });
        let joiner = go!({ joined.join() });
        settle();
        joiner.cancel();
        assert!(joiner.join().unwrap_err().is_cancelled());
        release.store(true, SeqCst);
        let mut said = None;
        until(|| {
            said = receiver.try_recv().ok();
            said.is_some()
        });
        assert_eq!(said, Some("went on"));
    });
}

#[test]
fn joiners_are_cancelled_while_their_tasks_end() {
    on_workers(|_| {
        for round in 0..1_000 {
            let task = go!({
                if round % 2 == 0 {
                    task::yield_now();
                }
                round
            });
            let joiner = go!({ task.join().unwrap() });
            if round % 3 == 0 {
                task::yield_now();
            }
            joiner.cancel();
            match joiner.join() {
                Ok(value) => assert_eq!(value, round),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    });
}
