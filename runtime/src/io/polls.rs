//! The methods for polls that the ends of pipes have by themselves.

/// Those of what is read. The examples' setup makes a `reader`, with bytes that come.
macro_rules! read_polls {
    ($ty:ty, $imports:literal, $setup:literal) => {
        impl $ty {
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
            ///
            /// gocoro::future::wait(poll_fn(|context| reader.poll_read_ready(context)))?;
            /// assert_eq!(reader.try_read(&mut [0; 8])?, 4);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_read_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::reactor::PollRead::poll_read_ready(self, context)
            }

            /// Reads what is there, and never waits. Beyond std.
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
            /// As for [`poll_read_ready`](Self::poll_read_ready).
            pub fn try_read(&self, buf: &mut [u8]) -> std::io::Result<usize> {
                $crate::park::spent_io();
                $crate::reactor::PollRead::try_read(self, buf)
            }
        }
    };
}

/// Those of what is written to. The examples' setup makes a `writer` with room.
macro_rules! write_polls {
    ($ty:ty, $imports:literal, $setup:literal) => {
        impl $ty {
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
            ///
            /// gocoro::future::wait(poll_fn(|context| writer.poll_write_ready(context)))?;
            /// assert_eq!(writer.try_write(b"abc")?, 3);
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn poll_write_ready(
                &self,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::reactor::PollWrite::poll_write_ready(self, context)
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
            /// As for [`poll_write_ready`](Self::poll_write_ready).
            pub fn try_write(&self, buf: &[u8]) -> std::io::Result<usize> {
                $crate::park::spent_io();
                $crate::reactor::PollWrite::try_write(self, buf)
            }
        }
    };
}

pub(crate) use {read_polls, write_polls};
