//! Operations of the list that only the blocking pool keeps waiting: each is cut short while it
//! waits for a thread, and then has had no effect. The pool has one thread here, and a process of
//! its own for that.

use std::io::ErrorKind;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Instant;

use gocoro::blocking::{self, unblock};
use gocoro::go;
use gocoro::sync::Mutex;
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, timeout};

use super::list::Op;
use super::list_fs::QUEUED;
use crate::fs::with_pool_of;
use crate::support::{SOON, on_drop, on_workers};
use crate::tcp::{Colour, kind};

/// What occupies the pool's only thread, until it is told to go on.
struct Plug {
    gate: Arc<Barrier>,
    task: JoinHandle<()>,
}

impl Plug {
    fn new() -> Plug {
        let gate = Arc::new(Barrier::new(2));
        let (tell, told) = gocoro::channel::bounded(1);
        let inner = gate.clone();
        let task = go!({
            unblock(move || {
                tell.send(()).unwrap();
                inner.wait();
            })
        });
        told.recv().unwrap();
        Plug { gate, task }
    }

    fn pull(self) {
        self.gate.wait();
        self.task.wait();
    }
}

/// Runs `check` with each operation, and with what occupies the pool, in a task and on a thread.
/// The operation succeeds afterwards, which it could not if it had had its effect before.
fn each(check: fn(&mut Op)) {
    for (name, make) in QUEUED {
        for colour in [Colour::Task, Colour::Thread] {
            println!("{name}, {colour:?}");
            let (mut op, plug) = (make().unwrap(), Plug::new());
            let op = colour.spawn(move || {
                check(&mut op);
                op
            });
            let mut op = op.wait();
            plug.pull();
            // What was queued, if anything was, has run before this.
            go!({ unblock(|| ()) }).wait();
            op().unwrap();
        }
    }
}

#[test]
fn a_timeout_ends_each() {
    with_pool_of(1, "sockets::queued::a_timeout_ends_each", || {
        each(|op| {
            for _ in 0..2 {
                assert!(timeout(SOON, &mut *op).is_err());
            }
        });
    });
}

#[test]
fn an_io_deadline_ends_each() {
    with_pool_of(1, "sockets::queued::an_io_deadline_ends_each", || {
        each(|op| {
            let result = io_deadline(Instant::now() + SOON, &mut *op);
            assert_eq!(kind(result), ErrorKind::TimedOut);
            assert_eq!(kind(io_deadline(Instant::now(), &mut *op)), ErrorKind::TimedOut);
        });
    });
}

#[test]
fn a_cancel_ends_each() {
    with_pool_of(1, "sockets::queued::a_cancel_ends_each", || {
        for (name, make) in QUEUED {
            println!("{name}");
            let (op, plug) = (Arc::new(Mutex::new(make().unwrap())), Plug::new());
            let task = go!(clone(op) => { (op.lock().unwrap())() });
            wait_until_queued();
            task.cancel();
            assert!(task.join().unwrap_err().is_cancelled());
            plug.pull();
            go!({ unblock(|| ()) }).wait();
            (op.lock().unwrap())().unwrap();
        }
    });
}

/// Files are waited for, where a socket would fail.
#[test]
fn in_destructors_of_a_cancelled_task_each_is_done() {
    with_pool_of(1, "sockets::queued::in_destructors_of_a_cancelled_task_each_is_done", || {
        for (name, make) in QUEUED {
            println!("{name}");
            let (mut op, plug) = (make().unwrap(), Plug::new());
            let (tell, told) = mpsc::channel();
            let task = task::spawn(move || {
                let _guard = on_drop(move || tell.send(op()).unwrap());
                task::current().cancel();
                task::park();
            });
            wait_until_queued();
            plug.pull();
            assert!(task.join().unwrap_err().is_cancelled());
            told.recv().unwrap().unwrap();
        }
    });
}

fn wait_until_queued() {
    while blocking::stats().queued == 0 {
        thread::yield_now();
    }
}

/// None of them leaves a descriptor open, or a call in the queue.
#[test]
fn nothing_is_left_of_what_was_cut_short() {
    with_pool_of(1, "sockets::queued::nothing_is_left_of_what_was_cut_short", || {
        on_workers(|_| {
            let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
            let plug = Plug::new();
            let before = open();
            for (_, make) in QUEUED {
                let op = thread::spawn(|| make().unwrap()).join().unwrap();
                assert!(timeout(SOON, op).is_err());
            }
            assert_eq!(open(), before);
            plug.pull();
            go!({ unblock(|| ()) }).wait();
            assert_eq!(blocking::stats().queued, 0);
        });
    });
}
