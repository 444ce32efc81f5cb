//! Operations that are polled: tried, and tried again when a waker is called.
//!
//! No poll waits, blocks, or lets other tasks run. A time that an `io_deadline` or a socket's own
//! timeout sets does not apply, nor does the mode of `set_nonblocking`.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll};

use super::source::Listening;
use super::{Direction, Source, thread};
use crate::park;

impl<T: AsFd + ?Sized> Source<T> {
    /// Does `attempt`. If that says `WouldBlock`, has the waker called once another attempt may say
    /// something else.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        context: &Context<'_>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(direction, context, |fd| {
            let result = attempt(fd);
            // A write that found no room proves less: there may be some for a shorter one.
            if direction == Direction::Read && would_block(&result) {
                self.used_up(direction);
            }
            result
        })
    }

    /// Asks the kernel whether an operation in `direction` would return at once.
    pub(crate) fn poll_ready(
        &self,
        direction: Direction,
        context: &Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(direction, context, |fd| match thread::is_ready(fd, direction)? {
            true => Ok(()),
            false => Err(ErrorKind::WouldBlock.into()),
        })
    }

    fn poll<R>(
        &self,
        direction: Direction,
        context: &Context<'_>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if park::polled() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if !self.is_used_up(direction) {
            let result = attempt(self.fd());
            if !would_block(&result) {
                return Poll::Ready(result);
            }
        }
        match self.listen(direction, context.waker())? {
            Listening::Always => return Poll::Pending,
            Listening::Since => {}
            Listening::Never => context.waker().wake_by_ref(),
        }
        let result = attempt(self.fd());
        if would_block(&result) { Poll::Pending } else { Poll::Ready(result) }
    }
}

fn would_block<R>(result: &io::Result<R>) -> bool {
    matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock)
}
