//! Connections open, transfer and end as std's do.

use std::io::{self, BufReader, ErrorKind, IoSlice, IoSliceMut, prelude::*};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use gocoro::net::{Shutdown, TcpListener, TcpStream};

use super::{both, kind, matrix, pair, raw};

/// Ordinary code that knows of no tasks.
fn shout(stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        writeln!(&stream, "{}", line?.to_uppercase())?;
    }
    Ok(())
}

#[test]
fn one_function_serves_in_a_task_and_on_a_thread() {
    matrix(|peer| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let server = peer.spawn(move || shout(listener.accept()?.0));

        let mut client = TcpStream::connect(addr)?;
        assert_eq!(client.peer_addr()?, addr);
        client.write_all(b"one\ntwo\n")?;
        client.shutdown(Shutdown::Write)?;
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        assert_eq!(answer, "ONE\nTWO\n");
        server.wait()
    });
}

#[test]
fn a_long_conversation_of_short_reads() {
    matrix(|peer| {
        let (mut client, mut server) = pair()?;
        let echo = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 64];
            loop {
                match server.read(&mut buf)? {
                    0 => return Ok(()),
                    count => server.write_all(&buf[..count])?,
                }
            }
        });
        for round in 0..1000_u32 {
            client.write_all(&round.to_ne_bytes())?;
            let mut answer = [0; 4];
            client.read_exact(&mut answer)?;
            assert_eq!(u32::from_ne_bytes(answer), round);
        }
        drop(client);
        echo.wait()
    });
}

#[test]
fn more_data_than_the_buffers_hold() {
    const BYTES: usize = 8 << 20;
    matrix(|peer| {
        let (client, server) = pair()?;
        let data: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
        let sent = data.clone();
        let writer = peer.spawn(move || (&client).write_all(&sent));
        let mut received = Vec::new();
        (&server).read_to_end(&mut received)?;
        writer.wait()?;
        assert!(received == data);
        Ok(())
    });
}

#[test]
fn both_directions_of_one_stream_at_once() {
    const BYTES: usize = 2 << 20;
    matrix(|peer| {
        let (client, server) = pair()?;
        let echo = peer.spawn(move || io::copy(&mut &server, &mut &server));
        let writer = client.try_clone()?;
        let writer = peer.spawn(move || -> io::Result<()> {
            (&writer).write_all(&vec![7; BYTES])?;
            writer.shutdown(Shutdown::Write)
        });
        let mut received = Vec::new();
        (&client).read_to_end(&mut received)?;
        writer.wait()?;
        assert_eq!(echo.wait()?, BYTES as u64);
        assert!(received == vec![7; BYTES]);
        Ok(())
    });
}

#[test]
fn peek_leaves_the_data() {
    matrix(|peer| {
        let (mut client, server) = pair()?;
        let writer = peer.spawn(move || (&server).write_all(b"abc").map(|()| server));
        let mut buf = [0; 8];
        assert!((1..=3).contains(&client.peek(&mut buf)?));
        let server = writer.wait()?;
        assert_eq!(client.peek(&mut buf)?, 3);
        assert_eq!(client.read(&mut buf)?, 3);
        assert_eq!(&buf[..3], b"abc");
        drop(server);
        assert_eq!(client.peek(&mut buf)?, 0);
        Ok(())
    });
}

#[test]
fn several_buffers_in_one_call() {
    both(|| {
        let (mut client, mut server) = pair()?;
        let parts = [&b"ab"[..], b"", b"cde", b"f"].map(IoSlice::new);
        assert_eq!(client.write_vectored(&parts)?, 6);

        let (mut head, mut middle, mut tail) = ([0; 1], [0; 2], [0; 8]);
        let mut parts = [&mut head[..], &mut middle, &mut [], &mut tail].map(IoSliceMut::new);
        assert_eq!(server.read_vectored(&mut parts)?, 6);
        assert_eq!((&head, &middle, &tail[..3]), (b"a", b"bc", &b"def"[..]));
        Ok(())
    });
}

#[test]
fn more_buffers_than_the_kernel_takes() {
    both(|| {
        let (client, server) = pair()?;
        let parts = vec![IoSlice::new(b"x"); 3000];
        let sent = (&client).write_vectored(&parts)?;
        assert!((1..3000).contains(&sent), "{sent}");

        let mut bytes = vec![0; 3000];
        let mut parts: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
        let received = (&server).read_vectored(&mut parts)?;
        assert!((1..=sent).contains(&received), "{received}");
        Ok(())
    });
}

#[test]
fn a_closed_port_refuses() {
    both(|| {
        let (_socket, addr) = raw::refusing()?;
        assert_eq!(kind(TcpStream::connect(addr)), ErrorKind::ConnectionRefused);
        let patience = Duration::from_secs(60);
        assert_eq!(kind(TcpStream::connect_timeout(&addr, patience)), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn each_address_is_tried() {
    both(|| {
        let (_socket, refusing) = raw::refusing()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let stream = TcpStream::connect(&[refusing, listener.local_addr()?][..])?;
        assert_eq!(stream.peer_addr()?, listener.local_addr()?);

        assert_eq!(
            kind(TcpStream::connect(&[refusing, refusing][..])),
            ErrorKind::ConnectionRefused
        );
        assert_eq!(kind(TcpStream::connect(&[][..])), ErrorKind::InvalidInput);
        Ok(())
    });
}

/// Fills an address that then answers nobody.
pub(crate) fn silenced() -> io::Result<(SocketAddr, impl Send)> {
    let (socket, addr) = raw::silent()?;
    let mut kept = Vec::new();
    // The first connections find room in the backlog.
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
        kept.push(stream);
    }
    Ok((addr, (socket, kept)))
}

#[test]
fn an_address_that_does_not_answer_keeps_nobody_from_the_next() {
    both(|| {
        let (silent, _kept) = silenced()?;
        let (_socket, refusing) = raw::refusing()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        for addrs in [&[silent, addr][..], &[silent, refusing, silent, addr]] {
            let mut stream = TcpStream::connect(addrs)?;
            assert_eq!(stream.peer_addr()?, addr);
            assert!(!raw::is_nonblocking(&stream)?);
            stream.write_all(b"x")?;
            listener.accept()?.0.read_exact(&mut [0])?;
        }
        Ok(())
    });
}

#[test]
fn a_silent_address_times_out() {
    both(|| {
        let (_socket, addr) = raw::silent()?;
        assert_eq!(
            kind(TcpStream::connect_timeout(&addr, Duration::ZERO)),
            ErrorKind::InvalidInput
        );
        // The first connections find room in the backlog, later ones get no answer.
        let mut kept = Vec::new();
        let error = loop {
            match TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
                Ok(stream) => kept.push(stream),
                Err(error) => break error,
            }
            assert!(kept.len() < 100, "a backlog of 0 is full by now");
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        Ok(())
    });
}

#[test]
fn a_reset_ends_a_read() {
    matrix(|peer| {
        let (mut client, mut server) = pair()?;
        let reader = peer.spawn(move || -> io::Result<usize> {
            let mut buf = [0; 8];
            assert_eq!(server.read(&mut buf)?, 1);
            server.write_all(b"y")?;
            server.read(&mut buf)
        });
        client.write_all(b"x")?;
        client.read_exact(&mut [0])?;
        raw::reset(client)?;
        assert_eq!(kind(reader.wait()), ErrorKind::ConnectionReset);
        Ok(())
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_is_an_error() {
    both(|| {
        let (client, server) = pair()?;
        drop(server);
        let error = loop {
            if let Err(error) = (&client).write(&[0; 1024]) {
                break error;
            }
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        assert_eq!(kind((&client).write(b"x")), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn data_and_the_end_of_the_file_in_one_go() {
    matrix(|peer| {
        let (mut client, mut server) = pair()?;
        let reader = peer.spawn(move || -> io::Result<[usize; 4]> {
            let mut buf = [0; 64];
            let ping = server.read(&mut buf)?;
            server.write_all(b"y")?;
            Ok([ping, server.read(&mut buf)?, server.read(&mut buf)?, server.read(&mut buf)?])
        });
        client.write_all(b"x")?;
        client.read_exact(&mut [0])?;
        client.write_all(b"abc")?;
        client.shutdown(Shutdown::Write)?;
        assert_eq!(reader.wait()?, [1, 3, 0, 0]);
        Ok(())
    });
}

#[test]
fn data_behind_an_urgent_byte_is_read() {
    matrix(|peer| {
        let (mut client, mut server) = pair()?;
        let reader = peer.spawn(move || -> io::Result<Vec<u8>> {
            let mut buf = [0; 64];
            assert_eq!(server.read(&mut buf)?, 1);
            server.write_all(b"y")?;
            // A read stops short at the mark although more is there.
            let mut received = Vec::new();
            while received.len() < 6 {
                let count = server.read(&mut buf)?;
                received.extend_from_slice(&buf[..count]);
            }
            Ok(received)
        });
        client.write_all(b"x")?;
        client.read_exact(&mut [0])?;
        client.write_all(b"abc")?;
        raw::send_urgent(&client, b'!')?;
        client.write_all(b"def")?;
        assert_eq!(reader.wait()?, b"abcdef");
        Ok(())
    });
}

#[test]
fn debug_tells_addresses_and_descriptor() {
    both(|| {
        let (client, server) = pair()?;
        let text = format!("{client:?}");
        assert_eq!(
            text,
            format!(
                "TcpStream {{ addr: {}, peer: {}, fd: {} }}",
                client.local_addr()?,
                server.local_addr()?,
                client.as_raw_fd()
            )
        );
        Ok(())
    });
}

#[test]
fn the_types_are_as_free_as_std_s() {
    fn free<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
    free::<TcpStream>();
    free::<TcpListener>();
    free::<gocoro::net::Incoming<'static>>();
    free::<gocoro::net::IntoIncoming>();
}
