//! The traits of `futures::io`, on gocoro's streams and on references to them.

use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::futures_io::{AsyncRead, AsyncWrite};

use super::streams::streams;
use crate::io::{PollRead, PollWrite};

macro_rules! reader {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        reader! { @ $ty, $ty $(, [$($generics)*] $($bounds)*)? }
        reader! { @ $ty, &$ty $(, [$($generics)*] $($bounds)*)? }
    };
    (@ $stream:ty, $ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `futures-io`.
        impl$(<$($generics)*>)? AsyncRead for $ty $(where $($bounds)*)? {
            fn poll_read(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                <$stream as PollRead>::poll_read(&self, context, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream as PollRead>::poll_read_vectored(&self, context, bufs)
            }
        }
    };
}

macro_rules! writer {
    ($ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        writer! { @ $ty, $ty $(, [$($generics)*] $($bounds)*)? }
        writer! { @ $ty, &$ty $(, [$($generics)*] $($bounds)*)? }
    };
    (@ $stream:ty, $ty:ty $(, [$($generics:tt)*] $($bounds:tt)*)?) => {
        /// Available with the feature `futures-io`.
        impl$(<$($generics)*>)? AsyncWrite for $ty $(where $($bounds)*)? {
            fn poll_write(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                <$stream as PollWrite>::poll_write(&self, context, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                <$stream as PollWrite>::poll_write_vectored(&self, context, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(<$stream as PollWrite>::shutdown_write(&self))
            }
        }
    };
}

streams!(reader, writer);
