//! The pipes to and from a child's standard streams.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process::{self, Stdio};

use crate::io::{PipeReader, PipeWriter, read_polls, write_polls};
use crate::reactor::{self, Readiness, Reads, ReadyArm, Source, Writes};

/// The writing end of a pipe to a child's standard input.
///
/// It is [`std::process::ChildStdin`] made suspendable, and lies in the field `stdin` of a
/// [`Child`](super::Child) if its command has `Stdio::piped()` there. The child reads the end of
/// its input when this is dropped.
///
/// It is a [`PipeWriter`], whose page says what a `write` does. Writing to a child that has ended
/// or closed its input fails with `BrokenPipe`. `writable(stdin)` in `select!` waits for room.
///
/// # Parks
///
/// Writes wait while the pipe is full. In a task that suspends the task; outside it blocks the
/// thread.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Write};
/// use gocoro::process::{Command, Stdio};
///
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// child.stdin.as_mut().unwrap().write_all(b"meow")?;
/// assert_eq!(child.wait_with_output()?.stdout, b"meow"); // closes its input first
/// # io::Result::Ok(())
/// ```
pub struct ChildStdin(PipeWriter);

/// The reading end of a pipe from a child's standard output.
///
/// It is [`std::process::ChildStdout`] made suspendable, and lies in the field `stdout` of a
/// [`Child`](super::Child) if its command has `Stdio::piped()` there. Its end of file comes when
/// the child and all that inherited its output have closed it.
///
/// `readable(stdout)` in `select!` waits for output or its end.
///
/// # Parks
///
/// Reads wait while the pipe is empty and has a writer. In a task that suspends the task; outside
/// it blocks the thread.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, BufRead, BufReader};
/// use gocoro::process::{Command, Stdio};
///
/// let script = "echo one; echo two";
/// let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn()?;
/// let lines = BufReader::new(child.stdout.take().unwrap()).lines();
/// assert_eq!(lines.collect::<io::Result<Vec<_>>>()?, ["one", "two"]);
/// assert!(child.wait()?.success());
/// # io::Result::Ok(())
/// ```
pub struct ChildStdout(PipeReader);

/// The reading end of a pipe from a child's standard error.
///
/// It is [`std::process::ChildStderr`] made suspendable, and lies in the field `stderr` of a
/// [`Child`](super::Child) if its command has `Stdio::piped()` there. All else is as with
/// [`ChildStdout`].
///
/// # Parks
///
/// As [`ChildStdout`].
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, Read};
/// use gocoro::process::{Command, Stdio};
///
/// let script = "echo alas >&2";
/// let mut child = Command::new("sh").args(["-c", script]).stderr(Stdio::piped()).spawn()?;
/// let mut text = String::new();
/// child.stderr.take().unwrap().read_to_string(&mut text)?;
/// assert_eq!(text, "alas\n");
/// assert!(child.wait()?.success());
/// # io::Result::Ok(())
/// ```
pub struct ChildStderr(PipeReader);

impl Write for ChildStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &ChildStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&self.0).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.0).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writes for ChildStdin {
    fn source(&self) -> &Source {
        Writes::source(&self.0)
    }

    fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.attempt_write(bufs)
    }

    fn end_writing(&self) -> io::Result<()> {
        self.0.end_writing()
    }
}

reactor::poll_write!(ChildStdin);

write_polls!(
    ChildStdin,
    "use gocoro::process::{Command, Stdio};",
    "let mut child = Command::new(\"cat\")
    .stdin(Stdio::piped())
    .stdout(Stdio::null())
    .spawn()?;
let writer = child.stdin.take().unwrap();"
);
read_polls!(
    ChildStdout,
    "use gocoro::process::{Command, Stdio};",
    "let mut child = Command::new(\"echo\").arg(\"abc\").stdout(Stdio::piped()).spawn()?;
let reader = child.stdout.take().unwrap();"
);
read_polls!(
    ChildStderr,
    "use gocoro::process::{Command, Stdio};",
    "let script = \"echo abc >&2\";
let mut child = Command::new(\"sh\").args([\"-c\", script]).stderr(Stdio::piped()).spawn()?;
let reader = child.stderr.take().unwrap();"
);

/// What the two that are read have.
macro_rules! output {
    ($($ty:ident)*) => {$(
        impl $ty {
            /// Lends the pipe.
            pub(super) fn pipe(&self) -> &PipeReader {
                &self.0
            }
        }

        impl Reads for $ty {
            fn source(&self) -> &Source {
                self.0.source()
            }

            fn attempt_read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.0.attempt_read(bufs)
            }
        }

        reactor::poll_read!($ty);

        impl Read for $ty {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&self.0).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&self.0).read_vectored(bufs)
            }
        }
    )*};
}

output! { ChildStdout ChildStderr }

/// What all three have.
macro_rules! stream {
    ($($ty:ident($pipe:ident))*) => {$(
        /// Takes a descriptor over, which should be that of a pipe with the flag `O_CLOEXEC`.
        impl From<OwnedFd> for $ty {
            fn from(fd: OwnedFd) -> Self {
                $ty($pipe::from(fd))
            }
        }

        impl From<$ty> for OwnedFd {
            fn from(stream: $ty) -> Self {
                stream.0.into()
            }
        }

        impl From<process::$ty> for $ty {
            fn from(stream: process::$ty) -> Self {
                OwnedFd::from(stream).into()
            }
        }

        impl From<$ty> for process::$ty {
            fn from(stream: $ty) -> Self {
                OwnedFd::from(stream).into()
            }
        }

        /// Gives the stream to another child: its output as the other's input, or the reverse.
        impl From<$ty> for Stdio {
            fn from(stream: $ty) -> Self {
                OwnedFd::from(stream).into()
            }
        }

        impl AsFd for $ty {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $ty {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        impl IntoRawFd for $ty {
            fn into_raw_fd(self) -> RawFd {
                self.0.into_raw_fd()
            }
        }

        impl Readiness for $ty {
            fn readable_arm(&self) -> ReadyArm<'_> {
                self.0.readable_arm()
            }

            fn writable_arm(&self) -> ReadyArm<'_> {
                self.0.writable_arm()
            }
        }

        impl fmt::Debug for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($ty)).finish_non_exhaustive()
            }
        }
    )*};
}

stream! { ChildStdin(PipeWriter) ChildStdout(PipeReader) ChildStderr(PipeReader) }
