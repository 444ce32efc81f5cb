//! What `copy_bidirectional` takes: a stream that is read and written by two tasks at once.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::buffer::BufferStream;
use crate::net::unix::UnixStream;
use crate::net::{Shutdown, TcpStream};

/// A stream that one task reads while another one writes it: what
/// [`copy_bidirectional`](fn@super::copy_bidirectional) takes.
///
/// gocoro's own streams are that, and references and pointers to them. For a stream of your own
/// implement it on a type whose halves can be used at once through a shared reference.
///
/// A TLS stream as `rustls::StreamOwned` is none: it reads and writes through `&mut self`, and a
/// lock around it would let nobody write while somebody waits to read. What works is a type that
/// holds the connection's state in a [`Mutex`](crate::sync::Mutex) and the socket beside it: `read`
/// waits for the socket without the lock, and takes the lock to hand over the bytes that came.
///
/// # Implementing it
///
/// - `shutdown(Shutdown::Both)` ends the reads and writes that wait meanwhile, as that of a socket
///   does. Otherwise a copy whose other way has failed goes on until they end by themselves.
/// - Waits are those of gocoro's I/O, or the idle timeout cannot end them.
/// - A `read` or `write` that fails with `TimedOut` has had no effect, and may be called again.
///
/// # Examples
///
/// A stream that counts what it carries:
///
/// ```
/// use gocoro::io::{self, BufferStream, Duplex};
/// use gocoro::net::Shutdown;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
///
/// struct Counted<S> {
///     stream: S,
///     bytes: AtomicUsize,
/// }
///
/// impl<S: Duplex> Duplex for Counted<S> {
///     fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
///         let count = self.stream.read(buf)?;
///         self.bytes.fetch_add(count, Relaxed);
///         Ok(count)
///     }
///
///     fn write(&self, buf: &[u8]) -> io::Result<usize> {
///         let count = self.stream.write(buf)?;
///         self.bytes.fetch_add(count, Relaxed);
///         Ok(count)
///     }
///
///     fn shutdown(&self, how: Shutdown) -> io::Result<()> {
///         self.stream.shutdown(how)
///     }
/// }
///
/// let (client, near) = BufferStream::unbounded();
/// let (far, server) = BufferStream::unbounded();
/// io::Write::write_all(&mut &client, b"question")?;
/// client.shutdown(Shutdown::Write)?;
/// io::Write::write_all(&mut &server, b"answer")?;
/// server.shutdown(Shutdown::Write)?;
///
/// let near = Counted { stream: near, bytes: AtomicUsize::new(0) };
/// assert_eq!(io::copy_bidirectional(&near, far)?, (8, 6));
/// assert_eq!(near.bytes.into_inner(), 14);
/// # io::Result::Ok(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`copy_bidirectional` cannot copy from and to `{Self}`",
    label = "not a stream that two tasks can use at once",
    note = "gocoro's own streams are, by value or reference; a std socket becomes one by `.into()`, and a type of yours by an implementation of `Duplex`"
)]
pub trait Duplex: Sync {
    /// Reads as [`Read::read`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Read::read`].
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes as [`Write::write`] does.
    ///
    /// # Errors
    ///
    /// Those of [`Write::write`].
    fn write(&self, buf: &[u8]) -> io::Result<usize>;

    /// Flushes as [`Write::flush`] does. A copy calls it after each piece that it has written.
    /// Without an implementation of its own it does nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Write::flush`].
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Shuts one half down, or both, as [`TcpStream::shutdown`] does.
    ///
    /// # Errors
    ///
    /// `NotConnected` if the stream is over anyway; a copy takes no notice of that.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! streams {
    ($($ty:ty),*) => {$(
        impl Duplex for $ty {
            fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                Read::read(&mut &*self, buf)
            }

            fn write(&self, buf: &[u8]) -> io::Result<usize> {
                Write::write(&mut &*self, buf)
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                <$ty>::shutdown(self, how)
            }
        }
    )*};
}

streams!(TcpStream, UnixStream, BufferStream);

macro_rules! through_pointers {
    ($([$($bound:tt)*] $pointer:ty),*) => {$(
        impl<D: Duplex + ?Sized $($bound)*> Duplex for $pointer {
            fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                (**self).read(buf)
            }

            fn write(&self, buf: &[u8]) -> io::Result<usize> {
                (**self).write(buf)
            }

            fn flush(&self) -> io::Result<()> {
                (**self).flush()
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                (**self).shutdown(how)
            }
        }
    )*};
}

through_pointers!([] &D, [] &mut D, [] Box<D>, [+ Send] Arc<D>);
