//! The wakers of those who poll a descriptor: leaving one, against an event that takes all.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Wake, Waker};

use loom::thread;

use crate::loom::AtomicU32;
use crate::reactor::Direction::Read;
use crate::reactor::pollers::{Pollers, call};

/// Counts its calls, which are no synchronization of the model's.
struct Called(AtomicUsize);

impl Called {
    fn new() -> (Arc<Called>, Waker) {
        let called = Arc::new(Called(AtomicUsize::new(0)));
        (called.clone(), Waker::from(called))
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Called {
    fn wake(self: Arc<Called>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// As the kernel makes a descriptor ready, and whoever watches acts on the event.
fn event(ready: &AtomicU32, pollers: &Pollers) {
    ready.store(1, std::sync::atomic::Ordering::Relaxed);
    let mut due = Vec::new();
    pollers.take(Read, &mut due);
    call(due);
}

/// `true`: it is ready. If not, the waker is left.
fn poll(ready: &AtomicU32, pollers: &Pollers, waker: &Waker) -> bool {
    pollers.listen(Read, waker);
    ready.load(std::sync::atomic::Ordering::Relaxed) == 1
}

#[test]
fn loom_who_polls_sees_that_it_is_ready_or_is_called() {
    loom::model(|| {
        let (ready, pollers) = (Arc::new(AtomicU32::new(0)), Arc::new(Pollers::default()));
        let threads = [0, 1].map(|_| {
            let (ready, pollers) = (ready.clone(), pollers.clone());
            let (called, waker) = Called::new();
            let polls = move || poll(&ready, &pollers, &waker) || poll(&ready, &pollers, &waker);
            (called, thread::spawn(polls))
        });
        event(&ready, &pollers);
        for (called, thread) in threads {
            assert!(thread.join().unwrap() || called.count() > 0);
        }
    });
}
