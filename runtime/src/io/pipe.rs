//! Pipes, shaped as std's.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process::Stdio;

use super::end::End;
use super::polls::{read_polls, write_polls};
use crate::reactor::{self, Direction, Readiness, Reads, ReadyArm, Source, Writes};

/// Creates an anonymous pipe, and returns its two ends.
///
/// It is [`std::io::pipe`] made suspendable. What is written to the writer comes out of the reader,
/// in order. A pipe holds a bounded number of bytes, 64 KiB on Linux; a writer that is faster waits
/// for the reader. Once all writers are gone, and what they wrote is read, reads return `Ok(0)`.
/// Once all readers are gone, writes fail with `BrokenPipe`.
///
/// Between tasks, channels are the better way. A pipe is for what wants a descriptor, such as a
/// child process: both ends become its standard streams by `into`.
///
/// # Modes
///
/// Neither end is ever made non-blocking, so that a child gets it as it expects it. On Linux reads
/// and writes never block the thread of a task, whatever other processes do with the same end. The
/// exceptions are named pipes, and all pipes before Linux 6.4: there the kernel is asked whether a
/// read, or a write of up to 4096 bytes, would wait, and it is done if not. Who is not gocoro and
/// reads or writes at the same end in just that moment can then block the thread. So it is on other
/// systems, with writes of 512 bytes.
///
/// # Errors
///
/// Those of the system, for one that the process has no descriptors left.
///
/// # Examples
///
/// ```
/// use gocoro::go;
/// use gocoro::io::{self, Read, Write};
///
/// let (mut reader, mut writer) = io::pipe()?;
/// let writing = go!({
///     writer.write_all(b"hello")
///     // The writer is closed here, which is the end of what the reader reads.
/// });
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?; // suspends the task, blocks no thread
/// assert_eq!(text, "hello");
/// writing.wait()?;
/// # io::Result::Ok(())
/// ```
///
/// A child that writes to the pipe. The ends that it was given have to be closed here, or the
/// reader never comes to an end; `Command` holds them as long as it lives:
///
/// ```
/// use gocoro::io::{self, Read};
/// use gocoro::process::Command;
///
/// let (mut reader, writer) = io::pipe()?;
/// let mut child = Command::new("echo").arg("hello").stdout(writer).spawn()?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "hello\n");
/// child.wait()?; // it has closed its output, and so is at its end
/// # io::Result::Ok(())
/// ```
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        PipeReader { end: End::of_new_pipe(reader.into()) },
        PipeWriter { end: End::of_new_pipe(writer.into()) },
    ))
}

/// The reading end of a pipe that [`pipe`] made.
///
/// It is [`std::io::PipeReader`] made suspendable: read through [`Read`] on the value or on a
/// reference to it, by several tasks and threads at once if need be, and closed when dropped.
///
/// `readable(reader)` in `select!` waits for data or the end.
///
/// # Parks
///
/// Reads wait while the pipe is empty and has a writer. In a task that suspends the task; outside
/// it blocks the thread. A read into a buffer without room returns at once.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Read, Write};
///
/// let (reader, mut writer) = io::pipe()?;
/// writer.write_all(b"ab")?;
/// drop(writer);
///
/// let mut buf = [0; 8];
/// assert_eq!((&reader).read(&mut buf)?, 2);
/// assert_eq!((&reader).read(&mut buf)?, 0); // no writer is left
/// # io::Result::Ok(())
/// ```
pub struct PipeReader {
    end: End,
}

/// The writing end of a pipe that [`pipe`] made.
///
/// It is [`std::io::PipeWriter`] made suspendable: written through [`Write`] on the value or on a
/// reference to it, by several tasks and threads at once if need be, and closed when dropped.
///
/// A `write` of up to 4096 bytes on Linux, 512 elsewhere, is atomic: its bytes stay together,
/// whoever else writes. A longer one writes what there is room for and returns how many bytes that
/// were, where std's waits until all are written; [`write_all`](Write::write_all) does that here as
/// it does there. Nothing is buffered, and `flush` has nothing to do.
///
/// Writing to a pipe without a reader fails with `BrokenPipe`. The signal `SIGPIPE`, which the
/// system sends as well, is ignored by Rust programs, unless they ask for it.
///
/// `writable(writer)` in `select!` waits for room, or for the last reader's end.
///
/// # Parks
///
/// Writes wait while the pipe is full and has a reader; those of up to 4096 bytes also while it has
/// less room than that. In a task that suspends the task; outside it blocks the thread. A write of
/// no bytes returns at once.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, ErrorKind, Write};
///
/// let (reader, mut writer) = io::pipe()?;
/// assert_eq!(writer.write(b"nobody reads this")?, 17);
/// drop(reader);
/// assert_eq!(writer.write(b"nor this").unwrap_err().kind(), ErrorKind::BrokenPipe);
/// # io::Result::Ok(())
/// ```
pub struct PipeWriter {
    end: End,
}

impl PipeReader {
    /// Creates a new handle on the same end of the pipe, which is closed with the last of them.
    ///
    /// What one handle reads, the others do not get.
    ///
    /// # Errors
    ///
    /// Those of `dup`, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Read, Write};
    ///
    /// let (mut reader, mut writer) = io::pipe()?;
    /// let mut other = reader.try_clone()?;
    /// writer.write_all(b"ab")?;
    ///
    /// let mut byte = [0];
    /// reader.read_exact(&mut byte)?;
    /// assert_eq!(&byte, b"a");
    /// other.read_exact(&mut byte)?;
    /// assert_eq!(&byte, b"b");
    /// # io::Result::Ok(())
    /// ```
    pub fn try_clone(&self) -> io::Result<PipeReader> {
        Ok(PipeReader { end: self.end.try_clone()? })
    }
}

impl PipeWriter {
    /// Creates a new handle on the same end of the pipe, which is closed with the last of them.
    ///
    /// # Errors
    ///
    /// Those of `dup`, for one that the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::go;
    /// use gocoro::io::{self, BufRead, BufReader, Write};
    ///
    /// let (reader, mut writer) = io::pipe()?;
    /// let mut other = writer.try_clone()?;
    /// go!({ writeln!(other, "one") });
    /// go!({ writeln!(writer, "two") });
    /// // The lines end when both writers are gone.
    /// let mut lines = BufReader::new(reader).lines().collect::<io::Result<Vec<_>>>()?;
    /// lines.sort();
    /// assert_eq!(lines, ["one", "two"]);
    /// # io::Result::Ok(())
    /// ```
    pub fn try_clone(&self) -> io::Result<PipeWriter> {
        Ok(PipeWriter { end: self.end.try_clone()? })
    }
}

impl Reads for PipeReader {
    fn source(&self) -> &Source {
        self.end.source()
    }

    fn attempt_read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.end.attempt_read(bufs)
    }
}

impl Writes for PipeWriter {
    fn source(&self) -> &Source {
        self.end.source()
    }

    fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end.attempt_write(bufs)
    }

    fn end_writing(&self) -> io::Result<()> {
        Ok(())
    }
}

reactor::poll_read!(PipeReader);
reactor::poll_write!(PipeWriter);

read_polls!(
    PipeReader,
    "use gocoro::io::{self, Write};",
    "let (reader, mut writer) = io::pipe()?;\nwriter.write_all(b\"abc\\n\")?;"
);
write_polls!(PipeWriter, "use gocoro::io;", "let (reader, writer) = io::pipe()?;");

impl Read for &PipeReader {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.end.read(&mut [IoSliceMut::new(buf)])
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.end.read(bufs)
    }
}

impl Read for PipeReader {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Write for &PipeWriter {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.end.write(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end.write(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for PipeWriter {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What both ends have. `FromRawFd`, which is unsafe to call, is in `sys`.
macro_rules! end {
    ($($ty:ident)*) => {$(
        /// Takes a descriptor over. It may be shared with others, and stays in the mode that it
        /// has, which makes no difference here: what would wait is waited for.
        impl From<OwnedFd> for $ty {
            fn from(fd: OwnedFd) -> Self {
                $ty { end: End::of_any(fd) }
            }
        }

        impl From<$ty> for OwnedFd {
            fn from(pipe: $ty) -> Self {
                pipe.end.into_fd()
            }
        }

        impl From<io::$ty> for $ty {
            fn from(pipe: io::$ty) -> Self {
                OwnedFd::from(pipe).into()
            }
        }

        impl From<$ty> for io::$ty {
            fn from(pipe: $ty) -> Self {
                OwnedFd::from(pipe).into()
            }
        }

        impl From<$ty> for Stdio {
            fn from(pipe: $ty) -> Self {
                OwnedFd::from(pipe).into()
            }
        }

        impl AsFd for $ty {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.end.fd()
            }
        }

        impl AsRawFd for $ty {
            fn as_raw_fd(&self) -> RawFd {
                self.end.fd().as_raw_fd()
            }
        }

        impl IntoRawFd for $ty {
            fn into_raw_fd(self) -> RawFd {
                OwnedFd::from(self).into_raw_fd()
            }
        }

        impl Readiness for $ty {
            fn readable_arm(&self) -> ReadyArm<'_> {
                ReadyArm::new(self.end.source(), Direction::Read)
            }

            fn writable_arm(&self) -> ReadyArm<'_> {
                ReadyArm::new(self.end.source(), Direction::Write)
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ty)).field("fd", &self.as_raw_fd()).finish()
            }
        }

        // As std's type, whatever the reactor keeps for a descriptor: a panic elsewhere leaves a
        // pipe no less usable.
        impl UnwindSafe for $ty {}
        impl RefUnwindSafe for $ty {}
    )*};
}

end! { PipeReader PipeWriter }
