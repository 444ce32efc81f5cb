//! A standard descriptor as it is seen while the lock of its stream is held: how bytes are moved
//! without blocking, and where to wait.
//!
//! Nothing is kept from one lock to the next. A program may put another file in the descriptor's
//! place (`dup2`), and what is kept open here would keep the end of a pipe, or a terminal, from
//! being closed.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use socket2::{SockRef, Type};

use super::kind::{Kind, Standard};
use crate::clock;
use crate::io::piece;
use crate::io::sys::{self, Wait};
use crate::limits::SHUT_LOOK;
use crate::net;
use crate::reactor::{self, Direction, Pauses, Source};

/// How bytes are moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// By calls that never wait, which Linux has for pipes.
    Pipe,
    /// By a socket's calls that never wait.
    Socket,
    /// Through an open file of gocoro's own, which is in non-blocking mode.
    Own,
    /// By calls that may wait, once the kernel says that they would not. Whoever else uses the file
    /// can come in between.
    Asked,
    /// By calls that wait for nobody else: a file's, or those of a device that takes everything.
    AtOnce,
}

#[derive(Debug)]
pub(super) struct Session {
    standard: Standard,
    way: Way,
    /// Where the session waits, and what its bytes go through, from its first wait on: an open file
    /// of its own, or a duplicate, since the descriptor itself may be registered by others.
    source: Option<Source>,
}

impl Session {
    pub(super) fn open(standard: Standard) -> Session {
        let mut session = Session { standard, way: Way::Asked, source: None };
        match standard.kind() {
            Kind::Pipe => session.way = Way::Pipe,
            Kind::Socket => session.way = Way::Socket,
            Kind::Terminal => session.open_again(),
            Kind::File | Kind::Closed => session.way = Way::AtOnce,
            Kind::Device if standard != Standard::In => session.way = Way::AtOnce,
            Kind::Device | Kind::Other => {}
        }
        session
    }

    /// Whether no call waits for anybody else.
    pub(super) fn is_at_once(&self) -> bool {
        self.way == Way::AtOnce
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.source.as_ref().map_or(self.standard.fd(), |source| source.fd())
    }

    /// Goes on through an open file of its own, or else asks.
    fn open_again(&mut self) {
        let own = self.standard.open_again();
        self.way = if own.is_some() { Way::Own } else { Way::Asked };
        self.source = own.map(Source::new);
    }

    /// Reads what is there, or says `WouldBlock`.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.transfer(|fd, way| match way {
            Way::Socket => net::sys::recv(fd, buf, 0),
            Way::Pipe => sys::read(fd, &mut [IoSliceMut::new(buf)], Wait::Never),
            Way::Own | Way::Asked | Way::AtOnce => {
                sys::read(fd, &mut [IoSliceMut::new(buf)], Wait::Perhaps)
            }
        })
    }

    /// Reads what of a file is in memory.
    pub(super) fn read_cached(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        sys::read(self.fd(), &mut [IoSliceMut::new(buf)], Wait::Never)
    }

    /// Writes what there is room for, or says `WouldBlock`.
    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.transfer(|fd, way| match way {
            Way::Socket => net::sys::send(fd, buf),
            Way::Pipe => sys::write(fd, &[IoSlice::new(buf)], Wait::Never),
            Way::Own | Way::AtOnce => sys::write(fd, &[IoSlice::new(buf)], Wait::Perhaps),
            Way::Asked => sys::write(fd, &[IoSlice::new(piece::of_one(buf))], Wait::Perhaps),
        })
    }

    fn transfer(
        &mut self,
        mut call: impl FnMut(BorrowedFd<'_>, Way) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            if self.way == Way::Asked && !self.is_ready()? {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            match call(self.fd(), self.way) {
                // A pipe with a name, or an old kernel.
                Err(error) if self.way == Way::Pipe && sys::has_no_such_call(&error) => {
                    self.open_again();
                }
                result => return result,
            }
        }
    }

    /// Whether the kernel says that a call would return at once.
    pub(super) fn is_ready(&self) -> io::Result<bool> {
        Ok(reactor::is_ready(self.fd(), self.direction())? || self.looks_again() && self.is_shut())
    }

    /// Whether no event may tell that a write would fail: a Unix stream that its peer does not read
    /// any more, though it is still there.
    fn looks_again(&self) -> bool {
        self.way == Way::Socket && self.direction() == Direction::Write
    }

    /// Whether the sending half of a stream is shut down: it refuses even a write of no bytes,
    /// which sends nothing. Of other sockets that would be a message.
    fn is_shut(&self) -> bool {
        let fd = self.fd();
        SockRef::from(&fd).r#type().is_ok_and(|kind| kind == Type::STREAM)
            && net::sys::send(fd, &[]).is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Waits for the descriptor.
    fn wait(&self, source: &Source) -> io::Result<()> {
        let look = self.looks_again().then(|| clock::now() + SHUT_LOOK);
        match source.wait(self.direction(), look) {
            // If a deadline of the caller's has passed too, the next wait says so at once.
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && look.is_some_and(|at| clock::now() >= at) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    /// Does `attempt`, and waits for the descriptor while it says `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `attempt` and of [`Source::wait`].
    pub(super) fn until_done<R>(
        &mut self,
        mut attempt: impl FnMut(&mut Session) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut waited = Ok(());
        let mut pauses = Pauses::new();
        loop {
            match attempt(self) {
                // After a failed wait too there was an attempt: what can be done at once is done.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => waited?,
                result => return result,
            }
            self.duplicate();
            waited = match &self.source {
                Some(source) if !self.is_ready()? => self.wait(source),
                // There is no descriptor left to wait on, or the kernel calls ready what will not
                // do it: a terminal with room for less than a character.
                _ => pauses.pause(self.direction(), None),
            };
        }
    }

    fn duplicate(&mut self) {
        if self.source.is_none() {
            self.source = self.standard.fd().try_clone_to_owned().ok().map(Source::new);
        }
    }

    fn direction(&self) -> Direction {
        self.standard.direction()
    }
}
