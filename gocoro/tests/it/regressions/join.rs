//! What once went wrong with joins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::go;
use gocoro::task::{self, JoinHandle, wait_all, wait_any};

use crate::support::{Colour, on_workers, until};

/// `wait_any` of the running task itself hung.
#[test]
fn waits_for_the_own_task_panic() {
    on_workers(|_| {
        let waits: [fn(JoinHandle<()>); 4] = [
            |own| drop(wait_any(vec![own])),
            |own| drop(wait_any(vec![go!({ task::park() }), own])),
            |own| drop(wait_all([go!({}), own])),
            |own| own.wait(),
        ];
        for wait in waits {
            let (give, given) = mpsc::channel::<JoinHandle<()>>();
            let (says, said) = mpsc::channel();
            let task = go!(name = "ouroboros" => {
                let mut own = None;
                until(|| {
                    own = given.try_recv().ok();
                    own.is_some()
                });
                let caught = catch_unwind(AssertUnwindSafe(|| wait(own.unwrap()))).unwrap_err();
                says.send(*caught.downcast::<String>().unwrap()).unwrap();
            });
            give.send(task).unwrap();
            let mut message = String::new();
            until(|| {
                message = said.try_recv().unwrap_or_default();
                !message.is_empty()
            });
            assert!(
                message.contains("'ouroboros'") && message.contains("joins itself"),
                "{message}"
            );
        }
    });
}

/// How often a task may go on without others getting a turn, and then some.
const MANY: usize = 1_000;

fn ended() -> Vec<JoinHandle<()>> {
    let tasks: Vec<_> = (0..MANY).map(|_| go!({})).collect();
    until(|| tasks.iter().all(JoinHandle::is_finished));
    tasks
}

/// A loop of joins, each of a task that had ended, never let go of its worker.
#[test]
fn joins_of_ended_tasks_use_up_the_budget() {
    Colour::Task.run(1, || {
        let tasks = ended();
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone(stop) => stop.store(true, SeqCst));
        let joined = tasks.into_iter().take_while(|_| !stop.load(SeqCst)).map(JoinHandle::wait);
        assert!(joined.count() < MANY);
        other.wait();
    });
}

/// Nor was it a cancel point.
#[test]
fn joins_of_ended_tasks_are_cancel_points() {
    on_workers(|_| {
        let task = go!({
            let tasks = ended();
            task::current().cancel();
            tasks.into_iter().for_each(JoinHandle::wait);
        });
        assert!(task.join().unwrap_err().is_cancelled());
    });
}
