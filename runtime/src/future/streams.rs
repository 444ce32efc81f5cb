//! What the adapters for hyper, tokio and futures have in common: which streams they are for.
//!
//! Each of a crate's traits becomes [`PollRead`](crate::reactor::PollRead) or
//! [`PollWrite`](crate::reactor::PollWrite), which keep what matters: a poll never waits, and never
//! suspends its task. Whoever polls may hold a lock of its executor, and hyper polls the reading
//! side of a connection while it answers, to see the peer go.

/// How many bytes of a buffer one read may fill. The buffers of hyper and tokio come uninitialised
/// and are made zero before the read, however few bytes it will bring: beyond this length, that
/// costs more than the system calls which a longer read saves.
#[cfg(any(feature = "hyper", feature = "tokio"))]
pub(super) const READ_MAX: usize = 64 * 1024;

/// Has `$reader!` and `$writer!` implement a crate's traits for each stream that is read, and each
/// that is written to: `TYPE`, or `TYPE, [GENERICS] BOUNDS`.
macro_rules! streams {
    ($reader:ident, $writer:ident) => {
        $reader! { $crate::net::TcpStream }
        $reader! { $crate::net::unix::UnixStream }
        $reader! { $crate::io::PipeReader }
        $reader! { $crate::process::ChildStdout }
        $reader! { $crate::process::ChildStderr }
        $reader! { $crate::io::Pollable<T>, [T] $crate::io::Pollable<T>: $crate::io::PollRead }
        $writer! { $crate::net::TcpStream }
        $writer! { $crate::net::unix::UnixStream }
        $writer! { $crate::io::PipeWriter }
        $writer! { $crate::process::ChildStdin }
        $writer! { $crate::io::Pollable<T>, [T] $crate::io::Pollable<T>: $crate::io::PollWrite }
    };
}

pub(super) use streams;

/// The methods of the writing traits of hyper and of tokio, which are the same.
#[cfg(any(feature = "hyper", feature = "tokio"))]
macro_rules! write_methods {
    () => {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $crate::io::PollWrite::poll_write(&*self, context, buf)
        }

        fn poll_write_vectored(
            self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $crate::io::PollWrite::poll_write_vectored(&*self, context, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            $crate::io::PollWrite::is_write_vectored(self)
        }

        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn poll_shutdown(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready($crate::io::PollWrite::shutdown_write(&*self))
        }
    };
}

#[cfg(any(feature = "hyper", feature = "tokio"))]
pub(super) use write_methods;
