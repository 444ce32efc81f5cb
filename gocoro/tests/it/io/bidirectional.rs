//! `copy_bidirectional`: half-closes, errors, idle timeouts, cancels.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::io::{BufferStream, CopyBidirectional, Duplex, copy_bidirectional};
use gocoro::net::unix::UnixStream;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task;
use gocoro::time::{io_deadline, timeout};

use crate::support::{NEVER, SOON, bounded, in_both_colours, on_workers, settle};
use crate::tcp::{self, Colour, kind};

/// Two peers with a copy between their streams: `(client, near, far, server)`.
fn tcp() -> io::Result<(TcpStream, TcpStream, TcpStream, TcpStream)> {
    let (client, near) = tcp::pair()?;
    let (far, server) = tcp::pair()?;
    Ok((client, near, far, server))
}

fn memory() -> (BufferStream, BufferStream, BufferStream, BufferStream) {
    let (client, near) = BufferStream::bounded(64);
    let (far, server) = BufferStream::bounded(64);
    (client, near, far, server)
}

/// Runs `scenario` on a plain thread, with copies of each colour: a task that waited for the thread
/// of a copy would hold up its worker, on which the copy's other way may be.
fn copies(scenario: fn(Colour) -> io::Result<()>) {
    for colour in [Colour::Task, Colour::Thread] {
        println!("copies in: {colour:?}");
        bounded(move || scenario(colour)).unwrap();
    }
}

fn read_all(mut stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn an_end_of_either_side_passes_on_and_the_other_way_goes_on() {
    copies(|colour| {
        for client_first in [true, false] {
            let (client, near, far, server) = tcp()?;
            let copy = colour.spawn(move || copy_bidirectional(near, far));
            let (first, second) = if client_first { (client, server) } else { (server, client) };
            (&first).write_all(b"question")?;
            first.shutdown(Shutdown::Write)?;
            assert_eq!(read_all(&second)?, b"question");
            // The other way was open until now.
            for _ in 0..100 {
                (&second).write_all(&[7; 1000])?;
            }
            drop(second);
            assert_eq!(read_all(&first)?.len(), 100_000);
            let there_and_back = if client_first { (8, 100_000) } else { (100_000, 8) };
            assert_eq!(copy.wait()?, there_and_back);
        }
        Ok(())
    });
}

#[test]
fn much_goes_both_ways_at_once() {
    copies(|colour| {
        const LEN: usize = 5_000_000;
        let (client, near, far, server) = tcp()?;
        let copy = colour.spawn(move || copy_bidirectional(&near, &far));
        let talk = |stream: TcpStream, mark: u8| {
            move || {
                let sends = stream.try_clone()?;
                let sender = Colour::Task.spawn(move || {
                    (&sends).write_all(&vec![mark; LEN])?;
                    sends.shutdown(Shutdown::Write)
                });
                let received = read_all(&stream)?;
                assert!(received.len() == LEN && received.iter().all(|&byte| byte == 3 - mark));
                sender.wait()
            }
        };
        let one = Colour::Task.spawn(talk(client, 1));
        let other = Colour::Task.spawn(talk(server, 2));
        one.wait()?;
        other.wait()?;
        assert_eq!(copy.wait()?, (LEN as u64, LEN as u64));
        Ok(())
    });
}

/// By value, by reference, as tokio's callers write it, through pointers; streams of any two kinds.
#[test]
fn streams_of_any_kind_are_taken_in_any_way() {
    in_both_colours(|| {
        let (one, mut near) = UnixStream::pair().unwrap();
        let (mut far, other) = BufferStream::unbounded();
        (&one).write_all(b"abc").unwrap();
        one.shutdown(Shutdown::Write).unwrap();
        other.shutdown(Shutdown::Write).unwrap();
        assert_eq!(copy_bidirectional(&mut near, &mut far).unwrap(), (3, 0));
        // Streams that were lent to a copy can be copied again; both are at their ends.
        assert_eq!(copy_bidirectional(&near, &far).unwrap(), (0, 0));
        let dynamic: Box<dyn Duplex> = Box::new(near);
        assert_eq!(copy_bidirectional(dynamic, Arc::new(far)).unwrap(), (0, 0));
        let mut text = String::new();
        (&other).read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
    });
}

#[test]
fn an_error_of_either_side_ends_both_ways() {
    copies(|colour| {
        for of_client in [true, false] {
            let (client, near, far, server) = tcp()?;
            let copy = colour.spawn(move || CopyBidirectional::new().copy(near, far));
            (&client).write_all(b"question")?;
            (&server).read_exact(&mut [0; 8])?;
            (&server).write_all(b"answer")?;
            (&client).read_exact(&mut [0; 6])?;
            let (fails, stays) = if of_client { (client, server) } else { (server, client) };
            tcp::raw::reset(fails)?;
            let error = copy.wait().unwrap_err();
            assert_eq!((error.kind(), error.moved()), (ErrorKind::ConnectionReset, (8, 6)));
            assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::ECONNRESET));
            // The other one is told, by an end or by an error.
            let _ = read_all(stays);
        }
        Ok(())
    });
}

#[test]
fn an_error_of_a_writer_ends_both_ways() {
    in_both_colours(|| {
        let (mut client, near, far, server) = memory();
        server.shutdown(Shutdown::Read).unwrap();
        client.write_all(b"x").unwrap();
        let error = CopyBidirectional::new().copy(near, far).unwrap_err();
        assert_eq!((error.kind(), error.moved()), (ErrorKind::BrokenPipe, (0, 0)));
        assert!(read_all(&client).unwrap().is_empty() && read_all(&server).unwrap().is_empty());
        assert_eq!(kind(client.write(b"x")), ErrorKind::BrokenPipe);
    });
}

#[test]
fn the_error_that_a_stream_was_given_is_returned_as_it_is() {
    #[derive(Debug)]
    struct Own;
    impl std::fmt::Display for Own {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("own")
        }
    }
    impl std::error::Error for Own {}

    in_both_colours(|| {
        let (_client, near, far, server) = memory();
        server.fail(Error::other(Own));
        let error = copy_bidirectional(near, far).unwrap_err();
        assert!(error.get_ref().unwrap().is::<Own>());
    });
}

#[test]
fn an_idle_copy_ends() {
    copies(|colour| {
        let (client, near, far, server) = tcp()?;
        (&client).write_all(b"hello")?;
        let copy = colour.spawn(move || {
            CopyBidirectional::new().idle_timeout(Duration::from_millis(20)).copy(near, far)
        });
        let error = copy.wait().unwrap_err();
        assert_eq!((error.kind(), error.moved()), (ErrorKind::TimedOut, (5, 0)));
        let error = Error::from(error).to_string();
        assert!(error.contains("idle timeout"), "{error}");
        // An idle copy drops both streams, so both peers see an end.
        assert_eq!(read_all(&server)?, b"hello");
        assert_eq!(read_all(&client)?, b"");
        Ok(())
    });
}

/// A copy whose one way has ended is idle when its other way is silent.
#[test]
fn an_idle_half_ends_too() {
    in_both_colours(|| {
        let (client, near, far, _server) = memory();
        client.shutdown(Shutdown::Write).unwrap();
        let copy = CopyBidirectional::new().idle_timeout(SOON);
        assert_eq!(copy.copy(near, far).unwrap_err().kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_peer_that_does_not_read_is_idle_too() {
    in_both_colours(|| {
        let (client, near, far, _server) = memory();
        assert_eq!(client.try_write(&[0; 64]).unwrap(), 64);
        let writer = go!({ (&client).write_all(&[0; 1000]) });
        let error =
            CopyBidirectional::new().idle_timeout(Duration::from_millis(20)).copy(near, far);
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.moved()), (ErrorKind::TimedOut, (64, 0)));
        assert_eq!(kind(writer.wait()), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_copy_that_moves_is_not_idle() {
    copies(|colour| {
        let (client, near, far, server) = tcp()?;
        let copy = colour.spawn(move || {
            CopyBidirectional::new().idle_timeout(Duration::from_secs(3600)).copy(&near, &far)
        });
        for _ in 0..100 {
            (&server).write_all(b"x")?;
            (&client).read_exact(&mut [0])?;
        }
        drop(server);
        drop(client);
        assert_eq!(copy.wait()?, (0, 100));
        Ok(())
    });
}

/// A timeout that the user gave the stream is an error of the stream's.
#[test]
fn a_timeout_of_the_stream_is_no_idle_timeout() {
    in_both_colours(|| {
        let (_client, near, far, _server) = tcp().unwrap();
        far.set_read_timeout(Some(SOON)).unwrap();
        let copy = CopyBidirectional::new().idle_timeout(NEVER);
        let error = copy.copy(near, far).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!error.to_string().contains("idle timeout"), "{error}");
    });
}

#[test]
fn an_enclosing_deadline_bounds_both_ways() {
    in_both_colours(|| {
        for idle in [None, Some(NEVER), Some(Duration::ZERO)] {
            let (client, near, far, server) = memory();
            // The caller's own way is over: the other one is to be told.
            client.shutdown(Shutdown::Write).unwrap();
            let mut copy = CopyBidirectional::new();
            if let Some(idle) = idle {
                copy = copy.idle_timeout(idle);
            }
            let end = io_deadline(Instant::now() + SOON, || copy.copy(near, far));
            assert_eq!(end.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(read_all(&server).unwrap().is_empty());
        }
    });
}

#[test]
fn a_timeout_or_a_cancel_ends_both_ways() {
    in_both_colours(|| {
        let (client, near, far, server) = tcp().unwrap();
        assert!(timeout(SOON, || copy_bidirectional(&near, &far)).is_err());
        // Although both are still open here, their peers are told.
        assert!(read_all(&client).unwrap().is_empty() && read_all(&server).unwrap().is_empty());
        drop((near, far));
    });
    on_workers(|_| {
        let (client, near, far, server) = tcp().unwrap();
        let copy = go!({ copy_bidirectional(near, far) });
        settle();
        copy.cancel();
        assert!(copy.join().unwrap_err().is_cancelled());
        assert!(read_all(&client).unwrap().is_empty() && read_all(&server).unwrap().is_empty());
    });
}

/// Panics when it is read.
struct Panics(BufferStream);

impl Duplex for Panics {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        std::panic::resume_unwind(Box::new("the stream's own"))
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        Duplex::write(&self.0, buf)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

#[test]
fn a_panic_of_either_stream_ends_both_ways_and_goes_on() {
    in_both_colours(|| {
        for first in [true, false] {
            let (client, near, far, server) = memory();
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match first {
                true => copy_bidirectional(Panics(near), &far),
                false => copy_bidirectional(&near, Panics(far)),
            }));
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the stream's own"));
            assert!(read_all(&client).unwrap().is_empty() && read_all(&server).unwrap().is_empty());
        }
    });
}

/// Writes a byte at a time, and flushes what it was given only when it is told to.
struct Buffered {
    stream: BufferStream,
    pending: std::sync::Mutex<Vec<u8>>,
}

impl Duplex for Buffered {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Duplex::read(&self.stream, buf)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.pending.lock().unwrap().push(buf[0]);
        Ok(1)
    }

    fn flush(&self) -> io::Result<()> {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap());
        (&self.stream).write_all(&pending)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}

#[test]
fn what_a_stream_keeps_back_is_flushed() {
    in_both_colours(|| {
        let (client, near, far, server) = memory();
        let far = Buffered { stream: far, pending: Vec::new().into() };
        let copy = go!({ copy_bidirectional(near, far) });
        for _ in 0..3 {
            (&client).write_all(b"ping").unwrap();
            (&server).read_exact(&mut [0; 4]).unwrap();
        }
        drop((client, server));
        assert_eq!(copy.wait().unwrap(), (12, 0));
    });
}

#[test]
fn the_buffer_bounds_what_is_read_at_once() {
    /// Refuses to be asked for more.
    struct Small(BufferStream);

    impl Duplex for Small {
        fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
            assert!(buf.len() <= 10);
            Duplex::read(&self.0, buf)
        }

        fn write(&self, buf: &[u8]) -> io::Result<usize> {
            assert!(buf.len() <= 10);
            Duplex::write(&self.0, buf)
        }

        fn shutdown(&self, how: Shutdown) -> io::Result<()> {
            self.0.shutdown(how)
        }
    }

    let (client, near) = BufferStream::unbounded();
    let (far, server) = BufferStream::unbounded();
    for end in [&client, &server] {
        end.try_write(&[0; 1000]).unwrap();
        end.shutdown(Shutdown::Write).unwrap();
    }
    let copy = CopyBidirectional::new().buffer_size(10);
    assert_eq!(copy.copy(Small(near), Small(far)).unwrap(), (1000, 1000));
}

#[test]
#[should_panic(expected = "give at least 1")]
fn a_buffer_of_nothing_is_refused() {
    let _ = CopyBidirectional::new().buffer_size(0);
}

/// A proxy of many connections at once, on one worker and on several.
#[test]
fn many_copies_at_once() {
    on_workers(|_| {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, upstream): (SocketAddr, _) =
            (proxy.local_addr().unwrap(), server.local_addr().unwrap());
        let serving = go!({
            for stream in server.incoming() {
                go!({
                    let stream = stream?;
                    gocoro::io::copy(&mut &stream, &mut &stream)
                });
            }
        });
        let proxying = go!({
            for client in proxy.incoming() {
                go!({ copy_bidirectional(client?, TcpStream::connect(upstream)?) });
            }
        });
        let clients: Vec<_> = (0..50)
            .map(|i| {
                task::spawn(move || {
                    let stream = TcpStream::connect(at).unwrap();
                    let sent = format!("client {i}").repeat(5_000).into_bytes();
                    task::scope(|s| {
                        s.spawn(|| {
                            (&stream).write_all(&sent).unwrap();
                            stream.shutdown(Shutdown::Write).unwrap();
                        });
                        assert!(read_all(&stream).unwrap() == sent);
                    });
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.wait());
        proxying.cancel();
        serving.cancel();
    });
}
