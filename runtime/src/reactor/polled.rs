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

/// Whether events tell of all that may change what an attempt says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Events {
    Tell,
    /// A Unix socket's half can be shut down without an event.
    TellInPart,
}

impl<T: AsFd + ?Sized> Source<T> {
    /// Does `attempt`. If that says `WouldBlock`, has the waker called once another attempt may say
    /// something else.
    pub(crate) fn poll_io<R>(
        &self,
        direction: Direction,
        context: &Context<'_>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll(direction, context, Events::Tell, |fd| {
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
        self.poll(direction, context, Events::Tell, |fd| match thread::is_ready(fd, direction)? {
            true => Ok(()),
            false => Err(ErrorKind::WouldBlock.into()),
        })
    }

    /// Does `attempt`, which writes, or asks whether there is room; as [`Source::poll_io`]. A poll
    /// that `looks_again` has its waker called now and then as well.
    pub(crate) fn poll_write<R>(
        &self,
        context: &Context<'_>,
        looks_again: bool,
        mut attempt: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let events = if looks_again { Events::TellInPart } else { Events::Tell };
        self.poll(Direction::Write, context, events, |_| attempt())
    }

    fn poll<R>(
        &self,
        direction: Direction,
        context: &Context<'_>,
        events: Events,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if park::polled() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if events == Events::TellInPart || !self.is_used_up(direction) {
            let result = attempt(self.fd());
            if !would_block(&result) {
                return Poll::Ready(result);
            }
        }
        let listening = self.listen(direction, context.waker())?;
        if events == Events::TellInPart {
            self.look_again()?;
        }
        match listening {
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
