//! gocoro's operations as futures, in other executors and in `wait`.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::channel::{
    RecvError, SendError, after, bounded, broadcast, never, oneshot, tick, unbounded, watch,
};
use gocoro::future::wait;
use gocoro::sync::{AbandonedPromise, Event, promise};
use gocoro::{go, select, task};

use super::executor::{Counter, Pool, block_on, poll_once};
use crate::support::{Colour, WORKERS, in_both_colours, on_workers, settle};

/// Runs a scenario with `wait` on tasks and threads, and in an executor that knows nothing of
/// gocoro.
fn in_executors<F: Future<Output = ()> + 'static>(scenario: fn() -> F) {
    for workers in WORKERS {
        Colour::Task.run(workers, move || wait(scenario()));
    }
    Colour::Thread.run(0, move || wait(scenario()));
    Colour::Thread.run(0, move || block_on(scenario()));
}

#[test]
fn a_handle_is_the_tasks_result() {
    in_executors(|| async {
        assert_eq!(go!({ 1 }).await.unwrap(), 1);
        let late = go!({
            settle();
            2
        });
        assert_eq!(late.await.unwrap(), 2);
        let error = go!(name = "unlucky" => { panic!("no") }).await.unwrap_err();
        assert!(error.is_panic() && error.to_string().contains("unlucky"));
        let parked = go!({ task::park() });
        parked.cancel();
        assert!(parked.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_scoped_handle_is_awaited_with_what_it_borrows() {
    in_both_colours(|| {
        let text = String::from("abc");
        let (length, failed) = task::scope(|s| {
            let length = s.spawn(|| {
                settle();
                &text[1..]
            });
            let failed = s.spawn(|| panic!("taken by the await"));
            block_on_or_wait(async { (length.await.unwrap().len(), failed.await) })
        });
        assert_eq!(length, 2);
        assert!(failed.unwrap_err().is_panic());
    });

    fn block_on_or_wait<F: Future>(future: F) -> F::Output {
        if task::try_current().is_some() { wait(future) } else { block_on(future) }
    }
}

#[test]
fn the_panic_of_a_scoped_task_whose_future_is_dropped_is_raised_by_the_scope() {
    in_both_colours(|| {
        let failed = std::panic::catch_unwind(|| {
            let gone = Event::new();
            task::scope(|s| {
                let handle = s.spawn(|| {
                    gone.wait();
                    std::panic::panic_any("nobody's")
                });
                let mut joining = Box::pin(std::future::IntoFuture::into_future(handle));
                let polled: Poll<Result<(), _>> = poll_once(joining.as_mut());
                assert!(polled.is_pending());
                drop(joining);
                gone.set();
            });
        });
        assert_eq!(failed.unwrap_err().downcast_ref(), Some(&"nobody's"));
    });
}

#[test]
fn a_task_that_awaits_itself_is_told() {
    in_both_colours(|| {
        let (sender, receiver) = oneshot::<task::JoinHandle<()>>();
        let (told, heard) = mpsc::channel();
        let task = go!({
            let own = receiver.recv().unwrap();
            let awaited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                wait(async { own.await.unwrap() })
            }));
            told.send(awaited.unwrap_err().downcast::<String>().unwrap()).unwrap();
        });
        sender.send(task).unwrap();
        let mut message = None;
        crate::support::until(|| {
            message = heard.try_recv().ok();
            message.is_some()
        });
        assert!(message.unwrap().contains("joins itself"));
    });
}

#[test]
fn messages_pass_between_futures_and_plain_code() {
    in_executors(|| async {
        for capacity in [0, 1, 3] {
            let (sender, receiver) = bounded(capacity);
            let source = go!({
                for number in 0..50 {
                    sender.send(number).unwrap();
                    if number % 7 == 0 {
                        settle();
                    }
                }
            });
            for number in 0..50 {
                assert_eq!(receiver.recv_async().await, Ok(number));
            }
            assert_eq!(receiver.recv_async().await, Err(RecvError));
            source.await.unwrap();

            let (sender, receiver) = bounded(capacity);
            let sink = go!({ receiver.iter().take(50).collect::<Vec<_>>() });
            for number in 0..50 {
                assert_eq!(sender.send_async(number).await, Ok(()));
            }
            assert_eq!(sink.await.unwrap(), (0..50).collect::<Vec<_>>());
            assert_eq!(sender.send_async(50).await, Err(SendError(50)));
        }
    });
}

#[test]
fn a_future_that_waits_is_told_of_the_other_sides_end() {
    in_executors(|| async {
        let (sender, receiver) = unbounded::<i32>();
        let ending = go!({
            settle();
            drop(sender);
        });
        assert_eq!(receiver.recv_async().await, Err(RecvError));
        ending.await.unwrap();

        let (sender, receiver) = bounded(0);
        let ending = go!({
            settle();
            drop(receiver);
        });
        assert_eq!(sender.send_async("back").await, Err(SendError("back")));
        ending.await.unwrap();
    });
}

#[test]
fn two_futures_meet_without_a_buffer() {
    in_executors(|| async {
        let (sender, receiver) = bounded(0);
        let (mut sending, mut receiving) =
            (pin!(sender.send_async(1)), pin!(receiver.recv_async()));
        assert!(poll_once(sending.as_mut()).is_pending());
        assert_eq!(poll_once(receiving.as_mut()), Poll::Ready(Ok(1)));
        assert_eq!(poll_once(sending.as_mut()), Poll::Ready(Ok(())));

        let (mut sending, mut receiving) =
            (pin!(sender.send_async(2)), pin!(receiver.recv_async()));
        assert!(poll_once(receiving.as_mut()).is_pending());
        assert_eq!(poll_once(sending.as_mut()), Poll::Ready(Ok(())));
        assert_eq!(poll_once(receiving.as_mut()), Poll::Ready(Ok(2)));
    });
}

#[test]
fn futures_meet_the_arms_of_a_choice() {
    in_executors(|| async {
        for _ in 0..20 {
            let (sender, receiver) = bounded(0);
            // The arm's message is made after the two have met.
            let task = go!({
                select! {
                    send(sender, { settle(); 7 }) -> sent => sent.unwrap(),
                }
            });
            assert_eq!(receiver.recv_async().await, Ok(7));
            task.await.unwrap();

            let (sender, receiver) = bounded(0);
            let task = go!({
                select! {
                    recv(receiver) -> message => message,
                    recv(never::<i32>()) -> _ => unreachable!(),
                }
            });
            sender.send_async(8).await.unwrap();
            assert_eq!(task.await.unwrap(), Ok(8));
        }
    });
}

#[test]
fn the_clocks_messages_are_awaited() {
    in_executors(|| async {
        let start = Instant::now();
        let due = after(Duration::from_millis(5)).recv_async().await.unwrap();
        assert!(due >= start + Duration::from_millis(5) && Instant::now() >= due);
        let ticks = tick(Duration::from_millis(2));
        for _ in 0..3 {
            ticks.recv_async().await.unwrap();
        }
        assert!(start.elapsed() >= Duration::from_millis(11));
        // One that is dropped, and one that never comes.
        let late = after(Duration::from_secs(3600));
        assert!(poll_once(pin!(late.recv_async())).is_pending());
        assert!(poll_once(pin!(never::<()>().recv_async())).is_pending());
    });
}

#[test]
fn answers_and_news_are_awaited() {
    in_executors(|| async {
        let (sender, receiver) = oneshot();
        let answering = go!({
            settle();
            sender.send("answer")
        });
        assert_eq!(receiver.recv_async().await, Ok("answer"));
        answering.await.unwrap().unwrap();
        assert_eq!(receiver.recv_async().await, Err(RecvError));

        let (sender, receiver) = broadcast(2);
        let other = sender.subscribe();
        let telling = go!({
            settle();
            sender.send(0).unwrap();
            sender
        });
        assert_eq!(receiver.recv_async().await, Ok(0));
        let sender = telling.await.unwrap();
        (1..4).for_each(|number| _ = sender.send(number).unwrap());
        assert!(matches!(other.recv_async().await, Err(broadcast::RecvError::Lagged(2))));
        assert_eq!(other.recv_async().await, Ok(2));

        let (sender, receiver) = watch(1);
        let setting = go!({
            settle();
            sender.send(2).unwrap();
        });
        receiver.changed_async().await.unwrap();
        assert_eq!(*receiver.borrow(), 2);
        setting.await.unwrap();
        assert_eq!(receiver.changed_async().await, Err(RecvError));
    });
}

#[test]
fn a_deferred_value_is_awaited_by_many() {
    in_executors(|| async {
        let (set, value) = promise();
        let theirs = value.clone();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let value = value.clone();
                thread::spawn(move || block_on(async { *(&value).await.unwrap() }))
            })
            .collect();
        go!({
            settle();
            set.set(42);
        });
        assert_eq!(theirs.wait_async().await, Ok(&42));
        assert_eq!((&value).await, Ok(&42));
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 42));

        let (abandoned, value) = promise::<i32>();
        drop(abandoned);
        assert_eq!(value.wait_async().await, Err(AbandonedPromise));
    });
}

#[test]
fn a_future_moves_from_thread_to_thread_between_its_polls() {
    on_workers(|_| {
        let (sender, receiver) = bounded(1);
        let mut receiving = Box::pin(async move { receiver.recv_async().await });
        for _ in 0..3 {
            receiving = thread::spawn(move || {
                assert!(poll_once(receiving.as_mut()).is_pending());
                receiving
            })
            .join()
            .unwrap();
        }
        sender.send(1).unwrap();
        assert_eq!(wait(receiving), Ok(1));
    });
}

#[test]
fn the_waker_of_the_last_poll_is_called_once_and_then_dropped() {
    in_both_colours(|| {
        let (sender, receiver) = bounded(2);
        let ((first, one), (last, other)) = (Counter::new(), Counter::new());
        let mut receiving = pin!(receiver.recv_async());
        for waker in [&one, &one, &other] {
            assert!(receiving.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
        }
        drop((one, other));
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!((first.count(), last.count()), (0, 1));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&last)), (1, 1));
        assert_eq!(poll_once(receiving.as_mut()), Poll::Ready(Ok(1)));

        let (kept, waker) = Counter::new();
        let (_sender, receiver) = bounded::<i32>(2);
        let mut receiving = Box::pin(receiver.recv_async());
        assert!(receiving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop((receiving, waker));
        assert_eq!(Arc::strong_count(&kept), 1);
    });
}

#[test]
fn a_waker_that_panics_harms_nobody() {
    struct Panics(Arc<AtomicUsize>);
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
            panic!("in a waker, which the test expects");
        }
    }
    in_both_colours(|| {
        let calls = Arc::new(AtomicUsize::new(0));
        let waker = Arc::new(Panics(calls.clone())).into();
        let mut context = Context::from_waker(&waker);
        let (sender, receiver) = unbounded();
        let mut receiving = pin!(receiver.recv_async());
        assert!(receiving.as_mut().poll(&mut context).is_pending());
        sender.send(1).unwrap();
        assert_eq!(poll_once(receiving), Poll::Ready(Ok(1)));

        let task = go!({
            task::park();
            5
        });
        let named = task.task().clone();
        let mut joining = pin!(std::future::IntoFuture::into_future(task));
        assert!(joining.as_mut().poll(&mut context).is_pending());
        named.unpark();
        crate::support::until(|| calls.load(SeqCst) == 2);
        assert_eq!(wait(joining).unwrap(), 5);
    });
}

#[test]
fn a_waker_that_uses_gocoro_runs_as_no_task() {
    struct Uses(mpsc::Sender<bool>);
    impl std::task::Wake for Uses {
        fn wake(self: Arc<Self>) {
            let (sender, receiver) = unbounded();
            sender.send(1).unwrap();
            // A wait in a waker blocks its thread, and ends.
            wait(receiver.recv_async()).unwrap();
            gocoro::time::sleep(Duration::from_millis(1));
            self.0.send(task::try_current().is_none()).unwrap();
        }
    }
    in_both_colours(|| {
        let (told, heard) = mpsc::channel();
        let waker = Arc::new(Uses(told)).into();
        let (sender, receiver) = bounded(1);
        let mut receiving = pin!(receiver.recv_async());
        assert!(receiving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sender.send(1).unwrap();
        assert_eq!(heard.try_recv(), Ok(true));
        assert_eq!(poll_once(receiving), Poll::Ready(Ok(1)));
    });
}

#[test]
fn a_pool_of_threads_and_tasks_pass_messages() {
    on_workers(|_| {
        const EACH: usize = 200;
        let (sender, receiver) = bounded(2);
        let pool = Pool::default();
        let sum = Arc::new(AtomicUsize::new(0));
        for _ in 0..4 {
            let (sender, receiver, sum) = (sender.clone(), receiver.clone(), sum.clone());
            pool.spawn(async move {
                for number in 1..=EACH {
                    sender.send_async(number).await.unwrap();
                }
            });
            pool.spawn(async move {
                for _ in 0..EACH {
                    sum.fetch_add(receiver.recv_async().await.unwrap(), SeqCst);
                }
            });
        }
        let mut tasks = Vec::new();
        for _ in 0..2 {
            tasks.push(go!(clone(sender) => { (1..=EACH).for_each(|n| sender.send(n).unwrap()) }));
            let sum = sum.clone();
            tasks.push(go!(clone(receiver) => {
                for _ in 0..EACH {
                    sum.fetch_add(receiver.recv().unwrap(), SeqCst);
                }
            }));
        }
        gocoro::blocking::unblock(move || pool.run(3));
        tasks.into_iter().for_each(|task| task.wait());
        assert_eq!(sum.load(SeqCst), 6 * EACH * (EACH + 1) / 2);
    });
}

#[test]
fn futures_are_send_where_their_values_are() {
    fn is_send<T: Send + Sync>(_: &T) {}
    let (sender, receiver) = bounded::<std::cell::Cell<i32>>(1);
    is_send(&receiver.recv_async());
    is_send(&sender.send_async(std::cell::Cell::new(1)));
    is_send(&std::future::IntoFuture::into_future(go!({ std::cell::Cell::new(1) })));
    let (_promise, deferred) = promise::<i32>();
    is_send(&deferred.wait_async());
    let (_sender, receiver) = broadcast::<i32>(1);
    is_send(&receiver.recv_async());
    let (_sender, receiver) = watch(1);
    is_send(&receiver.changed_async());
}
