//! A server's socket: accepting, the iterator over its connections, the mode.

/// Implements a listener of `$stream`s. The examples' setup makes `listener`; `$connect` connects
/// to it, `$end` ends the example. `$to_addr` takes the address of a peer, `$options` gives a
/// connection's options from those of its listener, `$accept` is the socket's method that accepts.
macro_rules! listener {
    (
        $ty:ident, $stream:ident, $addr:ty, $to_addr:path, $options:path, $accept:ident,
        $poll_accept:ident, $std:ty,
        $imports:literal, $setup:literal, $connect:literal, $end:literal
    ) => {
        $crate::net::shape::socket!($ty, $std, $imports, $setup, "listener", $end);

        impl $ty {
            /// Accepts a new incoming connection from this listener, and returns it with its peer's
            /// address.
            ///
            /// # Parks
            ///
            /// While no connection is pending. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// As in std, that of the connection (`ConnectionAborted`) or of the process, which may
            /// have no descriptors left. The listener stays usable, and in the latter case the
            /// connection stays pending: a server does well to pause before it accepts again, which
            /// [`incoming`](Self::incoming) does by itself. `WouldBlock` in non-blocking mode.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("let client = ", $connect, "?;")]
            /// let (stream, addr) = listener.accept()?;
            /// assert_eq!(format!("{addr:?}"), format!("{:?}", client.local_addr()?));
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn accept(&self) -> std::io::Result<($stream, $addr)> {
                self.accepted(self.socket.$accept()?)
            }

            /// Accepts a connection that is pending already, and never waits. Beyond std.
            ///
            /// # Parks
            ///
            /// In a loop, once in a while for a moment, which is a cancel point.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none, else as [`accept`](Self::accept).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::ErrorKind;
            ///
            #[doc = $setup]
            /// assert_eq!(listener.try_accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_accept(&self) -> std::io::Result<($stream, $addr)> {
                $crate::park::spent_io();
                self.accepted($crate::net::accept::accept(self.socket.fd())?)
            }

            /// Accepts a connection from inside of a poll, where nothing may wait. Beyond std.
            ///
            /// If none is pending, the waker is called once there may be one. All that the page of
            /// [`PollRead`](crate::io::PollRead) says of polls goes for this too.
            ///
            /// # Errors
            ///
            /// As [`accept`](Self::accept) but `WouldBlock`, and what the system says if it cannot
            /// watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::future::poll_fn;
            ///
            #[doc = $setup]
            #[doc = concat!("let client = ", $connect, "?;")]
            /// let accepted = poll_fn(|context| listener.poll_accept(context));
            /// let (stream, addr) = gocoro::future::wait(accepted)?;
            /// assert_eq!(format!("{addr:?}"), format!("{:?}", client.local_addr()?));
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_accept(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<($stream, $addr)>> {
                let accepted = std::task::ready!(self.socket.$poll_accept(context))?;
                std::task::Poll::Ready(self.accepted(accepted))
            }

            /// Waits until a connection is pending. Beyond std.
            ///
            /// Another task may be faster, so the `accept` that follows can still find none.
            ///
            /// # Parks
            ///
            /// While no connection is pending, in non-blocking mode too. Blocks the thread outside
            /// a task.
            ///
            /// # Errors
            ///
            /// Those of waiting for a descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("let client = ", $connect, "?;")]
            /// listener.wait_readable()?;
            /// let (stream, addr) = listener.try_accept()?;
            /// # drop(stream);
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn wait_readable(&self) -> std::io::Result<()> {
                self.socket.wait($crate::reactor::Direction::Read)
            }

            /// Returns an iterator over the connections being received on this listener.
            ///
            /// It never returns `None`, and is the same as calling [`accept`](Self::accept) in a
            /// loop, but for a pause after errors that last.
            ///
            /// A process that has no descriptors left (`EMFILE`, `ENFILE`) or no memory for a
            /// connection (`ENOBUFS`, `ENOMEM`) gets the same error from `accept` again and again,
            /// at once, so that a loop over std's iterator spins and fills its log. This one hands
            /// out each error as std's does, and lets the *next* call wait before it tries again: 5
            /// ms, doubling with each such error in a row up to 1 s; a connection resets that. The
            /// wait is counted from the error, so a caller who pauses too does not wait twice. It
            /// happens after every error of the listener, the process or the system. An error that
            /// is the pending connection's own (`ConnectionAborted`, say) is no reason to pause,
            /// nor is a time that was up, nor are `WouldBlock` and anything else in non-blocking
            /// mode.
            ///
            /// # Parks
            ///
            /// Its `next` parks as [`accept`](Self::accept) does, and to pause. The pause is a wait
            /// for I/O like any other: it blocks the thread outside a task, is a cancel point, and
            /// ends early when a [`timeout`](crate::time::timeout) or an
            /// [`io_deadline`](crate::time::io_deadline) does.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("let client = ", $connect, "?;")]
            /// for stream in listener.incoming().take(1) {
            ///     assert!(stream?.take_error()?.is_none());
            /// }
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn incoming(&self) -> Incoming<'_> {
                Incoming { listener: self, backoff: $crate::net::accept::Backoff::default() }
            }

            /// Moves this listener into or out of non-blocking mode.
            ///
            /// In non-blocking mode [`accept`](Self::accept) fails with `WouldBlock` instead of
            /// waiting.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::ErrorKind;
            ///
            #[doc = $setup]
            /// listener.set_nonblocking(true)?;
            /// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            #[doc = $end]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                // The descriptor is non-blocking as it is.
                self.socket.options().set_nonblocking(nonblocking);
                Ok(())
            }

            /// Dresses what the kernel accepted.
            fn accepted(
                &self,
                (fd, addr): (std::os::fd::OwnedFd, socket2::SockAddr),
            ) -> std::io::Result<($stream, $addr)> {
                let options = $options(self.socket.options());
                let stream = $stream::new($crate::net::socket::Socket::new(fd, options));
                // What only std makes an address of, it asks for again.
                let addr = $to_addr(addr).or_else(|_| stream.peer_addr())?;
                Ok((stream, addr))
            }
        }

        #[doc = concat!("An iterator that infinitely accepts connections on a [`", stringify!($ty), "`].")]
        ///
        #[doc = concat!("Made by [`", stringify!($ty), "::incoming`].")]
        #[must_use = "iterators are lazy and do nothing unless consumed"]
        #[derive(Debug)]
        pub struct Incoming<'a> {
            listener: &'a $ty,
            backoff: $crate::net::accept::Backoff,
        }

        impl Iterator for Incoming<'_> {
            type Item = std::io::Result<$stream>;

            fn next(&mut self) -> Option<std::io::Result<$stream>> {
                let Incoming { listener, backoff } = self;
                Some(backoff.accept(&listener.socket, || listener.accept()))
            }
        }

        impl std::iter::FusedIterator for Incoming<'_> {}

        /// Takes a listener over and makes its descriptor non-blocking; the mode that the user sees
        /// is the one that it had.
        impl From<std::os::fd::OwnedFd> for $ty {
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                let options = $crate::net::options::Options::of(std::os::fd::AsFd::as_fd(&fd));
                // An open descriptor does not refuse this, and `From` could not report it.
                let _ = socket2::SockRef::from(&fd).set_nonblocking(true);
                $ty::new($crate::net::socket::Socket::new(fd, options))
            }
        }

        /// Gives the descriptor up and restores its mode, unless a handle that `try_clone` made is
        /// still held by gocoro: the mode belongs to all of them, so the last one restores it.
        impl From<$ty> for std::os::fd::OwnedFd {
            fn from(listener: $ty) -> Self {
                let (fd, options) = listener.socket.into_parts();
                if options.is_some_and(|options| !options.nonblocking()) {
                    // An open descriptor does not refuse this, and `From` could not report it.
                    let _ = socket2::SockRef::from(&fd).set_nonblocking(false);
                }
                fd
            }
        }
    };
}

pub(in crate::net) use listener;
