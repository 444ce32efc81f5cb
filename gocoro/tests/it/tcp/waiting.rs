//! Whoever waits for a socket is woken when it is ready, and by nothing else.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::sync::{Arc, mpsc};

use gocoro::net::{Shutdown, TcpListener, TcpStream};

use super::{Colour, both, kind, matrix, pair};
use crate::support::{SOON, on_workers, settle, until};

/// How many wait for the same thing.
const WAITERS: usize = 16;

#[test]
fn each_of_many_readers_is_woken() {
    matrix(|peer| {
        let (client, server) = pair()?;
        let server = Arc::new(server);
        let readers: Vec<_> = (0..WAITERS)
            .map(|_| {
                let server = Arc::clone(&server);
                peer.spawn(move || (&*server).read(&mut [0; 1]))
            })
            .collect();
        // One event for several readers, then one for each.
        (&client).write_all(&[0; WAITERS / 2])?;
        for _ in 0..WAITERS / 2 {
            (&client).write_all(&[0])?;
        }
        for reader in readers {
            assert_eq!(reader.wait()?, 1);
        }
        Ok(())
    });
}

#[test]
fn the_end_of_the_file_wakes_every_reader() {
    matrix(|peer| {
        let (client, server) = pair()?;
        let server = Arc::new(server);
        let readers: Vec<_> = (0..WAITERS)
            .map(|_| {
                let server = Arc::clone(&server);
                peer.spawn(move || (&*server).read(&mut [0; 8]))
            })
            .collect();
        drop(client);
        for reader in readers {
            assert_eq!(reader.wait()?, 0);
        }
        Ok(())
    });
}

#[test]
fn readers_of_both_colours_and_of_clones_share_a_stream() {
    both(|| {
        let (client, server) = pair()?;
        let readers: Vec<_> = (0..WAITERS)
            .map(|number| {
                let colour = if number % 2 == 0 { Colour::Task } else { Colour::Thread };
                let server = server.try_clone()?;
                Ok(colour.spawn(move || (&server).read(&mut [0; 1])))
            })
            .collect::<io::Result<_>>()?;
        (&client).write_all(&[0; WAITERS])?;
        for reader in readers {
            assert_eq!(reader.wait()?, 1);
        }
        Ok(())
    });
}

#[test]
fn each_of_many_accepters_is_woken() {
    matrix(|peer| {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
        let accepters: Vec<_> = (0..WAITERS)
            .map(|_| {
                let listener = Arc::clone(&listener);
                peer.spawn(move || listener.accept().map(|(stream, _)| stream))
            })
            .collect();
        let mut clients = Vec::new();
        for _ in 0..WAITERS {
            clients.push(TcpStream::connect(listener.local_addr()?)?);
        }
        for accepter in accepters {
            accepter.wait()?;
        }
        assert_eq!(kind(listener.try_accept()), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn shutdown_wakes_a_reader() {
    matrix(|peer| {
        for how in [Shutdown::Read, Shutdown::Both] {
            let (mut client, server) = pair()?;
            let server = Arc::new(server);
            let reader = peer.spawn({
                let server = Arc::clone(&server);
                move || -> io::Result<usize> {
                    (&*server).read_exact(&mut [0])?;
                    (&*server).write_all(b"y")?;
                    (&*server).read(&mut [0; 8])
                }
            });
            client.write_all(b"x")?;
            client.read_exact(&mut [0])?;
            server.shutdown(how)?;
            assert_eq!(reader.wait()?, 0);
        }
        Ok(())
    });
}

#[test]
fn shutdown_of_a_clone_wakes_a_writer() {
    matrix(|peer| {
        let (client, _server) = pair()?;
        let clone = client.try_clone()?;
        let (full, is_full) = mpsc::channel();
        let writer = peer.spawn(move || -> io::Result<()> {
            while client.try_write(&[0; 4096]).is_ok() {}
            full.send(()).expect("the other side waits for this");
            loop {
                (&client).write_all(&[0; 4096])?;
            }
        });
        while is_full.try_recv().is_err() {
            gocoro::task::yield_now();
        }
        clone.shutdown(Shutdown::Write)?;
        assert_eq!(kind(writer.wait()), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn a_writer_is_woken_when_there_is_room() {
    matrix(|peer| {
        let (client, server) = pair()?;
        let mut sent = 0;
        while let Ok(count) = client.try_write(&[0; 4096]) {
            sent += count;
        }
        let drain = peer.spawn(move || io::copy(&mut &server, &mut io::sink()));
        client.wait_writable()?;
        (&client).write_all(b"more")?;
        drop(client);
        assert_eq!(drain.wait()?, sent as u64 + 4);
        Ok(())
    });
}

#[test]
fn a_wait_sees_what_was_there_before() {
    both(|| {
        let (mut client, mut server) = pair()?;
        client.write_all(b"abc")?;
        server.wait_readable()?;
        server.read_exact(&mut [0])?;
        // The event is long gone and two bytes are left.
        server.wait_readable()?;
        server.read_exact(&mut [0; 2])?;
        drop(client);
        server.wait_readable()?;
        assert_eq!(server.try_read(&mut [0; 8])?, 0);
        server.wait_readable()
    });
}

#[test]
fn a_wait_without_a_transfer() {
    matrix(|peer| {
        let (client, server) = pair()?;
        let waiter = peer.spawn(move || -> io::Result<usize> {
            loop {
                server.wait_readable()?;
                match server.try_read(&mut [0; 8]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    result => return result,
                }
            }
        });
        (&client).write_all(b"x")?;
        assert_eq!(waiter.wait()?, 1);

        let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
        let waiter = peer.spawn({
            let listener = Arc::clone(&listener);
            move || listener.wait_readable()
        });
        let _client = TcpStream::connect(listener.local_addr()?)?;
        waiter.wait()?;
        listener.try_accept()?;
        Ok(())
    });
}

/// More than a system call takes.
const BUFFERS: usize = 1500;

type Read1 = fn(&TcpStream, &mut [IoSliceMut<'_>]) -> std::io::Result<usize>;

type Write1 = fn(&TcpStream, &[IoSlice<'_>]) -> std::io::Result<usize>;

/// A transfer of all that one call takes is not short, though it was given more buffers: the next
/// operation is tried before it waits for an event.
#[test]
fn a_vectored_transfer_of_more_buffers_than_a_call_takes_is_not_short() {
    /// Made known to the worker's poll, whose first events are over.
    fn register(mut stream: &TcpStream) {
        stream.set_read_timeout(Some(SOON)).unwrap();
        assert!(stream.read(&mut [0]).is_err());
        stream.set_read_timeout(None).unwrap();
        settle();
    }
    fn transfer(read: Read1, write: Write1) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        register(&client);
        register(&peer);
        let bytes: Vec<_> = (0..BUFFERS).map(|n| n as u8).collect();
        let slices: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
        let written = write(&client, &slices).unwrap();
        assert!(0 < written && written < BUFFERS, "{written}");
        client.write_all(&bytes[written..]).unwrap();
        until(|| peer.peek(&mut [0; BUFFERS]).unwrap() == BUFFERS);
        settle();
        let mut seen = vec![0; BUFFERS];
        let mut slices: Vec<_> = seen.chunks_mut(1).map(IoSliceMut::new).collect();
        let count = read(&peer, &mut slices).unwrap();
        assert!(0 < count && count < BUFFERS, "{count}");
        peer.read_exact(&mut seen[count..]).unwrap();
        assert_eq!(seen, bytes);
    }
    on_workers(|_| {
        transfer(
            |mut stream, bufs| stream.read_vectored(bufs),
            |mut stream, bufs| stream.write_vectored(bufs),
        );
        transfer(TcpStream::try_read_vectored, TcpStream::try_write_vectored);
    });
}
