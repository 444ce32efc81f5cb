//! A descriptor that tasks wait on.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::{Driver, Generation, Place, Remote, driver, thread};
use crate::current;
use crate::lock::Lock;
use crate::park::{self, Left, Woken};
use crate::task::Reason;
use crate::waiters::{Node, Stay, Waiter};
use crate::{cancel, clock};

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// A descriptor's place in one worker's poll.
#[derive(Debug)]
struct Registration {
    remote: Arc<Remote>,
    index: usize,
    generation: Generation,
}

/// A descriptor and its registrations. Dropping it takes it out of every poll, then closes it.
pub(crate) struct Source {
    /// `None` only while it is being taken apart.
    fd: Option<OwnedFd>,
    /// The first worker that waited.
    first: OnceLock<Registration>,
    others: Lock<Vec<Registration>>,
}

impl Source {
    pub(crate) fn new(fd: OwnedFd) -> Source {
        Source { fd: Some(fd), first: OnceLock::new(), others: Lock::new(Vec::new()) }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_ref().expect("there until it is taken apart").as_fd()
    }

    /// Gives the descriptor up, taken out of every poll.
    pub(crate) fn into_fd(mut self) -> OwnedFd {
        self.deregister();
        self.fd.take().expect("there until it is taken apart")
    }

    /// Waits until the descriptor may be ready. A return is a hint: the system call tells.
    ///
    /// # Errors
    ///
    /// `TimedOut` once the deadline has passed, or that of an enclosing `io_deadline`; `Other` with
    /// [`cancel::Cancelled`] where a task that unwinds and is cancelled would wait; what the kernel
    /// says if it cannot watch the descriptor.
    #[inline]
    pub(crate) fn wait(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
        match current::task() {
            Some(_) => self.wait_in_task(direction, deadline),
            None => self.wait_in_thread(direction, deadline),
        }
    }

    fn wait_in_task(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
        if park::refuses_io() {
            return Err(cancel::error());
        }
        let deadline = deadline.into_iter().chain(current::waits().io_deadline()).min();
        if deadline.is_some_and(|at| clock::now() >= at) {
            return Err(timed_out());
        }
        let place = self.register(direction)?;
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, ());
        // SAFETY: node and waiter stay in this frame, which is not left before the node was claimed
        // or `stay` has unlinked it.
        place.side(|side| unsafe { side.link(&node) });
        let stay = Stay::new(place, &node);
        let reason = match direction {
            Direction::Read => Reason::Readable,
            Direction::Write => Reason::Writable,
        };
        while waiter.claimed().is_none() {
            match waiter.park(reason, deadline, || stay.leave()) {
                Woken::Perhaps => {}
                Woken::TimedOut => return Err(timed_out()),
                Woken::Refused => return Err(cancel::error()),
            }
        }
        stay.end();
        Ok(())
    }

    /// What is thrown at a thread that waits is thrown before and after, for `poll(2)` cannot be.
    fn wait_in_thread(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
        let deadline = deadline.into_iter().chain(current::waits().io_deadline()).min();
        loop {
            let mut ready = Ok(false);
            let woken = park::park_thread_by(deadline, &|| Left::Withdrawn, |until| {
                ready = thread::wait(self.fd(), direction, until);
            });
            match (ready?, woken) {
                (true, _) => return Ok(()),
                (false, Woken::TimedOut) => return Err(timed_out()),
                (false, _) => {}
            }
        }
    }

    /// Says that a short transfer used the readiness up: the next wait needs no system call first.
    #[inline]
    pub(crate) fn used_up(&self, direction: Direction) {
        if let Some(place) = self.place(direction) {
            place.side(|side| side.used_up.set(!side.ended.get()));
        }
    }

    /// Whether a system call now would only say that it would block.
    #[inline]
    pub(crate) fn is_used_up(&self, direction: Direction) -> bool {
        self.place(direction).is_some_and(|place| place.side(|side| side.used_up.get()))
    }

    /// Asks the kernel whether it is ready, also if it was found used up: an event that says
    /// otherwise may be on its way to the driver.
    pub(super) fn is_ready_after_all(&self, direction: Direction) -> bool {
        // Of a failed poll the operation itself will say more.
        let ready = thread::is_ready(self.fd(), direction).unwrap_or(true);
        if ready && let Some(place) = self.place(direction) {
            place.side(|side| side.used_up.set(false));
        }
        ready
    }

    /// Where tasks of this thread wait on it, if this is one, and one has waited before.
    #[inline]
    pub(super) fn place(&self, direction: Direction) -> Option<Place> {
        current::task()?;
        let driver = driver()?;
        let first = self.first.get()?;
        let index = if first.remote.id == driver.remote.id {
            first.index
        } else {
            self.find_other(driver)?
        };
        Some(Place { driver, index, direction })
    }

    #[cold]
    fn find_other(&self, driver: &Driver) -> Option<usize> {
        let others = self.others.lock();
        others.iter().find(|r| r.remote.id == driver.remote.id).map(|r| r.index)
    }

    /// As [`Source::place`], in a task; the source is registered at the first wait.
    pub(super) fn register(&self, direction: Direction) -> io::Result<Place> {
        if let Some(place) = self.place(direction) {
            return Ok(place);
        }
        let driver = driver().expect("a worker with tasks has a driver");
        let (index, generation) = driver.register(self.fd())?;
        let registration = Registration { remote: driver.remote.clone(), index, generation };
        if let Err(registration) = self.first.set(registration) {
            let mut others = self.others.lock();
            others.retain(|other| !other.remote.has_ended());
            others.push(registration);
        }
        Ok(Place { driver, index, direction })
    }

    fn deregister(&mut self) {
        let Some(fd) = &self.fd else { return };
        let others = std::mem::take(&mut *self.others.lock());
        for place in self.first.take().into_iter().chain(others) {
            place.remote.forget(fd.as_raw_fd(), place.index, place.generation);
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.deregister();
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("fd", &self.fd).finish_non_exhaustive()
    }
}

pub(super) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the operation timed out")
}
