//! How gocoro's own types read and write inside of a poll.

use std::io::{self, IoSlice, IoSliceMut};

use super::{Direction, Source, is_ready};

/// What is read by attempts that never wait.
pub(crate) trait Reads {
    fn source(&self) -> &Source;

    /// Reads what is there, into buffers that have room.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing, else those of reading.
    fn attempt_read(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
}

/// What is written to by attempts that never wait.
pub(crate) trait Writes {
    fn source(&self) -> &Source;

    /// Writes as much as there is room for, from buffers that have bytes.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room, else those of writing.
    fn attempt_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether a poll that is pending looks again now and then, for what no event announces.
    fn looks_again(&self) -> bool {
        false
    }

    /// Whether an attempt would do something, be it fail.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot tell.
    fn has_room(&self) -> io::Result<bool> {
        is_ready(self.source().fd(), Direction::Write)
    }

    /// Shuts the writing half down, if there is one.
    ///
    /// # Errors
    ///
    /// Those of shutting down.
    fn end_writing(&self) -> io::Result<()>;
}

/// Makes a [`PollRead`](super::PollRead) of what [`Reads`].
macro_rules! poll_read {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        impl $(<$($generics)*>)? $crate::reactor::PollRead for $ty $($($bounds)*)? {
            fn poll_read_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let source = $crate::reactor::Reads::source(self);
                source.poll_ready($crate::reactor::Direction::Read, context)
            }

            fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.try_read_vectored(&mut [std::io::IoSliceMut::new(buf)])
            }

            fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                match bufs.iter().all(|buf| buf.is_empty()) {
                    true => Ok(0),
                    false => $crate::reactor::Reads::attempt_read(self, bufs),
                }
            }

            fn poll_read(
                &self,
                context: &mut std::task::Context<'_>,
                buf: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.poll_read_vectored(context, &mut [std::io::IoSliceMut::new(buf)])
            }

            fn poll_read_vectored(
                &self,
                context: &mut std::task::Context<'_>,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return std::task::Poll::Ready(Ok(0));
                }
                let source = $crate::reactor::Reads::source(self);
                source.poll_io($crate::reactor::Direction::Read, context, |_| {
                    $crate::reactor::Reads::attempt_read(self, bufs)
                })
            }
        }
    };
}

/// Makes a [`PollWrite`](super::PollWrite) of what [`Writes`].
macro_rules! poll_write {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        impl $(<$($generics)*>)? $crate::reactor::PollWrite for $ty $($($bounds)*)? {
            fn poll_write_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                let looks_again = $crate::reactor::Writes::looks_again(self);
                $crate::reactor::Writes::source(self).poll_write(context, looks_again, || {
                    match $crate::reactor::Writes::has_room(self)? {
                        true => Ok(()),
                        false => Err(std::io::ErrorKind::WouldBlock.into()),
                    }
                })
            }

            fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.try_write_vectored(&[std::io::IoSlice::new(buf)])
            }

            fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                match bufs.iter().all(|buf| buf.is_empty()) {
                    true => Ok(0),
                    false => $crate::reactor::Writes::attempt_write(self, bufs),
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write(
                &self,
                context: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.poll_write_vectored(context, &[std::io::IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                &self,
                context: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                if bufs.iter().all(|buf| buf.is_empty()) {
                    return std::task::Poll::Ready(Ok(0));
                }
                let looks_again = $crate::reactor::Writes::looks_again(self);
                $crate::reactor::Writes::source(self).poll_write(context, looks_again, || {
                    $crate::reactor::Writes::attempt_write(self, bufs)
                })
            }

            fn shutdown_write(&self) -> std::io::Result<()> {
                match $crate::reactor::Writes::end_writing(self) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
                    ended => ended,
                }
            }
        }
    };
}

pub(crate) use {poll_read, poll_write};
