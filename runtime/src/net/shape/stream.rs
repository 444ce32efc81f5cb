//! Reading and writing a stream: std's traits on the value and on a reference to it, and gocoro's
//! methods that never wait.

/// Implements a connected stream of bytes. The examples' setup makes `stream` and its `peer`, and
/// the imports have `std::io::prelude`. `$stream` is the `Stream` that it is.
macro_rules! stream {
    ($ty:ident, $std:ty, $stream:ident, $imports:literal, $setup:literal) => {
        $crate::net::shape::socket!($ty, $std, $imports, $setup, "stream", "");
        $crate::net::shape::handover!($ty);
        $crate::net::shape::timeouts!(
            $ty,
            $imports,
            $setup,
            "stream",
            "(&stream).read",
            "(&peer).write",
            Some($crate::net::transfer::Stream::$stream)
        );

        impl $ty {
            /// Shuts down the read, write, or both halves of this connection.
            ///
            /// All pending and future I/O on those halves returns at once, in every task and thread
            /// that waits for it: reads with `Ok(0)`, writes with `BrokenPipe`. A writer that waits
            /// for room in a Unix stream is told up to 250 ms late.
            ///
            /// # Errors
            ///
            /// `NotConnected` once a TCP connection is gone; a Unix stream's end may be shut down
            /// even then.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::net::Shutdown;
            ///
            #[doc = $setup]
            /// stream.shutdown(Shutdown::Write)?;
            /// assert_eq!((&peer).read(&mut [0; 8])?, 0); // the end of the file
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.socket.kernel().shutdown(how)
            }

            /// Receives data from the peer without removing it from the queue, and returns how many
            /// bytes it saw.
            ///
            /// Successive calls return the same data.
            ///
            /// # Parks
            ///
            /// While there is nothing to read. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// Those of reading: `TimedOut` after the read timeout, `WouldBlock` in non-blocking
            /// mode.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            /// (&stream).write_all(b"x")?;
            ///
            /// let mut buf = [0; 8];
            /// assert_eq!(peer.peek(&mut buf)?, 1);
            /// assert_eq!((&peer).read(&mut buf)?, 1); // it was still there
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn peek(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.peek(buf)
            }

            /// Reads what is there, and never waits. Beyond std.
            ///
            /// A task that calls this in a loop holds its worker: let it call
            /// [`wait_readable`](Self::wait_readable) in between.
            ///
            /// # Parks
            ///
            /// In a loop, once in a while for a moment, which is a cancel point.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing, else as [`read`](std::io::Read::read).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::ErrorKind;
            ///
            #[doc = $setup]
            /// assert_eq!(stream.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.try_read(buf, $crate::net::transfer::Stream::$stream)
            }

            /// Asks from inside of a poll whether a read would return at once, be it with an error.
            /// Beyond std.
            ///
            /// If not, the waker is called once that may have changed. The page of
            /// [`PollRead`](crate::io::PollRead), which has more for such code, says how polls
            /// behave.
            ///
            /// # Errors
            ///
            /// What the system says if it cannot watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::future::poll_fn;
            ///
            #[doc = $setup]
            /// (&stream).write_all(b"abc")?;
            ///
            /// gocoro::future::wait(poll_fn(|context| peer.poll_read_ready(context)))?;
            /// assert_eq!(peer.try_read(&mut [0; 8])?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_read_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::reactor::PollRead::poll_read_ready(self, context)
            }

            /// Reads what is there into several buffers, and never waits. Beyond std.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::IoSliceMut;
            ///
            #[doc = $setup]
            /// (&stream).write_all(b"abc")?;
            ///
            /// peer.wait_readable()?;
            /// let (mut head, mut tail) = ([0; 1], [0; 8]);
            /// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
            /// assert_eq!(peer.try_read_vectored(&mut bufs)?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.socket.try_read_vectored(bufs, $crate::net::transfer::Stream::$stream)
            }

            /// Writes as much as there is room for, and never waits. Beyond std.
            ///
            /// # Parks
            ///
            /// In a loop, once in a while for a moment, which is a cancel point.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room, else as [`write`](std::io::Write::write).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            /// assert_eq!(stream.try_write(b"x")?, 1);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                self.socket.try_write(buf)
            }

            /// Asks from inside of a poll whether a write of some bytes would return at once, be it
            /// with an error. Beyond std.
            ///
            /// If not, the waker is called once that may have changed. The page of
            /// [`PollWrite`](crate::io::PollWrite), which has more for such code, says how polls
            /// behave.
            ///
            /// # Errors
            ///
            /// What the system says if it cannot watch the descriptor.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::future::poll_fn;
            ///
            #[doc = $setup]
            /// gocoro::future::wait(poll_fn(|context| stream.poll_write_ready(context)))?;
            /// assert_eq!(stream.try_write(b"abc")?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_write_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::reactor::PollWrite::poll_write_ready(self, context)
            }

            /// Writes from several buffers as much as there is room for, and never waits. Beyond
            /// std.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::IoSlice;
            ///
            #[doc = $setup]
            /// let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
            /// assert_eq!(stream.try_write_vectored(&bufs)?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.socket.try_write_vectored(bufs)
            }
        }

        impl $crate::reactor::Reads for $ty {
            fn source(&self) -> &$crate::reactor::Source {
                self.socket.source()
            }

            fn attempt_read(&self, bufs: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.socket.attempt_read(bufs, $crate::net::transfer::Stream::$stream)
            }
        }

        impl $crate::reactor::Writes for $ty {
            fn source(&self) -> &$crate::reactor::Source {
                self.socket.source()
            }

            fn attempt_write(&self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.socket.attempt_write(bufs)
            }

            fn looks_again(&self) -> bool {
                $crate::net::transfer::Stream::$stream == $crate::net::transfer::Stream::Unix
            }

            fn has_room(&self) -> std::io::Result<bool> {
                self.socket.has_room($crate::net::transfer::Stream::$stream)
            }

            fn end_writing(&self) -> std::io::Result<()> {
                self.shutdown(std::net::Shutdown::Write)
            }
        }

        $crate::reactor::poll_read!($ty);
        $crate::reactor::poll_write!($ty);

        impl std::io::Read for &$ty {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.read(buf, $crate::net::transfer::Stream::$stream)
            }

            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.socket.read_vectored(bufs, $crate::net::transfer::Stream::$stream)
            }
        }

        impl std::io::Read for $ty {
            #[inline]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        impl std::io::Write for &$ty {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.socket.write(buf, $crate::net::transfer::Stream::$stream)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.socket.write_vectored(bufs, $crate::net::transfer::Stream::$stream)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Write for $ty {
            #[inline]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(in crate::net) use stream;
