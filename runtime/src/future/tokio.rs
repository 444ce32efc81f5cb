//! tokio's traits of reading and writing, on gocoro's streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::streams::{READ_MAX, streams, write_methods};
use crate::io::PollRead;

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
            write_methods!();
        }
    };
}

streams!(reader, writer);
