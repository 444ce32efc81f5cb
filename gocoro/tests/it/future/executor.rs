//! Executors by hand, which know nothing of gocoro.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// A future that `poll` polls.
pub(super) fn from_fn<T>(
    poll: impl FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
) -> impl Future<Output = T> + Unpin {
    std::future::poll_fn(poll)
}

/// A waker that counts its calls.
#[derive(Default)]
pub(super) struct Counter(pub(super) AtomicUsize);

impl Counter {
    pub(super) fn new() -> (Arc<Counter>, Waker) {
        let counter = Arc::new(Counter::default());
        (counter.clone(), Waker::from(counter))
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Polls once, with a waker that does nothing.
pub(super) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

struct Unparks(Thread);

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs one future on this thread.
#[expect(clippy::disallowed_methods, reason = "a plain thread")]
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unparks(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Queue {
    ready: VecDeque<Arc<Job>>,
    /// The jobs that have not ended.
    running: usize,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Job {
    future: Mutex<Option<Boxed>>,
    shared: Arc<Shared>,
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        let shared = self.shared.clone();
        shared.queue.lock().unwrap().ready.push_back(self);
        shared.changed.notify_one();
    }
}

/// An executor with threads, on any of which a future is polled next.
#[derive(Default)]
pub(super) struct Pool(Arc<Shared>);

impl Pool {
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.queue.lock().unwrap().running += 1;
        let future = Mutex::new(Some(Box::pin(future) as Boxed));
        Arc::new(Job { future, shared: self.0.clone() }).wake();
    }

    /// Runs all futures to their ends on this many threads.
    pub(super) fn run(&self, threads: usize) {
        thread::scope(|s| {
            for _ in 0..threads {
                s.spawn(|| while self.step() {});
            }
        });
    }

    fn step(&self) -> bool {
        let mut queue = self.0.queue.lock().unwrap();
        let job = loop {
            if let Some(job) = queue.ready.pop_front() {
                break job;
            }
            if queue.running == 0 {
                return false;
            }
            queue = self.0.changed.wait(queue).unwrap();
        };
        drop(queue);
        let waker = Waker::from(job.clone());
        let mut place = job.future.lock().unwrap();
        if let Some(future) = &mut *place
            && future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *place = None;
            self.0.queue.lock().unwrap().running -= 1;
            self.0.changed.notify_all();
        }
        true
    }
}

/// Is ready when one of two futures is, and then drops the other.
pub(super) async fn either<A, B, T>(one: A, other: B) -> T
where
    A: Future<Output = T>,
    B: Future<Output = T>,
{
    let (mut one, mut other) = (pin!(one), pin!(other));
    std::future::poll_fn(move |context| {
        let polled = one.as_mut().poll(context);
        if polled.is_ready() { polled } else { other.as_mut().poll(context) }
    })
    .await
}
