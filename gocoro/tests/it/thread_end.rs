//! Waits in the destructors of a plain thread's thread-locals, where gocoro's own may be gone
//! already.

use std::cell::RefCell;
use std::io::prelude::*;
use std::panic;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use gocoro::channel::{bounded, never, unbounded};
use gocoro::coroutine::iter::generate;
use gocoro::coroutine::{Coroutine, Greenlet, Step, Suspender};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::sync::{Condvar, Event, Mutex};
use gocoro::task::{self, TaskGroup};
use gocoro::time::{sleep, sleep_until, timeout};
use gocoro::{go, select};

use crate::support::{HANG, SOON};

/// Waits when it is dropped.
struct Last {
    wait: fn(),
    ended: mpsc::Sender<bool>,
}

impl Drop for Last {
    fn drop(&mut self) {
        // A panic out of here would abort the process.
        let ended = panic::catch_unwind(self.wait).is_ok();
        self.ended.send(ended).unwrap();
    }
}

/// Runs `wait` in such a destructor: once while what the thread keeps for its waits is there, and
/// once when it is gone. Thread-locals are dropped in the reverse order of their first uses.
#[track_caller]
fn at_the_end(wait: fn()) {
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    for waits_before in [true, false] {
        println!("waits before: {waits_before}");
        let (ended, has_ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            if waits_before {
                wait();
            }
            LAST.set(Some(Last { wait, ended }));
            if !waits_before {
                wait();
            }
        });
        assert_eq!(has_ended.recv_timeout(HANG), Ok(true));
        thread.join().unwrap();
    }
}

#[test]
fn receives() {
    at_the_end(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let sending = go!({
                sleep(SOON);
                sender.send(7)
            });
            assert_eq!(receiver.recv(), Ok(7));
            sending.wait().unwrap();
            assert!(receiver.recv().is_err());
        }
    });
}

#[test]
fn sends() {
    at_the_end(|| {
        for capacity in [0, 1] {
            let (sender, receiver) = bounded(capacity);
            let receiving = go!({
                sleep(SOON);
                receiver.iter().sum::<i32>()
            });
            (0..4).for_each(|n| sender.send(n).unwrap());
            drop(sender);
            assert_eq!(receiving.wait(), 6);
        }
    });
}

#[test]
fn locks() {
    at_the_end(|| {
        let lock = Arc::new(Mutex::new(0));
        let (locked, is_locked) = mpsc::channel();
        let holder = go!(clone(lock) => {
            let mut value = lock.lock().unwrap();
            locked.send(()).unwrap();
            sleep(SOON);
            *value = 1;
        });
        is_locked.recv().unwrap();
        assert_eq!(*lock.lock().unwrap(), 1);
        holder.wait();
    });
}

#[test]
fn waits_for_conditions_and_events() {
    at_the_end(|| {
        let shared = Arc::new((Mutex::new(false), Condvar::new(), Event::new()));
        let other = go!(clone(shared) => {
            sleep(SOON);
            *shared.0.lock().unwrap() = true;
            shared.1.notify_all();
            sleep(SOON);
            shared.2.set();
        });
        let (value, condition, event) = &*shared;
        drop(condition.wait_while(value.lock().unwrap(), |is_set| !*is_set).unwrap());
        event.wait();
        other.wait();
        assert!(!Event::new().wait_timeout(SOON));
    });
}

#[test]
fn selects() {
    at_the_end(|| {
        let (sender, receiver) = unbounded();
        let sending = go!({
            sleep(SOON);
            sender.send(7).unwrap();
        });
        let (never, mut slow) = (never::<i32>(), go!(sleep(SOON)));
        for _ in 0..2 {
            select! {
                recv(receiver) -> message => assert!(message.is_err() || message == Ok(7)),
                recv(never) -> _ => unreachable!(),
            }
        }
        select! {
            recv(never) -> _ => unreachable!(),
            join(&mut slow) -> slept => slept.unwrap(),
        }
        select! {
            recv(never) -> _ => unreachable!(),
            default(SOON) => {}
        }
        sending.wait();
    });
}

#[test]
fn sleeps() {
    at_the_end(|| {
        let begun = Instant::now();
        sleep(SOON);
        sleep_until(begun + 2 * SOON);
        assert!(begun.elapsed() >= 2 * SOON);
        task::park_timeout(SOON);
        task::yield_now();
    });
}

#[test]
fn joins() {
    at_the_end(|| {
        let slow = || {
            sleep(SOON);
            7
        };
        assert_eq!(go!(slow()).wait(), 7);
        let (end, ends) = bounded::<()>(0);
        let task = go!({
            assert!(ends.recv().is_err());
            7
        });
        let task = task.join_timeout(SOON).unwrap_err();
        drop(end);
        assert_eq!(task.join().unwrap(), 7);
        assert_eq!(task::scope(|s| s.spawn(slow).join().unwrap()), 7);
        assert_eq!(task::race((slow, || 7)), Some(7));
        let group = TaskGroup::new();
        group.spawn(slow);
        assert_eq!(group.next().unwrap().unwrap(), 7);
    });
}

#[test]
fn times_out() {
    at_the_end(|| {
        assert!(timeout(SOON, || never::<()>().recv().is_ok()).is_err());
        assert!(timeout(SOON, || sleep(HANG)).is_err());
        assert_eq!(timeout(HANG, || 7), Ok(7));
    });
}

#[test]
fn reads_and_writes() {
    at_the_end(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let echo = go!({
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes).unwrap();
            sleep(SOON);
            stream.write_all(&bytes).unwrap();
        });
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"last").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "last");
        echo.wait();
    });
}

#[test]
fn resumes_coroutines() {
    at_the_end(|| {
        let mut coroutine = Coroutine::new(|suspender: &Suspender<u32, u32>, n| {
            sleep(SOON);
            suspender.suspend(n + 1)
        });
        assert_eq!(coroutine.resume(1).unwrap(), Step::Yielded(2));
        assert_eq!(coroutine.resume(3).unwrap(), Step::Returned(3));
        let mut items = generate(|emitter| (0..3).for_each(|n| emitter.emit(n)));
        assert_eq!(items.next(), Some(0));
        // It is unwound.
        drop(items);
        assert_eq!(Greenlet::new(|n: u32| n + 1).switch_to(1).unwrap(), 2);
    });
}
