//! Waiting for a future.

use std::cell::{Cell, RefCell};
use std::future::{self, Future, IntoFuture};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gocoro::future::{wait, wait_timeout};
use gocoro::go;
use gocoro::sync::{Event, Mutex};
use gocoro::task::{self, yield_now};
use gocoro::time::{sleep, timeout};

use super::executor::from_fn;
use crate::support::{
    Colour, Ends, NEVER, SOON, WORKERS, assert_cancelled, bounded, in_both_colours, on_drop,
    on_workers, settle,
};

/// Is ready from its second poll on, and wakes itself in the first.
fn yields() -> impl Future<Output = ()> + Unpin {
    let mut polled = false;
    from_fn(move |context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

#[test]
fn a_ready_future_is_polled_once() {
    in_both_colours(|| {
        let polls = Cell::new(0);
        let future = from_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::Ready("here")
        });
        assert_eq!(wait(future), "here");
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn a_future_may_borrow_and_need_not_be_send() {
    in_both_colours(|| {
        let local = Rc::new(RefCell::new(vec![1]));
        let text = String::from("abc");
        let length = wait(async {
            yields().await;
            local.borrow_mut().push(2);
            text.len()
        });
        assert_eq!((length, &*local.borrow()), (3, &vec![1, 2]));
    });
}

#[test]
fn what_becomes_a_future_is_accepted() {
    struct Later(u32);
    impl IntoFuture for Later {
        type Output = u32;
        type IntoFuture = future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            future::ready(self.0)
        }
    }
    assert_eq!(wait(Later(3)), 3);
    assert_eq!(wait_timeout(NEVER, Later(4)), Ok(4));
}

#[test]
fn a_wake_comes_before_during_and_after_the_poll() {
    in_both_colours(|| {
        // During: by the poll itself.
        wait(yields());
        // During: by another thread, which has ended when the poll returns.
        let mut polls = 0;
        wait(from_fn(|context| {
            polls += 1;
            let waker = context.waker().clone();
            std::thread::spawn(move || waker.wake()).join().unwrap();
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        }));
        // After: by another thread and by a task, when the waiting side has long been asleep.
        let (sender, wakers) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
        let thread = std::thread::spawn(move || {
            for (waker, ready) in wakers {
                ready.store(true, SeqCst);
                waker.wake();
            }
        });
        for _ in 0..100 {
            let ready = Arc::new(AtomicBool::new(false));
            wait(from_fn(|context| {
                if ready.load(SeqCst) {
                    return Poll::Ready(());
                }
                sender.send((context.waker().clone(), ready.clone())).unwrap();
                Poll::Pending
            }));
        }
        drop(sender);
        thread.join().unwrap();
        for _ in 0..100 {
            let ready = Arc::new(AtomicBool::new(false));
            let mut task = None;
            wait(from_fn(|context| {
                if ready.load(SeqCst) {
                    return Poll::Ready(());
                }
                let (waker, ready) = (context.waker().clone(), ready.clone());
                task.get_or_insert_with(|| {
                    go!({
                        settle();
                        ready.store(true, SeqCst);
                        waker.wake();
                    })
                });
                Poll::Pending
            }));
            task.unwrap().wait();
        }
    });
}

/// The case that a bare unpark loses: the wake comes while the poll waits for something else, which
/// uses it up.
#[test]
fn a_wake_during_a_wait_inside_of_the_poll_is_not_lost() {
    in_both_colours(|| {
        let (slept, woken) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let mut polls = 0;
        wait(from_fn(|context| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            let (theirs, told) = (slept.clone(), woken.clone());
            go!({
                theirs.wait();
                waker.wake();
                told.set();
            });
            // From here on the wake of the waker comes, and right after it that of this wait.
            slept.set();
            woken.wait();
            Poll::Pending
        }));
        assert_eq!(polls, 2);
    });
}

#[test]
fn a_wake_during_a_lock_or_a_sleep_inside_of_the_poll_is_not_lost() {
    in_both_colours(|| {
        let mutex = Arc::new(Mutex::new(()));
        for _ in 0..20 {
            let mut polls = 0;
            wait(from_fn(|context| {
                polls += 1;
                if polls == 2 {
                    return Poll::Ready(());
                }
                let waker = context.waker().clone();
                let (locked, told) = (mutex.clone(), Event::new());
                task::scope(|s| {
                    s.spawn(|| {
                        let _guard = locked.lock().unwrap();
                        told.set();
                        waker.wake_by_ref();
                        yield_now();
                    });
                    told.wait();
                    drop(mutex.lock().unwrap());
                });
                sleep(Duration::from_micros(10));
                Poll::Pending
            }));
        }
    });
}

#[test]
fn a_wait_inside_of_a_poll_gives_the_wakes_of_the_outer_one_back() {
    in_both_colours(|| {
        let mut polls = 0;
        wait(from_fn(|context| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            // The inner wait clears the call that this has made.
            context.waker().wake_by_ref();
            wait(yields());
            wait(async {
                wait(yields());
                yields().await;
            });
            Poll::Pending
        }));
    });
}

#[test]
fn a_wait_inside_of_a_poll_that_takes_no_call_has_the_outer_one_sleep() {
    in_both_colours(|| {
        let mut polls = 0;
        let mut task = None;
        wait(from_fn(|context| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            task = Some(go!({
                settle();
                waker.wake();
            }));
            wait(future::ready(()));
            Poll::Pending
        }));
        assert_eq!(polls, 2);
        task.unwrap().wait();
    });
}

#[test]
fn a_future_that_wakes_itself_lets_others_run() {
    bounded(|| {
        crate::support::with_workers(1).run(|| {
            let done = Rc::new(Cell::new(false));
            let theirs = done.clone();
            let other = go!(local => { theirs.set(true) });
            wait(from_fn(|context| {
                context.waker().wake_by_ref();
                if done.get() { Poll::Ready(()) } else { Poll::Pending }
            }));
            other.wait();
        });
    });
}

#[test]
fn waits_that_never_wait_give_way() {
    bounded(|| {
        crate::support::with_workers(1).run(|| {
            let done = Rc::new(Cell::new(false));
            let theirs = done.clone();
            go!(local => { theirs.set(true) });
            while !done.get() {
                wait(future::ready(()));
            }
            // In one wait too: what is awaited counts.
            let done = Rc::new(Cell::new(false));
            let theirs = done.clone();
            go!(local => { theirs.set(true) });
            let (sender, receiver) = gocoro::channel::bounded(1);
            wait(async {
                while !done.get() {
                    sender.send_async(1).await.unwrap();
                    receiver.recv_async().await.unwrap();
                }
            });
        });
    });
}

#[test]
fn a_cancel_drops_the_future_whose_destructors_may_wait() {
    on_workers(|_| {
        let (polled, dropped) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (told, ended) = (polled.clone(), dropped.clone());
        let task = go!({
            let here = task::current().id();
            wait(async move {
                let _end = on_drop(move || {
                    assert_eq!(task::current().id(), here, "on the task's own stack");
                    sleep(SOON);
                    wait(yields());
                    go!({}).wait();
                    ended.set();
                });
                told.set();
                future::pending::<()>().await;
            });
        });
        polled.wait();
        task.cancel();
        assert_cancelled(task);
        assert!(dropped.is_set());
    });
}

#[test]
fn a_timeout_around_the_wait_drops_the_future() {
    in_both_colours(|| {
        let drops = Rc::new(Cell::new(0));
        let theirs = Ends(drops.clone());
        let waited = timeout(SOON, || {
            wait(async move {
                let _theirs = theirs;
                future::pending::<()>().await;
            });
        });
        assert!(waited.is_err());
        assert_eq!(drops.get(), 1);
    });
}

#[test]
fn a_bounded_wait_drops_the_future_and_one_that_is_lent_goes_on() {
    in_both_colours(|| {
        let drops = Rc::new(Cell::new(0));
        let theirs = Ends(drops.clone());
        let pending = async move {
            let _theirs = theirs;
            future::pending::<()>().await;
        };
        assert!(wait_timeout(SOON, pending).is_err());
        assert_eq!(drops.get(), 1);
        assert_eq!(wait_timeout(Duration::ZERO, future::ready(1)), Ok(1));
        assert!(wait_timeout(Duration::ZERO, future::pending::<()>()).is_err());
        assert_eq!(wait_timeout(Duration::MAX, yields()), Ok(()));

        let event = Event::new();
        let mut polls = 0;
        let mut lent = pin!(from_fn(|_| {
            polls += 1;
            if event.is_set() { Poll::Ready(polls) } else { Poll::Pending }
        }));
        assert!(wait_timeout(SOON, lent.as_mut()).is_err());
        event.set();
        // Twice by the first wait: at its begin, and when its time was up.
        assert_eq!(wait_timeout(SOON, lent), Ok(3));
    });
}

#[test]
fn a_bounded_wait_ends_although_the_future_always_wakes_itself() {
    in_both_colours(|| {
        let awake = from_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(wait_timeout(SOON, awake).is_err());
    });
}

#[test]
fn a_panic_of_a_poll_goes_to_whoever_waits_after_the_future_is_dropped() {
    in_both_colours(|| {
        let drops = Rc::new(Cell::new(0));
        let theirs = Ends(drops.clone());
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait(async move {
                let _theirs = theirs;
                yields().await;
                std::panic::panic_any("in the poll");
            });
        }));
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&"in the poll"));
        assert_eq!(drops.get(), 1);
        wait(yields());
    });
}

#[test]
fn a_future_that_was_woken_by_many_threads_at_once_is_polled_to_its_end() {
    struct Each(Arc<Vec<AtomicBool>>, Vec<std::thread::JoinHandle<()>>);
    impl Future for Each {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.1.is_empty() {
                for number in 0..self.0.len() {
                    let (flags, waker) = (self.0.clone(), context.waker().clone());
                    self.1.push(std::thread::spawn(move || {
                        flags[number].store(true, SeqCst);
                        waker.wake();
                    }));
                }
            }
            if self.0.iter().all(|flag| flag.load(SeqCst)) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }
    for workers in WORKERS {
        for colour in [Colour::Task, Colour::Thread] {
            colour.run(workers, || {
                for _ in 0..20 {
                    let flags = (0..8).map(|_| AtomicBool::new(false)).collect();
                    wait(Each(Arc::new(flags), Vec::new()));
                }
            });
        }
    }
}

#[test]
fn a_wait_while_the_task_unwinds_is_an_ordinary_wait() {
    in_both_colours(|| {
        let ended = Rc::new(Cell::new(false));
        let seen = ended.clone();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _end = on_drop(|| {
                let (sender, receiver) = gocoro::channel::unbounded();
                go!({
                    settle();
                    sender.send(5).unwrap();
                });
                assert_eq!(wait(receiver.recv_async()), Ok(5));
                seen.set(true);
            });
            panic!("unwinds");
        }));
        assert!(failed.is_err() && ended.get());
    });
}

/// An executor may note for its thread what it polls, as tokio's does, or hold a lock. Another task
/// of the worker must not find that in the middle of a poll.
#[test]
fn a_poll_does_not_give_way() {
    thread_local! {
        static IS_POLLING: Cell<bool> = const { Cell::new(false) };
    }
    on_workers(|_| {
        let ends = [(); 2].map(|()| {
            let (sender, receiver) = gocoro::channel::unbounded();
            for n in 0..3000 {
                sender.send(n).unwrap();
            }
            go!({
                let mut all = pin!(async {
                    for n in 0..3000 {
                        assert_eq!(receiver.recv_async().await, Ok(n));
                    }
                });
                wait(from_fn(move |context| {
                    assert!(!IS_POLLING.replace(true));
                    let polled = all.as_mut().poll(context);
                    IS_POLLING.set(false);
                    polled
                }));
            })
        });
        ends.into_iter().for_each(task::JoinHandle::wait);
    });
}
