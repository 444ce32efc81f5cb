//! Timeouts, the non-blocking mode and the kernel's options do what std documents.

use std::io::{self, ErrorKind, prelude::*};
use std::time::{Duration, Instant};

use gocoro::net::{TcpListener, TcpStream};

use super::{both, kind, matrix, pair};

/// Long enough for a wait to be seen, short enough for a test.
const SHORT: Duration = Duration::from_millis(30);

/// Never reached.
const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_read_times_out() {
    both(|| {
        let (mut client, mut server) = pair()?;
        client.set_read_timeout(Some(SHORT))?;
        assert_eq!(client.read_timeout()?, Some(SHORT));
        assert_eq!(client.write_timeout()?, None);

        for _ in 0..2 {
            let start = Instant::now();
            assert_eq!(kind(client.read(&mut [0; 8])), ErrorKind::TimedOut);
            assert!(start.elapsed() >= SHORT);
        }
        assert_eq!(kind(client.peek(&mut [0; 8])), ErrorKind::TimedOut);
        assert_eq!(kind(client.wait_readable()), ErrorKind::TimedOut);

        // The stream is as good as before.
        server.write_all(b"x")?;
        client.set_read_timeout(Some(LONG))?;
        assert_eq!(client.read(&mut [0; 8])?, 1);
        client.set_read_timeout(None)?;
        assert_eq!(client.read_timeout()?, None);
        Ok(())
    });
}

#[test]
fn a_timed_out_read_has_taken_nothing() {
    matrix(|peer| {
        let (client, server) = pair()?;
        client.set_read_timeout(Some(Duration::from_micros(200)))?;
        let writer = peer.spawn(move || -> io::Result<()> {
            for round in 0..50_u8 {
                (&server).write_all(&[round])?;
                gocoro::task::yield_now();
            }
            Ok(())
        });
        let mut received = Vec::new();
        while received.len() < 50 {
            let mut buf = [0; 8];
            match (&client).read(&mut buf) {
                Ok(count) => received.extend_from_slice(&buf[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
            }
        }
        assert!(received.iter().copied().eq(0..50));
        writer.wait()
    });
}

#[test]
fn a_write_times_out() {
    both(|| {
        let (client, _server) = pair()?;
        client.set_write_timeout(Some(SHORT))?;
        assert_eq!(client.write_timeout()?, Some(SHORT));
        let start = Instant::now();
        let error = loop {
            if let Err(error) = (&client).write(&[0; 1 << 16]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() >= SHORT);
        assert_eq!(kind(client.wait_writable()), ErrorKind::TimedOut);
        Ok(())
    });
}

#[test]
fn a_timeout_that_is_not_reached() {
    matrix(|peer| {
        let (mut client, server) = pair()?;
        client.set_read_timeout(Some(LONG))?;
        client.set_write_timeout(Some(LONG))?;
        let echo = peer.spawn(move || io::copy(&mut &server, &mut &server));
        for _ in 0..100 {
            client.write_all(b"ping")?;
            client.read_exact(&mut [0; 4])?;
        }
        drop(client);
        assert_eq!(echo.wait()?, 400);
        Ok(())
    });
}

#[test]
fn a_timeout_of_zero_is_refused() {
    both(|| {
        let (mut client, mut server) = pair()?;
        let zero = Some(Duration::ZERO);
        assert_eq!(kind(client.set_read_timeout(zero)), ErrorKind::InvalidInput);
        assert_eq!(kind(client.set_write_timeout(zero)), ErrorKind::InvalidInput);
        assert_eq!(client.read_timeout()?, None);
        // And the longest is none that overflows.
        client.set_read_timeout(Some(Duration::MAX))?;
        assert!(client.read_timeout()?.is_some());
        server.write_all(b"x")?;
        assert_eq!(client.read(&mut [0; 8])?, 1);
        Ok(())
    });
}

#[test]
fn clones_share_their_options() {
    both(|| {
        let (client, _server) = pair()?;
        let clone = client.try_clone()?;
        client.set_read_timeout(Some(SHORT))?;
        clone.set_write_timeout(Some(LONG))?;
        assert_eq!(clone.read_timeout()?, Some(SHORT));
        assert_eq!(client.write_timeout()?, Some(LONG));
        assert_eq!(kind((&clone).read(&mut [0; 8])), ErrorKind::TimedOut);

        client.set_nonblocking(true)?;
        assert_eq!(kind((&clone).read(&mut [0; 8])), ErrorKind::WouldBlock);
        clone.set_nodelay(true)?;
        assert!(client.nodelay()?);
        Ok(())
    });
}

/// Writes until that fails; how. It may go on later: an acknowledgement that is late makes room.
fn end_of(mut write: impl FnMut() -> io::Result<usize>) -> ErrorKind {
    loop {
        if let Err(error) = write() {
            return error.kind();
        }
    }
}

#[test]
fn a_nonblocking_stream_never_waits() {
    matrix(|peer| {
        let (mut client, server) = pair()?;
        client.set_nonblocking(true)?;
        assert_eq!(kind(client.read(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(client.peek(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(end_of(|| client.write(&[0; 4096])), ErrorKind::WouldBlock);

        let writer = peer.spawn(move || (&server).write_all(b"abc").map(|()| server));
        // Waiting is still possible, on request.
        client.wait_readable()?;
        let server = writer.wait()?;
        assert_eq!(client.read(&mut [0; 8])?, 3);
        // After a short read too, the kernel is asked.
        (&server).write_all(b"d")?;
        let byte = loop {
            match client.read(&mut [0; 8]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => break result?,
            }
        };
        assert_eq!(byte, 1);

        client.set_nonblocking(false)?;
        let writer = peer.spawn(move || (&server).write_all(b"e"));
        assert_eq!(client.read(&mut [0; 8])?, 1);
        writer.wait()
    });
}

#[test]
fn a_nonblocking_listener_never_waits() {
    both(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        assert_eq!(kind(listener.accept()), ErrorKind::WouldBlock);
        assert_eq!(kind(listener.try_clone()?.accept()), ErrorKind::WouldBlock);
        assert_eq!(kind(listener.incoming().next().unwrap()), ErrorKind::WouldBlock);

        let mut client = TcpStream::connect(listener.local_addr()?)?;
        listener.wait_readable()?;
        let (mut server, _) = listener.accept()?;
        // The mode is the listener's alone.
        client.write_all(b"x")?;
        assert_eq!(server.read(&mut [0; 8])?, 1);
        server.set_read_timeout(Some(SHORT))?;
        assert_eq!(kind(server.read(&mut [0; 8])), ErrorKind::TimedOut);
        Ok(())
    });
}

#[test]
fn attempts_never_wait() {
    both(|| {
        let (mut client, server) = pair()?;
        assert_eq!(kind(server.try_read(&mut [0; 8])), ErrorKind::WouldBlock);
        let mut buf = [0; 8];
        let mut bufs = [io::IoSliceMut::new(&mut buf)];
        assert_eq!(kind(server.try_read_vectored(&mut bufs)), ErrorKind::WouldBlock);

        client.write_all(b"abc")?;
        server.wait_readable()?;
        assert_eq!(server.try_read(&mut [0; 8])?, 3);

        assert_eq!(end_of(|| server.try_write(&[0; 4096])), ErrorKind::WouldBlock);
        let bufs = [io::IoSlice::new(b"x")];
        assert_eq!(end_of(|| server.try_write_vectored(&bufs)), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn the_kernel_s_options() {
    both(|| {
        let (client, _server) = pair()?;
        assert!(!client.nodelay()?);
        client.set_nodelay(true)?;
        assert!(client.nodelay()?);
        client.set_ttl(100)?;
        assert_eq!(client.ttl()?, 100);
        assert!(client.set_ttl(100_000).is_err());
        assert!(client.take_error()?.is_none());

        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_ttl(100)?;
        assert_eq!(listener.ttl()?, 100);
        assert!(listener.take_error()?.is_none());
        Ok(())
    });
}

#[test]
fn the_kernel_s_options_that_only_linux_has() {
    use gocoro::net::linux::TcpStreamExt;
    both(|| {
        let (client, _server) = pair()?;
        client.set_quickack(false)?;
        assert!(!client.quickack()?);
        client.set_quickack(true)?;
        assert!(client.quickack()?);
        Ok(())
    });
}

#[test]
#[expect(deprecated, reason = "std deprecates them as well")]
fn it_is_too_late_for_only_v6() {
    both(|| {
        // A machine without IPv6 has nothing to show.
        let Ok(listener) = TcpListener::bind("[::1]:0") else { return Ok(()) };
        let before = listener.only_v6()?;
        assert_eq!(kind(listener.set_only_v6(!before)), ErrorKind::InvalidInput);
        assert_eq!(listener.only_v6()?, before);
        Ok(())
    });
}
