//! Tasks that wait while they unwind, beside tasks that don't. A task is taken for unwinding
//! exactly if it unwinds, whatever its neighbours on the worker do.

mod beside;
mod programs;
mod threads;

use std::io::{Read, Write};
use std::panic::{self};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{
    NEVER, SOON, WORKERS, assert_cancelled, on_drop, on_workers, settle, until, with_workers,
};

/// A task that panicked and waits in a destructor until it is released.
struct Unwinder {
    task: JoinHandle<()>,
    release: Arc<AtomicBool>,
}

impl Unwinder {
    fn start() -> Unwinder {
        let release = Arc::new(AtomicBool::new(false));
        let (begun, is_begun) = mpsc::channel();
        let task = go!(clone(release) => {
            let _guard = on_drop(move || {
                begun.send(()).unwrap();
                while !release.load(SeqCst) {
                    task::park();
                }
            });
            if true {
                panic!("expected");
            }
        });
        until(|| is_begun.try_recv().is_ok());
        Unwinder { task, release }
    }

    fn end(self) {
        self.release.store(true, SeqCst);
        self.task.task().unpark();
        assert!(self.task.join().unwrap_err().is_panic());
    }
}

#[test]
fn a_task_that_waited_before_is_cancelled_at_once() {
    on_workers(|_| {
        let tasks: Vec<_> = (0..20).map(|_| go!({ sleep(NEVER) })).collect();
        settle();
        let unwinder = Unwinder::start();
        tasks.iter().for_each(JoinHandle::cancel);
        tasks.into_iter().for_each(assert_cancelled);
        assert!(!unwinder.task.is_finished());
        unwinder.end();
    });
}

#[test]
fn a_task_that_waits_beside_is_cancelled_at_once() {
    on_workers(|_| {
        let unwinder = Unwinder::start();
        let (begun, is_begun) = mpsc::channel();
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let begun = begun.clone();
                go!({
                    begun.send(()).unwrap();
                    match n % 4 {
                        0 => sleep(NEVER),
                        1 => task::park(),
                        2 => go!({ sleep(NEVER) }).wait(),
                        _ => loop {
                            task::yield_now();
                        },
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            until(|| is_begun.try_recv().is_ok());
        }
        settle();
        tasks.iter().for_each(JoinHandle::cancel);
        tasks.into_iter().for_each(assert_cancelled);
        assert!(!unwinder.task.is_finished());
        unwinder.end();
    });
}

#[test]
fn waits_beside_an_unwinding_task_are_as_ever() {
    on_workers(|_| {
        let unwinder = Unwinder::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let echo = go!({
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() > 0 {
                stream.write_all(&byte).unwrap();
            }
        });
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                go!({
                    task::yield_now();
                    sleep(SOON);
                    let own = task::current();
                    let waker = go!({ own.unpark() });
                    task::park();
                    waker.wait();
                    task::park_timeout(SOON);
                    // A panic beside it, caught and not.
                    assert!(panic::catch_unwind(|| panic::panic_any(1)).is_err());
                    let panics = go!({
                        sleep(SOON);
                        panic::panic_any(2)
                    });
                    let _: &JoinHandle<()> = &panics;
                    assert!(panics.join().unwrap_err().is_panic());
                    n
                })
            })
            .collect();
        let mut stream = TcpStream::connect(addr).unwrap();
        for byte in 0..50 {
            stream.write_all(&[byte]).unwrap();
            let mut back = [0];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, [byte]);
        }
        drop(stream);
        echo.wait();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.wait(), n);
        }
        assert!(!unwinder.task.is_finished());
        unwinder.end();
    });
}

#[test]
fn io_beside_an_unwinding_task_is_unwound_when_it_is_cancelled() {
    // The error of a destructor's I/O is for destructors alone.
    on_workers(|_| {
        let unwinder = Unwinder::start();
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let accepter = go!(clone(listener) => {
            listener.accept().map(|_| ()).unwrap();
        });
        settle();
        accepter.cancel();
        assert_cancelled(accepter);
        assert!(!unwinder.task.is_finished());
        unwinder.end();
    });
}

#[test]
fn a_cancel_is_never_thrown_into_the_tasks_own_unwinding() {
    // Thrown there it would abort the process.
    on_workers(|_| {
        let (begun, is_begun) = mpsc::channel();
        let task = go!({
            let _outer = on_drop(|| {
                for _ in 0..10 {
                    task::yield_now();
                    task::park_timeout(SOON / 10);
                    sleep(SOON / 10);
                    go!({ task::yield_now() }).wait();
                }
            });
            let _inner = on_drop(move || {
                begun.send(()).unwrap();
                sleep(SOON);
                // Work inside a destructor that catches: still the same unwinding.
                assert!(panic::catch_unwind(|| sleep(SOON)).is_ok());
                let caught = panic::catch_unwind(|| {
                    let _guard = on_drop(|| sleep(SOON / 4));
                    sleep(SOON / 4);
                    panic::panic_any(3)
                });
                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&3));
            });
            panic::panic_any("own")
        });
        let _: &JoinHandle<()> = &task;
        until(|| is_begun.try_recv().is_ok());
        while !task.is_finished() {
            task.cancel();
            task.task().unpark();
            task::yield_now();
        }
        let error = task.join().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&"own"));
    });
}

#[test]
fn a_task_that_caught_its_panic_can_be_cancelled_again() {
    on_workers(|_| {
        let unwinder = Unwinder::start();
        let (begun, is_begun) = mpsc::channel();
        let task = go!({
            let caught = panic::catch_unwind(|| {
                let _guard = on_drop(|| sleep(SOON));
                panic::panic_any(1)
            });
            assert!(caught.is_err());
            begun.send(()).unwrap();
            sleep(NEVER)
        });
        until(|| is_begun.try_recv().is_ok());
        unwinder.end();
        settle();
        task.cancel();
        assert_cancelled(task);
    });
}

#[test]
fn a_destructor_that_joins_what_it_cancels() {
    struct Children(Vec<JoinHandle<()>>, Arc<AtomicUsize>);
    impl Drop for Children {
        fn drop(&mut self) {
            self.0.iter().for_each(JoinHandle::cancel);
            for child in self.0.drain(..) {
                assert!(child.join().unwrap_err().is_cancelled());
            }
            self.1.fetch_add(1, SeqCst);
        }
    }
    fn tree(depth: usize, ended: Arc<AtomicUsize>, begun: Arc<AtomicUsize>) {
        let children = (0..if depth == 0 { 0 } else { 3 })
            .map(|_| go!(tree(depth - 1, ended.clone(), begun.clone())));
        let _children = Children(children.collect(), ended);
        begun.fetch_add(1, SeqCst);
        sleep(NEVER);
    }
    on_workers(|_| {
        const NODES: usize = 1 + 3 + 9 + 27 + 81;
        let (ended, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let root = go!(tree(4, ended.clone(), begun.clone()));
        until(|| begun.load(SeqCst) == NODES);
        let unwinder = Unwinder::start();
        root.cancel();
        assert_cancelled(root);
        assert_eq!(ended.load(SeqCst), NODES);
        unwinder.end();
    });
}

#[test]
fn a_shutdown_beside_an_unwinding_task() {
    for workers in WORKERS {
        let runtime = with_workers(workers);
        let drops = Arc::new(AtomicUsize::new(0));
        runtime.run({
            let drops = drops.clone();
            move || {
                drop(go!({
                    let _guard = on_drop(|| sleep(SOON * 5));
                    panic::panic_any("slow")
                }));
                for _ in 0..20 {
                    drop(go!(clone(drops) => {
                        let _guard = on_drop(move || {
                            sleep(SOON);
                            drops.fetch_add(1, SeqCst);
                        });
                        sleep(NEVER);
                    }));
                }
                settle();
            }
        });
        runtime.shutdown(Duration::MAX).unwrap();
        assert!(drops.load(SeqCst) <= 20);
    }
}
