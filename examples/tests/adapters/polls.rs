//! A poll neither waits nor lets others run, and an end is an end.

use crate::connected;
use gocoro::net::unix::UnixStream;
use gocoro::{go, go_test, task};
use hyper::rt::{Read as HyperRead, ReadBuf as HyperBuf, Write as HyperWrite};
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// More polls than a task may make without giving way, of a stream that has nothing and is full.
#[go_test(workers = 1)]
fn a_poll_lets_no_other_task_run() {
    let (mut one, _two) = UnixStream::pair().unwrap();
    while one.try_write(&[0; 65_536]).is_ok() {}
    while one.try_write(b"x").is_ok() {}

    let ran = Arc::<AtomicUsize>::default();
    let other = go!(clone(ran) => { ran.fetch_add(1, Relaxed); });
    let calls = Arc::<Calls>::default();
    let waker = Waker::from(calls.clone());
    let mut context = Context::from_waker(&waker);
    let mut bytes = [0; 8];
    for _ in 0..2000 {
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(AsyncRead::poll_read(Pin::new(&mut one), &mut context, &mut buf).is_pending());
        assert!(AsyncWrite::poll_write(Pin::new(&mut one), &mut context, b"x").is_pending());
        let mut buf = HyperBuf::new(&mut bytes);
        let polled = HyperRead::poll_read(Pin::new(&mut one), &mut context, buf.unfilled());
        assert!(polled.is_pending());
        assert!(HyperWrite::poll_write(Pin::new(&mut one), &mut context, b"x").is_pending());
        let polled =
            futures_lite::AsyncRead::poll_read(Pin::new(&mut &one), &mut context, &mut bytes);
        assert!(polled.is_pending());
        let polled = futures_lite::AsyncWrite::poll_write(Pin::new(&mut &one), &mut context, b"x");
        assert!(polled.is_pending());
    }
    assert_eq!(ran.load(Relaxed), 0, "a poll has suspended its task");
    assert!(calls.0.load(Relaxed) > 0, "a poll that gives way calls its waker");
    other.wait();
}

/// The event calls the waker that the last poll has left; and a stream that is dropped keeps none.
#[go_test(workers = 1)]
fn the_waker_of_a_pending_poll_is_called() {
    let (mut one, mut two) = connected();
    let calls = Arc::<Calls>::default();
    let waker = Waker::from(calls.clone());
    let mut context = Context::from_waker(&waker);
    let mut bytes = [0; 8];
    loop {
        let before = calls.0.load(Relaxed);
        let mut buf = ReadBuf::new(&mut bytes);
        assert!(AsyncRead::poll_read(Pin::new(&mut one), &mut context, &mut buf).is_pending());
        if calls.0.load(Relaxed) == before {
            break; // it has not merely given way
        }
    }
    let before = calls.0.load(Relaxed);
    two.write_all(b"x").unwrap();
    while calls.0.load(Relaxed) == before {
        task::yield_now();
    }
    let mut buf = ReadBuf::new(&mut bytes);
    while AsyncRead::poll_read(Pin::new(&mut one), &mut context, &mut buf).is_pending() {}
    assert_eq!(buf.filled(), b"x");

    let mut buf = ReadBuf::new(&mut bytes);
    assert!(AsyncRead::poll_read(Pin::new(&mut one), &mut context, &mut buf).is_pending());
    drop((one, waker));
    assert_eq!(Arc::strong_count(&calls), 1);
}

/// A half-closed connection still carries the other way, and one that is gone may be shut down.
#[go_test(workers = 1)]
fn shutting_down_closes_the_writing_half() {
    let mut context = Context::from_waker(Waker::noop());
    let (mut one, mut two) = connected();
    let closed = AsyncWrite::poll_shutdown(Pin::new(&mut one), &mut context);
    assert!(matches!(closed, Poll::Ready(Ok(()))));
    assert_eq!(two.read(&mut [0]).unwrap(), 0);
    two.write_all(b"x").unwrap();
    assert_eq!(one.read(&mut [0; 8]).unwrap(), 1);
    let written = AsyncWrite::poll_write(Pin::new(&mut one), &mut context, b"x");
    let Poll::Ready(Err(error)) = written else { panic!("{written:?}") };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    drop(two);
    assert_eq!(one.read(&mut [0]).unwrap(), 0);
    for _ in 0..2 {
        let closed = HyperWrite::poll_shutdown(Pin::new(&mut one), &mut context);
        assert!(matches!(closed, Poll::Ready(Ok(()))));
        let closed = futures_lite::AsyncWrite::poll_close(Pin::new(&mut &one), &mut context);
        assert!(matches!(closed, Poll::Ready(Ok(()))));
    }
}

/// A connection that the peer has reset says so, once, and wakes who waits for it.
#[go_test(workers = 1)]
fn a_reset_ends_a_pending_read() {
    let (one, two) = connected();
    let reading = go!({
        let mut one = one;
        gocoro::future::wait(tokio::io::AsyncReadExt::read(&mut one, &mut [0; 8]))
    });
    task::yield_now();
    socket2::SockRef::from(&two).set_linger(Some(Duration::ZERO)).unwrap();
    drop(two);
    assert_eq!(reading.wait().unwrap_err().kind(), ErrorKind::ConnectionReset);
}
