//! Choices that are cancelled take nothing, and wait nowhere any more.

use std::io::{self, ErrorKind, Read};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gocoro::channel::{bounded, never};
use gocoro::net::TcpStream;
use gocoro::sync::{Event, Semaphore};
use gocoro::task::{self, Cancelled, TaskGroup};
use gocoro::{go, select, select_biased, time};

use crate::channel::matrix;
use crate::group::parked;
use crate::support::{NEVER, assert_cancelled, on_drop, on_workers, pair, settle};
use crate::sync::on_one_worker;

/// A choice in a destructor that waits for a socket ends with an error when a cancel comes.
#[test]
fn a_cancel_reaches_a_choice_of_sockets_in_a_destructor() {
    on_workers(|_| {
        let (near, _far) = pair();
        let (begin, begun) = bounded(0);
        let (tell, told) = bounded(1);
        let unwinding = go!({
            let _guard = on_drop(move || {
                begin.send(()).unwrap();
                let ready = select! {
                    readable(near) -> ready => ready,
                    recv(never::<()>()) -> _ => unreachable!("it never comes"),
                };
                tell.send(ready.unwrap_err()).unwrap();
            });
            if true {
                resume_unwind(Box::new("on purpose"));
            }
        });
        begun.recv().unwrap();
        settle();
        unwinding.cancel();
        let error = told.recv().unwrap();
        assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        assert!(unwinding.join().unwrap_err().is_panic());
    });
}

#[test]
fn a_cancelled_choice_takes_nothing() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        let (full, other) = bounded(1);
        full.send(0).unwrap();
        let choosing = go!(clone(receiver, full) => {
            select! {
                recv(receiver) -> _ => unreachable!(),
                send(full, 1) -> _ => unreachable!(),
            }
        });
        settle();
        choosing.cancel();
        assert!(choosing.join().unwrap_err().is_cancelled());
        assert!(sender.try_send(1).is_err(), "nobody waits any more");
        assert_eq!(other.recv(), Ok(0));
        assert!(full.try_send(2).is_ok());
        assert_eq!(other.try_iter().collect::<Vec<_>>(), [2]);
    });
}

#[test]
fn a_cancelled_choice_forgets_the_stream() {
    on_workers(|_| {
        let (near, far) = pair();
        let choosing = go!({ select!(readable(near) => unreachable!("nothing was written")) });
        settle();
        choosing.cancel();
        assert!(choosing.join().unwrap_err().is_cancelled());
        assert_eq!((&far).read(&mut [0]).unwrap_or(0), 0);
    });
}

/// In a destructor of a cancelled task, and once an `io_deadline` has passed, a choice fails where
/// it would wait; what can be done at once is done, in whatever order it is listed.
#[test]
fn what_needs_no_waiting_is_done_under_a_cancel() {
    fn choices(silent: &TcpStream) -> io::Error {
        let (sender, receiver) = bounded(1);
        sender.send(1).unwrap();
        select_biased! {
            readable(silent) -> _ => unreachable!("nothing was written"),
            recv(receiver) -> got => assert_eq!(got, Ok(1)),
        }
        select! {
            readable(silent) -> _ => unreachable!("nothing was written"),
            default => {}
        }
        select!(writable(silent) -> ready => ready.unwrap());
        select! {
            readable(silent) -> ready => ready.unwrap_err(),
            recv(receiver) -> _ => unreachable!("nothing was sent"),
            default(NEVER) => unreachable!(),
        }
    }
    on_workers(|_| {
        let (near, _far) = pair();
        let (tell, told) = bounded(1);
        let cancelled = go!({
            let _guard = on_drop(move || tell.send(choices(&near)).unwrap());
            task::current().cancel();
            task::park();
        });
        assert!(cancelled.join().unwrap_err().is_cancelled());
        let error = told.recv().unwrap();
        assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
    });
    matrix(|_| {
        let (near, _far) = pair();
        let error = time::io_deadline(Instant::now(), || choices(&near));
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_cancelled_choice_leaves_a_groups_result() {
    on_workers(|_| {
        let group = Arc::new(TaskGroup::new());
        let task = parked(&group, 1);
        let (_sender, receiver) = bounded::<()>(0);
        let choosing = go!(clone(group) => {
            select! {
                wait(group) -> _ => {}
                recv(receiver) -> _ => {}
            }
        });
        settle();
        choosing.cancel();
        assert!(choosing.join().unwrap_err().is_cancelled());
        task.unpark();
        assert_eq!(group.next().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_cancel_and_a_timeout_leave_nothing_with_a_primitive() {
    on_one_worker(|| {
        let all = Arc::new((Event::auto(), Semaphore::new(0)));
        let chooser = go!(clone(all) => {
            select! { wait(all.0) -> () => (), wait(all.1) -> _ => () }
        });
        settle();
        let timed = go!(clone(all) => {
            select! {
                wait(all.0) -> () => false,
                wait(all.1) -> _ => false,
                default(Duration::from_millis(2)) => true,
            }
        });
        assert!(timed.wait());
        chooser.cancel();
        assert_cancelled(chooser);
        all.0.set();
        all.1.add_permits(1);
        assert!(all.0.is_set() && all.1.available_permits() == 1);
        // Chosen before the cancel, it is had.
        let chooser = go!(clone(all) => {
            all.0.reset();
            select! { wait(all.0) -> () => all.1.close() }
            task::yield_now();
        });
        settle();
        all.0.set();
        chooser.cancel();
        assert_cancelled(chooser);
        assert!(all.1.is_closed() && !all.0.is_set());
    });
}
