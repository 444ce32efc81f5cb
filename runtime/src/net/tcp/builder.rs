//! A listener with options that are set before it is bound.

use std::io;

use super::TcpListener;
use crate::net::addr::{self, ToSocketAddrs};
use crate::net::connect::{self, Listening};

impl TcpListener {
    /// Begins to configure a listener. Beyond std.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::builder().backlog(64).bind("127.0.0.1:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder() -> ListenerBuilder {
        ListenerBuilder { listening: Listening::TCP }
    }
}

/// Options of a [`TcpListener`] that have to be set before it is bound.
///
/// Made by [`TcpListener::builder`]. With no option set it binds what [`TcpListener::bind`] does.
#[must_use = "a builder does nothing until `bind`"]
#[derive(Clone, Debug)]
pub struct ListenerBuilder {
    listening: Listening,
}

impl ListenerBuilder {
    /// Sets how many connections may wait to be accepted. The system cuts down what it finds too
    /// many (on Linux `net.core.somaxconn`, which is 4096 by default, as is the value here).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::builder().backlog(1024).bind("127.0.0.1:0")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn backlog(mut self, connections: u32) -> ListenerBuilder {
        self.listening.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Sets `SO_REUSEADDR`: whether the address may be bound while connections of an earlier
    /// listener linger there. It is set unless this says otherwise, as in std.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::builder().reuse_address(false).bind("127.0.0.1:0")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reuse_address(mut self, reuse: bool) -> ListenerBuilder {
        self.listening.reuse_address = reuse;
        self
    }

    /// Sets `SO_REUSEPORT`: whether several listeners of one user may be bound to the address, if
    /// all of them say so. Linux spreads the connections over them. It is not set unless this says
    /// so.
    ///
    /// A connection belongs to the listener that it was spread to: one that nobody accepts from
    /// keeps its share waiting, and closing a listener resets those that wait in its queue.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let builder = TcpListener::builder().reuse_port(true);
    /// let one = builder.bind("127.0.0.1:0")?;
    /// let two = builder.bind(one.local_addr()?)?;
    /// assert_eq!(one.local_addr()?, two.local_addr()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn reuse_port(mut self, reuse: bool) -> ListenerBuilder {
        self.listening.reuse_port = reuse;
        self
    }

    /// Creates a listener with these options that is bound to the specified address and ready to
    /// accept.
    ///
    /// # Parks
    ///
    /// As [`TcpListener::bind`].
    ///
    /// # Errors
    ///
    /// As [`TcpListener::bind`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::TcpListener;
    ///
    /// let listener = TcpListener::builder().bind("127.0.0.1:0")?;
    /// let error = TcpListener::builder().bind(listener.local_addr()?).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn bind<A: ToSocketAddrs>(&self, addr: A) -> io::Result<TcpListener> {
        addr::each(addr, |addr| connect::listen(&addr.into(), &self.listening))
            .map(TcpListener::new)
    }
}
