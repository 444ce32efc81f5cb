//! The iterators over a listener's connections.

use std::io;
use std::iter::FusedIterator;

use super::{TcpListener, TcpStream};

impl TcpListener {
    /// Returns an iterator over the connections being received on this listener.
    ///
    /// It never returns `None`, and is the same as calling [`accept`](Self::accept) in a loop.
    ///
    /// # Parks
    ///
    /// Its `next` parks as [`accept`](Self::accept) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// for stream in listener.incoming().take(1) {
    ///     assert_eq!(stream?.peer_addr()?, client.local_addr()?);
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Turns this listener into an iterator over the connections being received on it.
    ///
    /// # Parks
    ///
    /// Its `next` parks as [`accept`](Self::accept) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{TcpListener, TcpStream};
    /// use std::io;
    ///
    /// fn connections(listener: TcpListener) -> impl Iterator<Item = TcpStream> {
    ///     listener.into_incoming().filter_map(Result::ok)
    /// }
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// for stream in connections(listener).take(1) {
    ///     assert_eq!(stream.peer_addr()?, client.local_addr()?);
    /// }
    /// # Ok::<(), io::Error>(())
    /// ```
    pub fn into_incoming(self) -> IntoIncoming {
        IntoIncoming { listener: self }
    }
}

/// An iterator that infinitely accepts connections on a [`TcpListener`].
///
/// Made by [`TcpListener::incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for Incoming<'_> {}

/// An iterator that infinitely accepts connections on a [`TcpListener`] that it owns.
///
/// Made by [`TcpListener::into_incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl FusedIterator for IntoIncoming {}
