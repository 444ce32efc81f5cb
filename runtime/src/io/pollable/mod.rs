//! Any descriptor that the system can watch, with the reads and writes of whatever holds it.

mod polls;

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::{piece, sys};
use crate::park;
use crate::reactor::{self, Direction, Pauses, Readiness, ReadyArm, Source};

/// Makes reads and writes of any descriptor that the system can watch suspendable.
///
/// It wraps whatever holds a descriptor: a terminal, a serial port, a FIFO, a socket of another
/// crate, an `eventfd`, `timerfd` or `inotify`, by value, by reference or behind an `Arc`. A read
/// waits until the descriptor is readable, and then calls `T`'s own `read`, once; a write does
/// likewise. What is neither goes through [`read_with`](Self::read_with) and
/// [`write_with`](Self::write_with). For TCP, UDP and Unix sockets `net` has better types, for
/// pipes there is [`pipe`](fn@crate::io::pipe).
///
/// Several tasks may use one. `&Pollable<T>` reads and writes where `T` is std's `File`,
/// `TcpStream`, `UnixStream`, `PipeReader` or `PipeWriter`; the rest is used by several through
/// `read_with` and `write_with`.
///
/// `readable(pollable)` and `writable(pollable)` in `select!` wait for it beside other things.
///
/// # What may still block
///
/// The mode of the descriptor is left as it is. If it is *non-blocking*, nothing blocks: after a
/// call that says `WouldBlock` although the descriptor was ready, it is waited for again. That is
/// the mode of choice wherever nobody else minds; it belongs to the open file, which other
/// processes may share. If it is *blocking*, a call blocks its thread, and with it the tasks of the
/// worker:
///
/// - if somebody else takes in the last moment what the call was to read: another task on another
///   worker, a thread, a process;
/// - if it writes more than there is room for. Only for pipes is a longer write cut to a length for
///   which there is room. For the rest, being ready means that there is room for some bytes, and a
///   blocking write waits until it has written all.
///
/// A write to a Unix stream that is full waits on if the peer shuts down its receiving half: no
/// event tells of that. [`UnixStream`](crate::net::unix::UnixStream) looks by itself.
///
/// A descriptor that the system cannot watch, such as that of a regular file, is always ready, as
/// `poll(2)` says, and its calls take as long as they take.
///
/// # One descriptor more
///
/// It is a duplicate of the descriptor that is watched, so that a `T` that closes or changes its
/// own does no harm to others, and several `Pollable`s can be around one descriptor. So each of
/// them takes one more descriptor of those that the process may have, until it is dropped. If `T`
/// changes its descriptor, what is waited for is still the first one. And as whenever a descriptor
/// of a file is closed, the process then loses the record locks (of `fcntl`) that it has on that
/// file.
///
/// # Examples
///
/// What a child prints, while other tasks of the worker run:
///
/// ```
/// use gocoro::io::{self, Pollable, Read};
/// use std::process::{Command, Stdio};
///
/// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
/// let mut output = Pollable::new(child.stdout.take().unwrap())?;
/// let mut text = String::new();
/// output.read_to_string(&mut text)?; // suspends the task, blocks no thread
/// assert_eq!(text, "hello\n");
/// child.wait()?; // it has closed its output, and so is at its end
/// # io::Result::Ok(())
/// ```
pub struct Pollable<T> {
    /// Declared before the holder, and so dropped before it.
    watch: Watch,
    io: T,
}

impl<T: AsFd> Pollable<T> {
    /// Wraps `io`, whose descriptor stays as it is.
    ///
    /// # Errors
    ///
    /// Those of duplicating the descriptor, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable, Read};
    /// use std::fs::File;
    ///
    /// let mut zero = Pollable::new(File::open("/dev/zero")?)?;
    /// let mut buf = [1; 8];
    /// zero.read_exact(&mut buf)?;
    /// assert_eq!(buf, [0; 8]);
    /// # io::Result::Ok(())
    /// ```
    pub fn new(io: T) -> io::Result<Pollable<T>> {
        Ok(Pollable { watch: Watch::new(io.as_fd())?, io })
    }

    /// Waits until a read would return at once, be it with an error.
    ///
    /// Another reader may be faster, so that there is nothing left.
    ///
    /// # Parks
    ///
    /// While the descriptor is not readable. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of waiting: `TimedOut` once the time of an [`io_deadline`](crate::time::io_deadline)
    /// is up, `Other` with [`Cancelled`](crate::cancel::Cancelled) in a task that unwinds and is
    /// cancelled, and what the system says if it cannot watch the descriptor: `OutOfMemory` or
    /// `StorageFull`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::net::UdpSocket;
    ///
    /// let socket = Pollable::new(UdpSocket::bind("127.0.0.1:0")?)?;
    /// socket.get_ref().send_to(b"x", socket.get_ref().local_addr()?)?;
    /// socket.readable()?;
    /// assert_eq!(socket.get_ref().recv(&mut [0; 8])?, 1);
    /// # io::Result::Ok(())
    /// ```
    pub fn readable(&self) -> io::Result<()> {
        self.watch.wait(Direction::Read).map(drop)
    }

    /// Waits until a write of some bytes would return at once, be it with an error.
    ///
    /// # Parks
    ///
    /// While the descriptor is not writable. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// Pollable::new(writer)?.writable()?; // it is empty
    /// # io::Result::Ok(())
    /// ```
    pub fn writable(&self) -> io::Result<()> {
        self.watch.wait(Direction::Write).map(drop)
    }

    /// Waits until the descriptor is readable, does `op`, and again while that says `WouldBlock`.
    ///
    /// For what `Read` does not have: `recvmsg`, an `ioctl`, an `accept`. `op` does one system call
    /// that reads. It does best to ask for one that does not wait (`MSG_DONTWAIT`, a non-blocking
    /// descriptor), since [somebody else may be faster](Self#what-may-still-block).
    ///
    /// If `op` says `WouldBlock` over and over though the descriptor is readable, pauses are made
    /// between the attempts, which grow from 1 to 50 ms.
    ///
    /// # Parks
    ///
    /// While the descriptor is not readable. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of `op` but `WouldBlock`, and those of waiting, as [`readable`](Self::readable).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// let own = socket.local_addr()?;
    /// let socket = Pollable::new(socket)?;
    ///
    /// socket.write_with(|socket| socket.send_to(b"ping", own))?;
    /// let mut buf = [0; 8];
    /// let (count, from) = socket.read_with(|socket| socket.recv_from(&mut buf))?;
    /// assert_eq!((&buf[..count], from), (&b"ping"[..], own));
    /// # io::Result::Ok(())
    /// ```
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.with(Direction::Read, op)
    }

    /// Waits until the descriptor is writable, does `op`, and again while that says `WouldBlock`.
    ///
    /// As [`read_with`](Self::read_with), in the other direction.
    ///
    /// # Parks
    ///
    /// While the descriptor is not writable. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of `op` but `WouldBlock`, and those of waiting, as [`readable`](Self::readable).
    ///
    /// # Examples
    ///
    /// As for [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.with(Direction::Write, op)
    }

    fn with<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.watch.io(direction, || op(&self.io))
    }
}

impl<T> Pollable<T> {
    /// Lends what is inside.
    ///
    /// What is done with it does not wait as `Pollable` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::fs::File;
    ///
    /// let null = Pollable::new(File::open("/dev/null")?)?;
    /// assert!(!null.get_ref().metadata()?.is_file());
    /// # io::Result::Ok(())
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Lends what is inside, to be changed.
    ///
    /// If it holds another descriptor afterwards, what is waited for is still the first one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable, Read, Write};
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reader = Pollable::new(reader)?;
    /// writer.write_all(b"x")?;
    /// reader.readable()?;
    /// assert_eq!(reader.get_mut().read(&mut [0; 8])?, 1); // without another wait
    /// # io::Result::Ok(())
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.io
    }

    /// Gives back what is inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Pollable};
    /// use std::fs::File;
    ///
    /// let null = Pollable::new(File::open("/dev/null")?)?;
    /// let null: File = null.into_inner();
    /// # io::Result::Ok(())
    /// ```
    pub fn into_inner(self) -> T {
        let Pollable { watch, io } = self;
        drop(watch);
        io
    }
}

impl<T: AsFd + Read> Read for Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.watch.read(&mut self.io, buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.watch.read_vectored(&mut self.io, bufs)
    }
}

/// `flush` calls `T`'s own at once, which mostly has nothing to do, and waits only if that says
/// `WouldBlock`.
impl<T: AsFd + Write> Write for Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.watch.write(&mut self.io, buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.watch.write_vectored(&mut self.io, bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.watch.flush(&mut self.io)
    }
}

// A type of std's at a time: an impl for `&Pollable<T>` of every `T` would have the compiler ask
// without end whether an unknown `&S` reads, wherever a bound of somebody else's code says so.
macro_rules! by_reference {
    (Read: $($reader:ty),*; Write: $($writer:ty),*) => {
        $(
            impl Read for &Pollable<$reader> {
                fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                    self.watch.read(&mut &self.io, buf)
                }

                fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                    self.watch.read_vectored(&mut &self.io, bufs)
                }
            }
        )*
        $(
            impl Write for &Pollable<$writer> {
                fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                    self.watch.write(&mut &self.io, buf)
                }

                fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                    self.watch.write_vectored(&mut &self.io, bufs)
                }

                fn flush(&mut self) -> io::Result<()> {
                    self.watch.flush(&mut &self.io)
                }
            }
        )*
    };
}

by_reference! {
    Read: File, std::io::PipeReader, std::net::TcpStream, std::os::unix::net::UnixStream;
    Write: File, std::io::PipeWriter, std::net::TcpStream, std::os::unix::net::UnixStream
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.as_fd()
    }
}

impl<T: AsRawFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.io.as_raw_fd()
    }
}

impl<T> Readiness for Pollable<T> {
    fn readable_arm(&self) -> ReadyArm<'_> {
        ReadyArm::new(&self.watch.source, Direction::Read)
    }

    fn writable_arm(&self) -> ReadyArm<'_> {
        ReadyArm::new(&self.watch.source, Direction::Write)
    }
}

impl<T: fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pollable").field("io", &self.io).finish_non_exhaustive()
    }
}

// What the reactor keeps for a descriptor does not matter: a panic elsewhere leaves it as usable as
// what is inside.
impl<T: UnwindSafe> UnwindSafe for Pollable<T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for Pollable<T> {}

/// What is watched, and how an operation waits for it.
struct Watch {
    source: Source,
    is_pipe: bool,
}

impl Watch {
    fn new(fd: BorrowedFd<'_>) -> io::Result<Watch> {
        let is_pipe = sys::is_pipe(fd);
        Ok(Watch { source: Source::new(fd.try_clone_to_owned()?), is_pipe })
    }

    /// Waits until the kernel says that it is ready; `true`: it was not at first.
    fn wait(&self, direction: Direction) -> io::Result<bool> {
        let mut looks = 0;
        self.source.io(
            direction,
            || None,
            |fd| {
                looks += 1;
                check(fd, direction)?;
                Ok(looks > 1)
            },
        )
    }

    /// Waits until it is ready, makes the call, and does both again while that says `WouldBlock`.
    fn io<R>(
        &self,
        direction: Direction,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let mut pauses = Pauses::new();
        loop {
            let has_waited = self.wait(direction)?;
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if has_waited {
                // Somebody else was faster.
                pauses = Pauses::new();
                continue;
            }
            // What the kernel calls ready, the call does not: it waits for something else, such as
            // room at another socket. No event tells of it.
            pauses.pause(direction, None)?;
        }
    }

    fn read(&self, io: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Direction::Read, || io.read(buf))
    }

    fn read_vectored(&self, io: &mut impl Read, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io(Direction::Read, || io.read_vectored(bufs))
    }

    /// Of a pipe it is known how much a write may have that is not to wait.
    fn write(&self, io: &mut impl Write, buf: &[u8]) -> io::Result<usize> {
        let buf = if self.is_pipe { piece::of_one(buf) } else { buf };
        self.io(Direction::Write, || io.write(buf))
    }

    fn write_vectored(&self, io: &mut impl Write, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.is_pipe.then(|| piece::of_several(bufs)).flatten() {
            Some(piece) => self.write(io, piece),
            None => self.io(Direction::Write, || io.write_vectored(bufs)),
        }
    }

    fn flush(&self, io: &mut impl Write) -> io::Result<()> {
        park::spent_io();
        match io.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io(Direction::Write, || io.flush())
            }
            result => result,
        }
    }
}

/// Says `WouldBlock` unless the kernel says that it is ready.
fn check(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<()> {
    match reactor::is_ready(fd, direction)? {
        true => Ok(()),
        false => Err(io::ErrorKind::WouldBlock.into()),
    }
}
