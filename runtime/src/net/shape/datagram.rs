//! Sending and receiving datagrams on a connected socket.

/// Implements a socket of datagrams, which sends by `$send`. The examples' setup makes `socket` and
/// its `peer`, which are connected to each other.
macro_rules! datagram {
    ($ty:ident, $std:ty, $send:ident, $imports:literal, $setup:literal) => {
        $crate::net::shape::socket!($ty, $std, $imports, $setup, "socket", "");
        $crate::net::shape::handover!($ty);
        $crate::net::shape::timeouts!(
            $ty,
            $imports,
            $setup,
            "socket",
            "socket.recv",
            "peer.send",
            None
        );

        impl $ty {
            /// Sends one datagram to the address that this socket is connected to, and returns how
            /// many bytes it has.
            ///
            /// # Parks
            ///
            /// While there is no room for the datagram. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// `TimedOut` after the write timeout, `WouldBlock` in non-blocking mode, and those of
            /// the system, for one if the socket is not connected. An error may belong to a
            /// datagram that was sent before: `ConnectionRefused` if nobody was there to receive
            /// it.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            /// assert_eq!(socket.send(b"ping")?, 4);
            ///
            /// let mut buf = [0; 8];
            /// assert_eq!(peer.recv(&mut buf)?, 4);
            /// assert_eq!(&buf[..4], b"ping");
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[inline]
            pub fn send(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.socket.$send(buf)
            }

            /// Receives one datagram, and returns how many bytes of it are in the buffer.
            ///
            /// What the buffer has no room for is lost. If the socket is connected, the datagram is
            /// one from that address.
            ///
            /// # Parks
            ///
            /// While there is no datagram. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// `TimedOut` after the read timeout, `WouldBlock` in non-blocking mode, and those of
            /// the system. An error may belong to a datagram that was sent before:
            /// `ConnectionRefused` if nobody was there to receive it.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            /// peer.send(b"one")?;
            /// peer.send(b"two")?;
            ///
            /// let mut buf = [0; 2];
            /// assert_eq!(socket.recv(&mut buf)?, 2);
            /// assert_eq!(&buf, b"on");
            /// assert_eq!(socket.recv(&mut buf)?, 2);
            /// assert_eq!(&buf, b"tw");
            /// # Ok::<(), std::io::Error>(())
            /// ```
            #[inline]
            pub fn recv(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.recv(buf)
            }

            /// Receives one datagram from inside of a poll, where nothing may wait. Beyond std.
            ///
            /// If there is none, the waker is called once there may be one. All that the page of
            /// [`PollRead`](crate::io::PollRead) says of polls goes for this too.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv) but `WouldBlock` and `TimedOut`, and what the system says if
            /// it cannot watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::future::poll_fn;
            ///
            #[doc = $setup]
            /// peer.send(b"ping")?;
            ///
            /// let mut buf = [0; 8];
            /// let received = poll_fn(|context| socket.poll_recv(context, &mut buf));
            /// assert_eq!(gocoro::future::wait(received)?, 4);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_recv(
                &self,
                context: &mut std::task::Context<'_>,
                buf: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.socket.poll_recv(context, buf)
            }

            /// Receives one datagram without removing it from the queue, and returns how many bytes
            /// of it are in the buffer.
            ///
            /// Successive calls return the same datagram.
            ///
            /// # Parks
            ///
            /// While there is no datagram. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            /// peer.send(b"x")?;
            ///
            /// let mut buf = [0; 8];
            /// assert_eq!(socket.peek(&mut buf)?, 1);
            /// assert_eq!(socket.recv(&mut buf)?, 1); // it was still there
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn peek(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.peek(buf)
            }
        }
    };
}

pub(in crate::net) use datagram;
