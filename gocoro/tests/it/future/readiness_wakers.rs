//! The wakers of those who poll sockets and pipes, which are anybody's code.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use gocoro::future::wait;
use gocoro::io::{self, PollRead, PollWrite};
use gocoro::net::TcpStream;
use gocoro::time::sleep;
use gocoro::{go, task};

use super::executor::Counter;
use crate::support::{SOON, bounded, in_both_colours, on_workers, pair, until, with_workers};

fn poll_read(stream: &TcpStream, waker: &Waker) -> Poll<io::Result<usize>> {
    stream.poll_read(&mut Context::from_waker(waker), &mut [0; 8])
}

/// Fills a stream, and leaves the waker to be called when there is room.
fn fill(stream: &TcpStream, waker: &Waker) {
    let mut context = Context::from_waker(waker);
    let (bytes, mut pending) = ([0; 1 << 16], 0);
    // A poll whose budget is used up is pending as well.
    while pending < 3 {
        match stream.poll_write(&mut context, &bytes) {
            Poll::Ready(result) => assert_ne!(result.unwrap(), 0),
            Poll::Pending => {
                pending += 1;
                task::yield_now();
            }
        }
    }
}

#[test]
fn each_waker_of_both_sides_is_called_for_its_side() {
    in_both_colours(|| {
        let (one, other) = pair();
        let (room, room_waker) = Counter::new();
        fill(&one, &room_waker);
        let before = room.count();
        let bytes: Vec<_> = (0..100).map(|_| Counter::new()).collect();
        for _ in 0..3 {
            for (_, waker) in &bytes {
                assert!(poll_read(&one, waker).is_pending());
            }
        }
        (&other).write_all(b"x").unwrap();
        until(|| bytes.iter().all(|(counter, _)| counter.count() > 0));
        assert_eq!(room.count(), before);
        let mut buf = vec![0; 1 << 16];
        until(|| {
            let _ = other.try_read(&mut buf);
            room.count() > before
        });
    });
}

#[test]
fn wakers_of_those_who_have_gone_are_forgotten_in_time() {
    in_both_colours(|| {
        let (one, other) = pair();
        let (live, live_waker) = Counter::new();
        assert!(poll_read(&one, &live_waker).is_pending());
        let gone: Vec<_> = (0..100).map(|_| Arc::new(Counter::default())).collect();
        for counter in &gone {
            assert!(poll_read(&one, &Waker::from(counter.clone())).is_pending());
        }
        // More come, and sooner or later all are asked.
        until(|| {
            sleep(SOON);
            assert!(poll_read(&one, &Counter::new().1).is_pending());
            gone.iter().all(|counter| Arc::strong_count(counter) == 1)
        });
        assert!(live.count() > 0);
        let before = live.count();
        assert!(poll_read(&one, &live_waker).is_pending());
        (&other).write_all(b"x").unwrap();
        until(|| live.count() > before);
    });
}

#[test]
fn many_who_wait_do_not_wake_each_other() {
    bounded(|| {
        let (one, other) = pair();
        let many: Vec<_> = (0..300).map(|_| Counter::new()).collect();
        let calls = || many.iter().map(|(counter, _)| counter.count()).sum::<usize>();
        let round = || {
            let before = calls();
            many.iter().for_each(|(_, waker)| assert!(poll_read(&one, waker).is_pending()));
            calls() == before
        };
        // On a slow machine some are asked while the others come.
        while !round() || !round() {}
        // Once all are known nobody is asked, however late it is.
        #[expect(clippy::disallowed_methods, reason = "a plain thread")]
        std::thread::sleep(Duration::from_millis(600));
        assert!(round() && round());
        let before = calls();
        (&other).write_all(b"x").unwrap();
        until(|| calls() == before + many.len());
    });
}

#[test]
fn what_is_dropped_keeps_no_waker() {
    on_workers(|_| {
        let (one, _other) = pair();
        let one = Arc::new(one);
        let (counter, waker) = Counter::new();
        assert!(poll_read(&one, &waker).is_pending());
        fill(&one, &waker);
        let stream = one.clone();
        std::thread::spawn(move || {
            let (_, waker) = Counter::new();
            assert!(poll_read(&stream, &waker).is_pending());
        })
        .join()
        .unwrap();
        drop(waker);
        assert!(Arc::strong_count(&counter) > 1);
        drop(one);
        until(|| Arc::strong_count(&counter) == 1);
    });
}

#[test]
fn the_end_of_a_runtime_wakes_those_who_have_polled_there() {
    bounded(|| {
        let (one, other) = pair();
        let one = Arc::new(one);
        let (counter, waker) = Counter::new();
        let (stream, theirs) = (one.clone(), waker.clone());
        let runtime = with_workers(1);
        runtime.run(move || assert!(poll_read(&stream, &theirs).is_pending()));
        drop(runtime);
        assert_eq!(counter.count(), 1);
        // It polls again elsewhere, and is woken there.
        assert!(poll_read(&one, &waker).is_pending());
        (&other).write_all(b"x").unwrap();
        until(|| counter.count() == 2);
        let runtime = with_workers(2);
        let read = move || wait(poll_fn(|context| one.poll_read(context, &mut [0; 8]))).unwrap();
        assert_eq!(runtime.run(read), 1);
    });
}

/// Panics wherever it can.
fn angry(quiet: bool) -> Waker {
    fn clone(data: *const ()) -> RawWaker {
        match data.is_null() {
            true => panic!("clone"),
            false => RawWaker::new(data, &VTABLE),
        }
    }
    fn call(_: *const ()) {
        panic!("wake");
    }
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    fn release(_: *const ()) {
        if DROPS.fetch_add(1, SeqCst) % 2 == 1 {
            panic!("drop");
        }
    }
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, call, call, release);
    let data = match quiet {
        true => std::ptr::NonNull::dangling().as_ptr(),
        false => std::ptr::null_mut::<()>(),
    };
    // SAFETY: the functions of the table use no memory, and may be called on any thread.
    unsafe { Waker::new(data.cast_const(), &VTABLE) }
}

#[test]
fn a_panic_of_a_waker_goes_no_further() {
    in_both_colours(|| {
        let (one, other) = pair();
        let (counter, waker) = Counter::new();
        for _ in 0..3 {
            let loud = std::mem::ManuallyDrop::new(angry(false));
            let polled = catch_unwind(AssertUnwindSafe(|| poll_read(&one, &loud).is_pending()));
            assert!(polled.is_err());
            let quiet = std::mem::ManuallyDrop::new(angry(true));
            assert!(poll_read(&one, &quiet).is_pending());
            assert!(poll_read(&one, &waker).is_pending());
            let before = counter.count();
            (&other).write_all(b"x").unwrap();
            until(|| counter.count() > before);
            assert_eq!((&one).read(&mut [0; 8]).unwrap(), 1);
        }
        // What is kept of it is dropped with the stream.
        let quiet = std::mem::ManuallyDrop::new(angry(true));
        assert!(poll_read(&one, &quiet).is_pending());
        assert!(go!({ drop(one) }).join().is_ok());
    });
}

/// Drops the stream, and then polls and writes on another one.
struct Closes {
    stream: Mutex<Option<Arc<TcpStream>>>,
    next: TcpStream,
    called: AtomicUsize,
}

impl Wake for Closes {
    fn wake(self: Arc<Self>) {
        drop(self.stream.lock().unwrap().take());
        assert!(poll_read(&self.next, Waker::noop()).is_pending());
        (&self.next).write_all(b"from a waker").unwrap();
        self.called.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_waker_drops_its_stream_and_uses_another() {
    in_both_colours(|| {
        let (one, other) = pair();
        let (next, next_peer) = pair();
        let one = Arc::new(one);
        let stream = Mutex::new(Some(one.clone()));
        let closes = Arc::new(Closes { stream, next, called: AtomicUsize::new(0) });
        assert!(poll_read(&one, &Waker::from(closes.clone())).is_pending());
        drop(one);
        (&other).write_all(b"x").unwrap();
        until(|| closes.called.load(SeqCst) == 1);
        assert_eq!((&next_peer).read(&mut [0; 32]).unwrap(), 12);
        // The last handle is gone, with a byte unread: the peer is reset or at its end.
        assert!(matches!((&other).read(&mut [0; 8]), Ok(0) | Err(_)));
    });
}

#[test]
fn a_poll_does_not_give_way_and_a_loop_of_them_does() {
    on_workers(|workers| {
        if workers > 1 {
            return;
        }
        let (zeros, mut source) = io::pipe().unwrap();
        source.write_all(&[0; 60_000]).unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let others = ran.clone();
        let other = go!({
            while others.load(SeqCst) < 1_000_000 {
                others.fetch_add(1, SeqCst);
                task::yield_now();
            }
        });
        task::yield_now();
        let before = ran.load(SeqCst);
        let (counter, waker) = Counter::new();
        let mut context = Context::from_waker(&waker);
        let mut pending = 0;
        for _ in 0..20_000 {
            match PollRead::poll_read(&zeros, &mut context, &mut [0]) {
                Poll::Ready(result) => assert_eq!(result.unwrap(), 1),
                Poll::Pending => pending += 1,
            }
        }
        assert_eq!(ran.load(SeqCst), before);
        // Such a poll calls its waker.
        assert!(pending > 0 && counter.count() == pending);
        wait(async {
            for _ in 0..20_000 {
                poll_fn(|context| PollRead::poll_read(&zeros, context, &mut [0])).await.unwrap();
            }
        });
        assert!(ran.load(SeqCst) > before);
        ran.store(1_000_000, SeqCst);
        other.wait();
    });
}
