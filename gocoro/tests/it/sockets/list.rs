//! The list: each entry makes an operation that waits for ever, with all that it needs inside.

use std::io::{PipeReader as StdPipeReader, PipeWriter as StdPipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Instant;

use gocoro::fs::{File, OpenOptions};
use gocoro::io::{
    self, BufRead, BufferStream, CopyBidirectional, IoSlice, IoSliceMut, PipeReader, PipeWriter,
    Pollable, Read, Tee, Write,
};
use gocoro::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use gocoro::signal::{SIGURG, Signals};
use gocoro::time::io_deadline;

use crate::fs::{Fifo, Folder, fifo};
use crate::resolver::silent;
use crate::support::NEVER;
use crate::tcp;
use crate::unix::TempPath;

pub(super) type Op = Box<dyn FnMut() -> io::Result<()> + Send>;

pub(super) type Make = fn() -> io::Result<Op>;

/// An operation on `$socket`, which comes with its peer; `$keep` stays open.
macro_rules! op {
    ($pair:expr, |$socket:ident| $op:expr) => {
        || {
            let ($socket, peer) = $pair?;
            Ok(Box::new(move || {
                let _ = &peer;
                let $socket = &$socket;
                // What sends goes on until there is no room.
                loop {
                    let _ = $op?;
                }
            }))
        }
    };
}

pub(super) const WAITS: &[(&str, Make)] = &[
    ("TcpStream::connect", op!(tcp::stream::silenced(), |addr| TcpStream::connect(addr))),
    (
        "TcpStream::connect, several",
        op!(tcp::stream::silenced(), |addr| { TcpStream::connect(&[*addr, *addr][..]) }),
    ),
    ("TcpStream::connect, a name", op!(silent(), |name| TcpStream::connect(name.address()))),
    (
        "TcpStream::connect_timeout",
        op!(tcp::stream::silenced(), |addr| TcpStream::connect_timeout(addr, NEVER)),
    ),
    (
        "TcpStream::connect_within",
        op!(silent(), |name| TcpStream::connect_within(name.address(), NEVER)),
    ),
    ("ToSocketAddrs::to_socket_addrs", op!(silent(), |name| name.address().to_socket_addrs())),
    ("TcpStream::read", op!(tcp::pair(), |s| (&*s).read(&mut [0; 8]))),
    ("TcpStream::read_vectored", op!(tcp::pair(), |s| (&*s).read_vectored(&mut into(&mut [0; 8])))),
    ("TcpStream::peek", op!(tcp::pair(), |s| s.peek(&mut [0; 8]))),
    ("TcpStream::write", op!(tcp::pair(), |s| (&*s).write(&[0; 4096]))),
    ("TcpStream::write_vectored", op!(tcp::pair(), |s| (&*s).write_vectored(&from(&[0; 4096])))),
    ("TcpStream::wait_readable", op!(tcp::pair(), |s| s.wait_readable())),
    ("TcpStream::wait_writable", op!(full_tcp(), |s| s.wait_writable())),
    ("TcpListener::accept", op!(tcp_listener(), |l| l.accept())),
    ("TcpListener::bind, a name", op!(silent(), |name| TcpListener::bind(name.address()))),
    ("ListenerBuilder::bind", op!(silent(), |name| TcpListener::builder().bind(name.address()))),
    ("TcpListener::incoming", op!(tcp_listener(), |l| l.incoming().next().unwrap())),
    (
        "TcpListener::into_incoming",
        op!(tcp_listener(), |l| l.try_clone()?.into_incoming().next().unwrap()),
    ),
    ("TcpListener::wait_readable", op!(tcp_listener(), |l| l.wait_readable())),
    ("UdpSocket::bind, a name", op!(silent(), |name| UdpSocket::bind(name.address()))),
    (
        "UdpSocket::connect, a name",
        op!(silent(), |name| UdpSocket::bind("127.0.0.1:0")?.connect(name.address())),
    ),
    (
        "UdpSocket::send_to, a name",
        op!(silent(), |name| UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", name.address())),
    ),
    ("UdpSocket::recv", op!(udp(), |s| s.recv(&mut [0; 8]))),
    ("UdpSocket::recv_from", op!(udp(), |s| s.recv_from(&mut [0; 8]))),
    ("UdpSocket::peek", op!(udp(), |s| s.peek(&mut [0; 8]))),
    ("UdpSocket::peek_from", op!(udp(), |s| s.peek_from(&mut [0; 8]))),
    ("UdpSocket::wait_readable", op!(udp(), |s| s.wait_readable())),
    (
        "UnixStream::connect_addr",
        op!(full_listener(), |l| { UnixStream::connect_addr(&l.local_addr()?) }),
    ),
    ("UnixStream::connect", op!(full_listener_at_path(), |path| UnixStream::connect(path))),
    ("UnixStream::read", op!(UnixStream::pair(), |s| (&*s).read(&mut [0; 8]))),
    (
        "UnixStream::read_vectored",
        op!(UnixStream::pair(), |s| (&*s).read_vectored(&mut into(&mut [0; 8]))),
    ),
    ("UnixStream::peek", op!(UnixStream::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixStream::write", op!(UnixStream::pair(), |s| (&*s).write(&[0; 4096]))),
    (
        "UnixStream::write_vectored",
        op!(UnixStream::pair(), |s| (&*s).write_vectored(&from(&[0; 4096]))),
    ),
    ("UnixStream::wait_readable", op!(UnixStream::pair(), |s| s.wait_readable())),
    ("UnixStream::wait_writable", op!(full_unix(), |s| s.wait_writable())),
    ("UnixListener::accept", op!(unix_listener(), |l| l.accept())),
    ("UnixListener::incoming", op!(unix_listener(), |l| l.incoming().next().unwrap())),
    ("UnixListener::wait_readable", op!(unix_listener(), |l| l.wait_readable())),
    ("UnixDatagram::recv", op!(UnixDatagram::pair(), |s| s.recv(&mut [0; 8]))),
    ("UnixDatagram::recv_from", op!(UnixDatagram::pair(), |s| s.recv_from(&mut [0; 8]))),
    ("UnixDatagram::peek", op!(UnixDatagram::pair(), |s| s.peek(&mut [0; 8]))),
    ("UnixDatagram::peek_from", op!(UnixDatagram::pair(), |s| s.peek_from(&mut [0; 8]))),
    ("UnixDatagram::wait_readable", op!(UnixDatagram::pair(), |s| s.wait_readable())),
    ("UnixDatagram::send to a pair", op!(UnixDatagram::pair(), |s| s.send(&[0; 4096]))),
    ("UnixDatagram::send", op!(connected_datagram(), |s| s.send(b"x"))),
    (
        "UnixDatagram::send_to",
        op!(datagram_receiver_at_path(), |path| UnixDatagram::unbound()?.send_to(b"x", path)),
    ),
    ("UnixDatagram::wait_writable", op!(full_datagram(), |s| s.wait_writable())),
    (
        "UnixDatagram::send_to_addr",
        op!(datagram_receiver(), |s| {
            UnixDatagram::unbound()?.send_to_addr(b"x", &s.local_addr()?)
        }),
    ),
    ("BufferStream::read", op!(memory(usize::MAX), |s| (&*s).read(&mut [0; 8]))),
    ("BufferStream::fill_buf", fill_buf),
    ("BufferStream::write", op!(memory(64), |s| (&*s).write(&[0; 8]))),
    ("io::copy, reading", op!(UnixStream::pair(), |s| io::copy(&mut &*s, &mut io::sink()))),
    ("io::copy, writing", op!(UnixStream::pair(), |s| io::copy(&mut io::repeat(0), &mut &*s))),
    ("io::copy_bidirectional, reading", op!(nothing(), |_s| copy_between_silent())),
    ("CopyBidirectional::copy", op!(nothing(), |_s| copy_to_full())),
    ("PipeReader::read", op!(io::pipe(), |r| (&*r).read(&mut [0; 8]))),
    (
        "PipeReader::read_vectored",
        op!(io::pipe(), |r| (&*r).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
    ("PipeWriter::write", op!(writer(), |w| (&*w).write(&[0; 4096]))),
    (
        "PipeWriter::write_vectored",
        op!(writer(), |w| (&*w).write_vectored(&[IoSlice::new(&[0; 4096])])),
    ),
    ("Pollable::read", op!(pollable_reader(), |r| (&*r).read(&mut [0; 8]))),
    (
        "Pollable::read_vectored",
        op!(pollable_reader(), |r| (&*r).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
    ("Pollable::write", op!(pollable_writer(), |w| (&*w).write(&[0; 4096]))),
    (
        "Pollable::write_vectored",
        op!(pollable_writer(), |w| (&*w).write_vectored(&[IoSlice::new(&[0; 4096])])),
    ),
    ("Pollable::flush", flush),
    ("Pollable::readable", op!(pollable_reader(), |r| r.readable())),
    ("Pollable::writable", op!(full_pollable(), |w| w.writable())),
    ("Pollable::read_with", op!(pollable_reader(), |r| r.read_with(|mut r| r.read(&mut [0; 8])))),
    ("Pollable::write_with", op!(pollable_writer(), |w| w.write_with(|mut w| w.write(&[0; 4096])))),
    ("Signals::recv", op!(signals(), |s| s.recv())),
    ("Tee::read, reading", tee_of_silence),
    ("Tee::read, writing", tee_to_full),
    ("File::read", op!(fifo::ends(), |r| (&*r).read(&mut [0; 8]))),
    (
        "File::read_vectored",
        op!(fifo::ends(), |r| (&*r).read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
    ("File::read_to_end", op!(fifo::ends(), |r| (&*r).read_to_end(&mut Vec::new()))),
    ("File::read_to_string", op!(fifo::ends(), |r| (&*r).read_to_string(&mut String::new()))),
    ("File::write", op!(fifo_writer(), |w| (&*w).write(&[0; 4096]))),
    (
        "File::write_vectored",
        op!(fifo_writer(), |w| (&*w).write_vectored(&[IoSlice::new(&[0; 4096])])),
    ),
];

/// Operations on files that wait as long, but also in a destructor of a cancelled task.
pub(super) const FILES_WAIT: &[(&str, Make)] = &[
    ("File::open", op!(lonely_fifo(), |fifo| File::open(fifo.path()))),
    ("File::create", op!(lonely_fifo(), |fifo| File::create(fifo.path()))),
    (
        "OpenOptions::open",
        op!(lonely_fifo(), |fifo| OpenOptions::new().write(true).open(fifo.path())),
    ),
    ("File::lock", op!(locked(), |file| file.lock())),
    ("File::lock_shared", op!(locked(), |file| file.lock_shared())),
];

fn signals() -> io::Result<(Signals, ())> {
    Ok((Signals::new([SIGURG])?, ()))
}

fn fifo_writer() -> io::Result<(File, File)> {
    let (reader, writer) = fifo::ends()?;
    Ok((writer, reader))
}

/// A named pipe that nobody else opens.
fn lonely_fifo() -> io::Result<(Fifo, ())> {
    Ok((Fifo::new(), ()))
}

/// A file that another one has locked.
fn locked() -> io::Result<(File, (File, Folder))> {
    let folder = Folder::new();
    let (file, holder) = (File::create(folder.join("file"))?, File::open(folder.join("file"))?);
    holder.lock()?;
    Ok((file, (holder, folder)))
}

fn memory(capacity: usize) -> io::Result<(BufferStream, BufferStream)> {
    Ok(BufferStream::bounded(capacity))
}

/// Takes the stream by `&mut`.
fn fill_buf() -> io::Result<Op> {
    let (mut stream, peer) = BufferStream::unbounded();
    Ok(Box::new(move || {
        let _ = &peer;
        stream.fill_buf().map(|bytes| assert!(bytes.is_empty()))
    }))
}

fn nothing() -> io::Result<((), ())> {
    Ok(((), ()))
}

/// A copy that is cut short shuts its streams down, so each has some of its own.
fn copy_between_silent() -> io::Result<(u64, u64)> {
    let ((one, other), _peers) = two_pairs()?;
    io::copy_bidirectional(one, other)
}

fn copy_to_full() -> io::Result<(u64, u64)> {
    let ((one, other), (mut writes, _silent)) = two_pairs()?;
    writes.write_all(&[0; 4096])?;
    while other.try_write(&[0; 1 << 16]).is_ok() {}
    Ok(CopyBidirectional::new().copy(&one, &other)?)
}

type Pair = (UnixStream, UnixStream);

/// Two streams, and their peers.
fn two_pairs() -> io::Result<(Pair, Pair)> {
    let ((one, its_peer), (other, peer_of_other)) = (UnixStream::pair()?, UnixStream::pair()?);
    Ok(((one, other), (its_peer, peer_of_other)))
}

fn writer() -> io::Result<(PipeWriter, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    Ok((writer, reader))
}

fn pollable_reader() -> io::Result<(Pollable<StdPipeReader>, StdPipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    Ok((Pollable::new(reader)?, writer))
}

fn pollable_writer() -> io::Result<(Pollable<StdPipeWriter>, StdPipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    Ok((Pollable::new(writer)?, reader))
}

/// What it has to write does not get out. Takes the writer by `&mut`.
fn flush() -> io::Result<Op> {
    let (writer, reader) = full_pollable()?;
    let mut held_back = Pollable::new(HeldBack(writer.into_inner()))?;
    Ok(Box::new(move || {
        let _ = &reader;
        held_back.flush()
    }))
}

struct HeldBack(StdPipeWriter);

impl AsFd for HeldBack {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Write for HeldBack {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn tee_of_silence() -> io::Result<Op> {
    let (reader, writer) = io::pipe()?;
    let mut tee = Tee::new(reader, io::sink());
    Ok(Box::new(move || {
        let _ = &writer;
        tee.read(&mut [0; 8]).map(drop)
    }))
}

/// Once it is cut short, what was not written is written first.
fn tee_to_full() -> io::Result<Op> {
    let (reader, writer) = io::pipe()?;
    let mut tee = Tee::new(io::repeat(0), writer);
    Ok(Box::new(move || {
        let _ = &reader;
        loop {
            let _ = tee.read(&mut [0; 4096])?;
        }
    }))
}

fn full_pollable() -> io::Result<(Pollable<StdPipeWriter>, StdPipeReader)> {
    let (writer, reader) = pollable_writer()?;
    while io_deadline(Instant::now(), || (&writer).write(&[0; 4096])).is_ok() {}
    Ok((writer, reader))
}

fn full_tcp() -> io::Result<(TcpStream, TcpStream)> {
    let (stream, peer) = tcp::pair()?;
    // An acknowledgement that is late makes room; so it is filled until that comes no more.
    stream.set_write_timeout(Some(std::time::Duration::from_millis(100)))?;
    while (&stream).write(&[0; 1 << 16]).is_ok() {}
    stream.set_write_timeout(None)?;
    Ok((stream, peer))
}

fn tcp_listener() -> io::Result<(TcpListener, ())> {
    Ok((TcpListener::bind("127.0.0.1:0")?, ()))
}

fn udp() -> io::Result<(UdpSocket, ())> {
    Ok((UdpSocket::bind("127.0.0.1:0")?, ()))
}

/// Lets the kernel choose an abstract name.
fn any() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}

fn unix_listener() -> io::Result<(UnixListener, ())> {
    Ok((UnixListener::bind_addr(&any()?)?, ()))
}

/// A listener to which nobody can connect any more, and who did.
fn full_listener() -> io::Result<(UnixListener, UnixStream)> {
    let listener = UnixListener::bind_addr(&any()?)?;
    limit_backlog(&listener)?;
    let first = UnixStream::connect_addr(&listener.local_addr()?)?;
    Ok((listener, first))
}

/// As [`full_listener`], at a path.
fn full_listener_at_path() -> io::Result<(TempPath, (UnixListener, UnixStream))> {
    let path = TempPath::new();
    let listener = UnixListener::bind(&path)?;
    limit_backlog(&listener)?;
    let first = UnixStream::connect(&path)?;
    Ok((path, (listener, first)))
}

/// Leaves room for one connection.
pub(crate) fn limit_backlog(listener: impl AsFd) -> io::Result<()> {
    // SAFETY: no pointers.
    match unsafe { libc::listen(listener.as_fd().as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn full_unix() -> io::Result<(UnixStream, UnixStream)> {
    let (stream, peer) = UnixStream::pair()?;
    while stream.try_write(&[0; 1 << 16]).is_ok() {}
    Ok((stream, peer))
}

fn datagram_receiver() -> io::Result<(UnixDatagram, ())> {
    Ok((UnixDatagram::bind_addr(&any()?)?, ()))
}

fn datagram_receiver_at_path() -> io::Result<(TempPath, UnixDatagram)> {
    let path = TempPath::new();
    let receiver = UnixDatagram::bind(&path)?;
    Ok((path, receiver))
}

fn into(buf: &mut [u8]) -> [IoSliceMut<'_>; 1] {
    [IoSliceMut::new(buf)]
}

fn from(buf: &[u8]) -> [IoSlice<'_>; 1] {
    [IoSlice::new(buf)]
}

/// A sender whose peer is not connected to it, so that the peer's queue bounds what is sent.
fn connected_datagram() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (receiver, ()) = datagram_receiver()?;
    let sender = UnixDatagram::unbound()?;
    sender.connect_addr(&receiver.local_addr()?)?;
    Ok((sender, receiver))
}

fn full_datagram() -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (sender, receiver) = connected_datagram()?;
    sender.set_nonblocking(true)?;
    while sender.send(b"x").is_ok() {}
    sender.set_nonblocking(false)?;
    Ok((sender, receiver))
}
