//! tokio's traits of reading and writing, on gocoro's streams.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::streams::{READ_MAX, streams};
use crate::io::{PollRead, PollWrite};

macro_rules! reader {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `tokio`.
        impl$(<$($generics)*>)? AsyncRead for $ty $(where $($bounds)*)? {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let room = buf.remaining().min(READ_MAX);
                let unfilled = buf.initialize_unfilled_to(room);
                let count = ready!(PollRead::poll_read(&*self, context, unfilled))?;
                buf.advance(count);
                Poll::Ready(Ok(()))
            }
        }
    };
}

macro_rules! writer {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `tokio`.
        impl$(<$($generics)*>)? AsyncWrite for $ty $(where $($bounds)*)? {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write(&*self, context, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write_vectored(&*self, context, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                PollWrite::is_write_vectored(self)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_write())
            }
        }
    };
}

streams!(reader, writer);
