//! Polls of sockets and pipes: by futures that a task or thread waits for, and by executors that
//! know nothing of gocoro.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use gocoro::future::wait;
use gocoro::go;
use gocoro::io::{self, PollRead, PollWrite, Pollable, Read, Write};
use gocoro::net::unix::{UnixDatagram, UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream, UdpSocket};
use gocoro::process::{Command, Stdio};
use gocoro::time::{io_deadline, sleep};

use super::executor::{Counter, block_on};
use crate::support::{SOON, bounded, in_both_colours, on_workers, pair, until, with_workers};
use crate::tcp::raw::reset;

/// A pair of what reads and what writes, of each kind.
type Ends = (Box<dyn PollRead + Send + Sync>, Box<dyn PollWrite + Send + Sync>);

fn each_kind() -> Vec<(&'static str, Ends)> {
    let (tcp, tcp_peer) = pair();
    let (unix, unix_peer) = UnixStream::pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let (any_reader, any_writer) = std::io::pipe().unwrap();
    let (any_reader, any_writer) =
        (Pollable::new(any_reader).unwrap(), Pollable::new(any_writer).unwrap());
    let (socket, socket_peer) = std::os::unix::net::UnixStream::pair().unwrap();
    socket_peer.set_nonblocking(true).unwrap();
    let (socket, socket_peer) =
        (Pollable::new(socket).unwrap(), Pollable::new(socket_peer).unwrap());
    let (end, other_end) = UnixStream::pair().unwrap();
    let end = io::PipeReader::from(OwnedFd::from(end));
    let other_end = io::PipeWriter::from(OwnedFd::from(other_end));
    vec![
        ("tcp", (Box::new(tcp), Box::new(tcp_peer))),
        ("unix", (Box::new(unix), Box::new(unix_peer))),
        ("pipe", (Box::new(reader), Box::new(writer))),
        ("a socket as a pipe", (Box::new(end), Box::new(other_end))),
        ("pollable", (Box::new(any_reader), Box::new(any_writer))),
        ("pollable socket", (Box::new(socket), Box::new(socket_peer))),
    ]
}

async fn read(reader: &(dyn PollRead + Send + Sync), buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|context| reader.poll_read(context, buf)).await
}

/// As [`read`], by asking and trying.
async fn ask_and_read(reader: &(dyn PollRead + Send + Sync), buf: &mut [u8]) -> io::Result<usize> {
    loop {
        poll_fn(|context| reader.poll_read_ready(context)).await?;
        match reader.try_read(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

async fn write_all(writer: &(dyn PollWrite + Send + Sync), mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let count = poll_fn(|context| writer.poll_write(context, buf)).await?;
        buf = &buf[count..];
    }
    Ok(())
}

async fn ask_and_write_all(
    writer: &(dyn PollWrite + Send + Sync),
    mut buf: &[u8],
) -> io::Result<()> {
    while !buf.is_empty() {
        poll_fn(|context| writer.poll_write_ready(context)).await?;
        match writer.try_write(buf) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => buf = &buf[result?..],
        }
    }
    Ok(())
}

/// More than any kind has room for.
const MANY: usize = 3 << 20;

async fn all_of(reader: &(dyn PollRead + Send + Sync), ask: bool) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), vec![0; 60_000]);
    while all.len() < MANY {
        let count = match ask {
            true => ask_and_read(reader, &mut buf).await.unwrap(),
            false => read(reader, &mut buf).await.unwrap(),
        };
        assert_ne!(count, 0);
        all.extend_from_slice(&buf[..count]);
    }
    all
}

fn some_bytes() -> Vec<u8> {
    (0..MANY).map(|at| (at % 251) as u8).collect()
}

type Job = Box<dyn FnOnce() + Send>;

/// Passes many bytes through each kind. `on` runs both sides, at once.
fn pass_through(on: fn(Job, Job)) {
    for ask in [false, true] {
        for (kind, (reader, writer)) in each_kind() {
            println!("{kind}, by asking: {ask}");
            let read = move || assert!(wait(all_of(&*reader, ask)) == some_bytes());
            let write = move || match ask {
                true => wait(ask_and_write_all(&*writer, &some_bytes())).unwrap(),
                false => wait(write_all(&*writer, &some_bytes())).unwrap(),
            };
            on(Box::new(read), Box::new(write));
        }
    }
}

#[test]
fn futures_in_tasks_read_and_write_more_than_there_is_room_for() {
    on_workers(|_| {
        pass_through(|one, other| {
            let one = go!({ one() });
            go!({ other() }).wait();
            one.wait();
        });
    });
}

#[test]
fn futures_on_threads_read_and_write_more_than_there_is_room_for() {
    bounded(|| {
        pass_through(|one, other| {
            thread::scope(|s| {
                s.spawn(one);
                s.spawn(other);
            });
        });
    });
}

#[test]
fn a_future_that_moves_between_threads_and_runtimes_is_woken_on_each() {
    bounded(|| {
        let (one, other) = pair();
        let (one, other) = (Arc::new(one), &other);
        let runtimes = [with_workers(1), with_workers(2)];
        for round in 0..300 {
            let (counter, waker) = Counter::new();
            let stream = one.clone();
            // The first poll is here or there, and the event is acted on wherever it was.
            let poll = move || {
                let mut context = Context::from_waker(&waker);
                assert!(stream.poll_read(&mut context, &mut [0; 8]).is_pending());
            };
            match round % 3 {
                0 => poll(),
                n => runtimes[n - 1].run(poll),
            }
            let mut writer = other;
            writer.write_all(b"x").unwrap();
            until(|| counter.count() > 0);
            // The bytes are read by somebody else.
            let stream = one.clone();
            let read = move || wait(poll_fn(|context| stream.poll_read(context, &mut [0; 8])));
            let count = match round % 4 {
                0 => read(),
                1 => thread::spawn(read).join().unwrap(),
                n => runtimes[n - 2].run(read),
            };
            assert_eq!(count.unwrap(), 1);
            assert_eq!(counter.count(), 1);
        }
    });
}

#[test]
fn one_event_wakes_a_task_that_reads_and_all_who_poll() {
    on_workers(|_| {
        let (reader, writer) = io::pipe().unwrap();
        let reader = Arc::new(reader);
        let reads = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        let mut threads = Vec::new();
        for number in 0..12 {
            let (reader, reads) = (reader.clone(), reads.clone());
            let body = move |by: fn(&io::PipeReader) -> usize| {
                while by(&reader) == 1 {
                    reads.fetch_add(1, SeqCst);
                }
            };
            match number % 3 {
                0 => tasks.push(go!({ body(|mut reader| reader.read(&mut [0]).unwrap()) })),
                1 => tasks.push(go!({
                    body(|reader| {
                        wait(poll_fn(|context| reader.poll_read(context, &mut [0]))).unwrap()
                    })
                })),
                _ => threads.push(thread::spawn(move || {
                    body(|reader| {
                        block_on(poll_fn(|context| reader.poll_read(context, &mut [0]))).unwrap()
                    });
                })),
            }
        }
        for round in 0..2000 {
            (&writer).write_all(b"x").unwrap();
            if round % 8 == 0 {
                until(|| reads.load(SeqCst) == round + 1);
            }
        }
        drop(writer); // The end reaches all of them.
        tasks.into_iter().for_each(|task| task.wait());
        until(|| threads.iter().all(|thread| thread.is_finished()));
        assert_eq!(reads.load(SeqCst), 2000);
    });
}

#[test]
fn listeners_and_datagrams_are_polled() {
    in_both_colours(|| {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let client = go!({
            sleep(SOON);
            TcpStream::connect(address).unwrap()
        });
        let (stream, from) = wait(poll_fn(|context| tcp.poll_accept(context))).unwrap();
        let client = client.wait();
        assert_eq!(from, client.local_addr().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), from);

        let path = std::env::temp_dir().join(format!("gocoro-polled-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let unix = UnixListener::bind(&path).unwrap();
        let name = path.clone();
        let client = go!({
            sleep(SOON);
            UnixStream::connect(name).unwrap()
        });
        wait(poll_fn(|context| unix.poll_accept(context))).unwrap();
        drop(client.wait());
        std::fs::remove_file(&path).unwrap();

        let (one, other) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (here, there) = (one.local_addr().unwrap(), other.local_addr().unwrap());
        let sent = go!({
            sleep(SOON);
            wait(poll_fn(|context| other.poll_send_to(context, b"ping", here))).unwrap();
            other
        });
        let mut buf = [0; 8];
        let got = wait(poll_fn(|context| one.poll_recv_from(context, &mut buf))).unwrap();
        assert_eq!(got, (4, there));
        one.connect(there).unwrap();
        assert_eq!(wait(poll_fn(|context| one.poll_send(context, b"pong"))).unwrap(), 4);
        assert_eq!(sent.wait().recv(&mut buf).unwrap(), 4);

        let (one, other) = UnixDatagram::pair().unwrap();
        let sent = go!({
            sleep(SOON);
            other.send(b"abc").unwrap();
            other.send(b"defg").unwrap();
        });
        assert_eq!(wait(poll_fn(|context| one.poll_recv(context, &mut buf))).unwrap(), 3);
        let got = wait(poll_fn(|context| one.poll_recv_from(context, &mut buf))).unwrap();
        assert_eq!(got.0, 4);
        sent.wait();
    });
}

#[test]
fn a_childs_streams_are_polled() {
    in_both_colours(|| {
        let script = "cat; echo done >&2";
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let stderr = child.stderr.take().unwrap();
        wait(write_all(&stdin, b"abc")).unwrap();
        let mut buf = [0; 8];
        assert_eq!(wait(read(&stdout, &mut buf)).unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        drop(stdin);
        assert_eq!(wait(ask_and_read(&stdout, &mut buf)).unwrap(), 0);
        assert_eq!(wait(ask_and_read(&stderr, &mut buf)).unwrap(), 5);
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn an_end_a_reset_and_a_shutdown_wake_those_who_poll() {
    in_both_colours(|| {
        // The peer resets.
        let (one, other) = pair();
        let poll = go!({
            let result = wait(poll_fn(|context| one.poll_read(context, &mut [0; 8])));
            result.unwrap_err().kind()
        });
        sleep(SOON);
        reset(other).unwrap();
        assert_eq!(poll.wait(), ErrorKind::ConnectionReset);

        // The reading half is shut down by another handle.
        let (one, _other) = pair();
        let handle = one.try_clone().unwrap();
        let poll = go!({ wait(poll_fn(|context| one.poll_read(context, &mut [0; 8]))).unwrap() });
        sleep(SOON);
        handle.shutdown(Shutdown::Read).unwrap();
        assert_eq!(poll.wait(), 0);

        // The peer of a full Unix stream reads no more, of which no event tells.
        for ask in [false, true] {
            let (one, other) = UnixStream::pair().unwrap();
            let poll = go!({
                let result = match ask {
                    true => wait(ask_and_write_all(&one, &some_bytes())),
                    false => wait(write_all(&one, &some_bytes())),
                };
                result.unwrap_err().kind()
            });
            sleep(SOON);
            other.shutdown(Shutdown::Read).unwrap();
            assert_eq!(poll.wait(), ErrorKind::BrokenPipe);
        }

        // A socket for datagrams, whatever its mode.
        for nonblocking in [false, true] {
            let (one, _other) = UnixDatagram::pair().unwrap();
            one.set_nonblocking(nonblocking).unwrap();
            one.shutdown(Shutdown::Read).unwrap();
            assert_eq!(wait(poll_fn(|context| one.poll_recv(context, &mut [0; 8]))).unwrap(), 0);
        }

        // The peer comes to its end by `shutdown_write`; a second one is no error.
        let (one, other) = pair();
        PollWrite::shutdown_write(&one).unwrap();
        assert_eq!(wait(read(&other, &mut [0; 8])).unwrap(), 0);
        drop(other);
        PollWrite::shutdown_write(&one).unwrap();
    });
}

#[test]
fn no_bytes_are_transferred_at_once() {
    in_both_colours(|| {
        for (_, (reader, writer)) in each_kind() {
            let mut context = Context::from_waker(Waker::noop());
            assert!(matches!(reader.poll_read(&mut context, &mut []), Poll::Ready(Ok(0))));
            assert!(matches!(writer.poll_write(&mut context, &[]), Poll::Ready(Ok(0))));
            assert_eq!(reader.try_read(&mut []).unwrap(), 0);
            assert_eq!(writer.try_write(&[]).unwrap(), 0);
            assert_eq!(reader.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn a_deadline_does_not_end_a_poll() {
    on_workers(|_| {
        let (one, other) = pair();
        let read = io_deadline(Instant::now() + SOON, || {
            let writer = go!({
                sleep(SOON * 4);
                (&other).write_all(b"x").unwrap();
                other
            });
            let count = wait(poll_fn(|context| one.poll_read(context, &mut [0; 8])));
            drop(writer.wait());
            count
        });
        assert_eq!(read.unwrap(), 1);
    });
}

#[test]
fn a_busy_worker_delays_no_poll_of_a_thread() {
    bounded(|| {
        let runtime = with_workers(1);
        let (one, other) = pair();
        let one = Arc::new(one);
        let stream = one.clone();
        runtime.run(move || {
            let mut context = Context::from_waker(Waker::noop());
            assert!(stream.poll_read(&mut context, &mut [0; 8]).is_pending());
        });
        let is_read = Arc::new(AtomicUsize::new(0));
        let seen = is_read.clone();
        let busy = runtime.spawn(move || {
            while seen.load(SeqCst) == 0 {
                std::hint::spin_loop();
            }
        });
        let reader = thread::spawn(move || {
            block_on(poll_fn(|context| one.poll_read(context, &mut [0; 8]))).unwrap();
            is_read.store(1, SeqCst);
        });
        (&other).write_all(b"x").unwrap();
        reader.join().unwrap();
        busy.wait();
    });
}
