//! hyper's executor on gocoro's tasks.

use gocoro::channel::{self, Sender};
use gocoro::future::hyper::{Executor, LocalExecutor};
use gocoro::runtime::{Builder, LocalRuntime};
use gocoro::{go_test, task, time};
use hyper::rt::Executor as _;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Says so when it is dropped.
struct Tells(Sender<&'static str>);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.try_send("dropped");
    }
}

#[test]
fn futures_run_in_tasks_from_a_thread_and_from_a_task() {
    let (sender, receiver) = channel::unbounded();
    let execute = move || {
        for number in 0..100 {
            let sender = sender.clone();
            Executor::new().execute(async move {
                time::sleep(Duration::from_millis(1)); // suspends the task, in the poll
                sender.send_async((number, task::try_current().is_some())).await.unwrap();
            });
        }
    };
    execute.clone()();
    Builder::new().workers(2).build().unwrap().run(move || {
        execute();
        drop(execute);
        let mut all: Vec<_> = receiver.iter().collect();
        all.sort();
        assert_eq!(all, (0..100).flat_map(|n| [(n, true); 2]).collect::<Vec<_>>());
    });
}

#[go_test(workers = 1)]
fn a_panic_ends_its_own_task_alone() {
    let (sender, receiver) = channel::bounded(2);
    let tells = Tells(sender.clone());
    Executor::new().execute(async move {
        let _tells = tells;
        panic!("as the test wants it");
    });
    assert_eq!(receiver.recv(), Ok("dropped"));
    Executor::new().execute(async move { sender.send("still here").unwrap() });
    assert_eq!(receiver.recv(), Ok("still here"));
}

/// What is executed too late is dropped, and nobody panics: here by a destructor that runs while
/// the runtime ends.
#[test]
fn a_future_for_a_closed_runtime_is_dropped() {
    struct Late(Sender<&'static str>);
    impl Drop for Late {
        fn drop(&mut self) {
            let tells = Tells(self.0.clone());
            Executor::new().execute(async move {
                let _ = tells.0.try_send("ran");
                drop(tells);
            });
            LocalExecutor::new().execute(std::future::pending::<()>());
        }
    }

    let (sender, receiver) = channel::bounded(8);
    let runtime = Builder::new().workers(1).build().unwrap();
    let (waits, waiting) = channel::bounded(1);
    let waits_for_ever = runtime.spawn(move || {
        let _late = Late(sender);
        waits.send(()).unwrap();
        task::park();
    });
    waiting.recv().unwrap();
    drop(runtime);
    assert!(waits_for_ever.join().unwrap_err().is_cancelled());
    assert_eq!(receiver.iter().collect::<Vec<_>>(), ["dropped"]);
}

/// The tasks of a runtime that ends are cancelled: their futures are dropped where they wait.
#[test]
fn a_cancelled_task_drops_its_future() {
    let (sender, receiver) = channel::bounded(1);
    let (waits, waiting) = channel::bounded(1);
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(move || {
        Executor::new().execute(async move {
            let _tells = Tells(sender);
            waits.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        waiting.recv().unwrap();
    });
    assert!(receiver.is_empty());
    drop(runtime);
    assert_eq!(receiver.recv(), Ok("dropped"));
}

#[test]
fn a_local_executor_takes_what_is_not_send() {
    let count = Rc::new(Cell::new(0));
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        for _ in 0..10 {
            let count = count.clone();
            LocalExecutor::new().execute(async move {
                time::sleep(Duration::from_millis(1));
                count.set(count.get() + 1);
            });
        }
    });
    runtime.run_until_idle();
    assert_eq!(count.get(), 10);
}

#[test]
#[should_panic(expected = "outside a runtime")]
fn a_local_executor_needs_a_runtime() {
    LocalExecutor::new().execute(async {});
}
