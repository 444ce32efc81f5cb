//! How long operations may wait: timeouts and the mode, which gocoro keeps beside the descriptor.

/// Implements the timeouts and the mode of a socket that transfers data, and waits without a
/// transfer. `$receive` receives into a buffer, `$send` sends one; `$stream` is the `Stream` that
/// it is, if it is one.
macro_rules! timeouts {
    (
        $ty:ident, $imports:literal, $setup:literal, $name:literal, $receive:literal, $send:literal,
        $stream:expr
    ) => {
        impl $ty {
            /// Sets how long an operation that receives may wait; `None` means for ever.
            ///
            /// One that waits longer fails with `TimedOut` (std on Unix: `WouldBlock`). The value
            /// is shared with every [`try_clone`](Self::try_clone). Setting it costs no system
            /// call: the kernel learns of it only when the socket is converted to a std type or a
            /// descriptor.
            ///
            /// It bounds each single wait, so that a peer that sends a byte now and then is never
            /// late: [`io_deadline`](crate::time::io_deadline) bounds all of a request. After
            /// `TimedOut`, code that keeps what it has received may be called again, as
            /// `BufRead::read_line` with the same buffer; `lines` and `read_exact` drop it.
            /// [`timeout`](crate::time::timeout), which unwinds, drops it always.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for a timeout of zero.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::ErrorKind;
            /// use std::time::Duration;
            ///
            #[doc = $setup]
            #[doc = concat!($name, ".set_read_timeout(Some(Duration::from_millis(1)))?;")]
            #[doc = concat!("let error = ", $receive, "(&mut [0; 8]).unwrap_err();")]
            /// assert_eq!(error.kind(), ErrorKind::TimedOut);
            ///
            #[doc = concat!(
                "let error = ", $name, ".set_read_timeout(Some(Duration::ZERO)).unwrap_err();"
            )]
            /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_read_timeout(
                &self,
                dur: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.socket.options().set_timeout($crate::reactor::Direction::Read, dur)
            }

            /// Sets how long an operation that sends may wait; `None` means for ever.
            ///
            /// All that is said of [`set_read_timeout`](Self::set_read_timeout) holds here.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for a timeout of zero.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::time::Duration;
            ///
            #[doc = $setup]
            #[doc = concat!($name, ".set_write_timeout(Some(Duration::from_secs(5)))?;")]
            #[doc = concat!(
                "assert_eq!(", $name, ".write_timeout()?, Some(Duration::from_secs(5)));"
            )]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_write_timeout(
                &self,
                dur: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                self.socket.options().set_timeout($crate::reactor::Direction::Write, dur)
            }

            /// Returns the read timeout of this socket.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("assert_eq!(", $name, ".read_timeout()?, None);")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.options().timeout($crate::reactor::Direction::Read))
            }

            /// Returns the write timeout of this socket.
            ///
            /// # Errors
            ///
            /// None; the signature is std's.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!("assert_eq!(", $name, ".write_timeout()?, None);")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                Ok(self.socket.options().timeout($crate::reactor::Direction::Write))
            }

            /// Moves this socket into or out of non-blocking mode.
            ///
            /// In non-blocking mode an operation that would have to wait fails with `WouldBlock`
            /// instead. gocoro does not need the mode itself: a socket starts out of it, and the
            /// mode is the one that a std socket would have after the same calls, also when the two
            /// are converted. A mode that is changed behind this method, by `fcntl` on the
            /// descriptor, is not noticed.
            ///
            /// # Errors
            ///
            /// Those of `fcntl`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            /// use std::io::ErrorKind;
            ///
            #[doc = $setup]
            #[doc = concat!($name, ".set_nonblocking(true)?;")]
            #[doc = concat!("let error = ", $receive, "(&mut [0; 8]).unwrap_err();")]
            /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.socket.kernel().set_nonblocking(nonblocking)?;
                self.socket.options().set_nonblocking(nonblocking);
                Ok(())
            }

            /// Waits until an operation that receives would return at once: with data, the end of
            /// the file, or an error.
            ///
            /// Another receiver may be faster, so the operation that follows can still find
            /// nothing. Beyond std.
            ///
            /// # Parks
            ///
            /// While there is nothing to receive, in non-blocking mode too. Blocks the thread
            /// outside a task.
            ///
            /// # Errors
            ///
            /// `TimedOut` after the read timeout.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!($name, ".set_nonblocking(true)?;")]
            #[doc = concat!($send, "(b\"x\")?;")]
            #[doc = concat!($name, ".wait_readable()?;")]
            #[doc = concat!("assert_eq!(", $receive, "(&mut [0; 8])?, 1);")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn wait_readable(&self) -> std::io::Result<()> {
                self.socket.wait($crate::reactor::Direction::Read)
            }

            /// Waits until an operation that sends would return at once: because there is room, or
            /// with an error.
            ///
            /// Another sender may be faster, so the operation that follows can still find no room.
            /// Beyond std.
            ///
            /// The kernel has no event for a Unix socket whose sending half is shut down while it
            /// has no room. On a Unix stream this call learns of that up to 250 ms late. On a Unix
            /// datagram socket it does not, nor does a `select!` with `writable` on either.
            ///
            /// # Parks
            ///
            /// While there is no room, in non-blocking mode too. Blocks the thread outside a task.
            ///
            /// # Errors
            ///
            /// `TimedOut` after the write timeout.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $imports]
            ///
            #[doc = $setup]
            #[doc = concat!($name, ".wait_writable()?;")]
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn wait_writable(&self) -> std::io::Result<()> {
                self.socket.wait_writable($stream)
            }
        }
    };
}

pub(in crate::net) use timeouts;
