//! The iterator over the connections of a listener that it owns.

use std::io;
use std::iter::FusedIterator;

use super::{TcpListener, TcpStream};
use crate::net::accept::Backoff;

impl TcpListener {
    /// Turns this listener into an iterator over the connections being received on it.
    ///
    /// It is [`incoming`](Self::incoming), pauses included, with the listener inside.
    ///
    /// # Parks
    ///
    /// As [`incoming`](Self::incoming).
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
        IntoIncoming { listener: self, backoff: Backoff::default() }
    }
}

/// An iterator that infinitely accepts connections on a [`TcpListener`] that it owns.
///
/// Made by [`TcpListener::into_incoming`].
#[must_use = "iterators are lazy and do nothing unless consumed"]
#[derive(Debug)]
pub struct IntoIncoming {
    listener: TcpListener,
    backoff: Backoff,
}

impl Iterator for IntoIncoming {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        let IntoIncoming { listener, backoff } = self;
        Some(backoff.accept(&listener.socket, || listener.accept()))
    }
}

impl FusedIterator for IntoIncoming {}
