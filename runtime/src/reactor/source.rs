//! A descriptor that tasks wait on.

use std::fmt;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

use super::pollers::Pollers;
use super::watch::{self, Place};
use super::{Driver, Generation, Registered, Remote, driver, name, thread};
use crate::current;
use crate::lock::Lock;
use crate::park::{self, Left, Woken};
use crate::task::{Described, Legible, Plain, Reason, Words};
use crate::waiters::{Node, Stay, Waiter};
use crate::{cancel, clock};

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// Why a task waits that waits for this.
    pub(super) fn reason(self) -> Reason {
        match self {
            Direction::Read => Reason::Readable,
            Direction::Write => Reason::Writable,
        }
    }
}

/// A descriptor's entry in one worker's poll.
#[derive(Debug)]
struct Registration {
    remote: Arc<Remote>,
    index: usize,
    generation: Generation,
}

/// The registrations of one descriptor, which end when this is dropped.
struct Registrations {
    /// What the polls know the descriptor by.
    fd: RawFd,
    /// The first worker that waited.
    first: OnceLock<Registration>,
    others: Lock<Vec<Registration>>,
    /// Where the watching thread has it.
    watched: Place,
    /// Where those leave their wakers who poll; from the first poll on.
    pollers: OnceLock<Arc<Pollers>>,
}

impl Drop for Registrations {
    fn drop(&mut self) {
        let others = std::mem::take(&mut *self.others.lock());
        for entry in self.first.take().into_iter().chain(others) {
            entry.remote.forget(self.fd, entry.index, entry.generation);
        }
        if let Some(pollers) = self.pollers.take() {
            self.watched.leave(self.fd);
            pollers.clear();
        }
    }
}

impl Legible for Registrations {
    const PLAIN: Plain =
        Plain::of_two("read from", "write to").descriptor(offset_of!(Registrations, fd));
}

impl Described for Registrations {
    fn in_words(&self, reason: Reason, words: &mut Words) {
        // SAFETY: whoever waits on a `Source` borrows it, and with it its holder, which keeps this
        // descriptor open.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        name::name(fd, reason, words);
    }
}

/// Whatever holds a descriptor, and the descriptor's registrations.
///
/// The holder keeps the same descriptor open for as long as it is in here.
pub(crate) struct Source<T: ?Sized = OwnedFd> {
    /// Declared before the holder, and so dropped before it: a descriptor is taken out of every
    /// poll, then closed.
    registrations: Registrations,
    holder: T,
}

impl<T: AsFd> Source<T> {
    pub(crate) fn new(holder: T) -> Source<T> {
        let fd = holder.as_fd().as_raw_fd();
        let registrations = Registrations {
            fd,
            first: OnceLock::new(),
            others: Lock::new(Vec::new()),
            watched: Place::default(),
            pollers: OnceLock::new(),
        };
        Source { registrations, holder }
    }

    /// Gives the holder up, its descriptor taken out of every poll.
    pub(crate) fn into_inner(self) -> T {
        let Source { registrations, holder } = self;
        drop(registrations);
        holder
    }
}

impl<T: AsFd + ?Sized> Source<T> {
    #[inline]
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.holder.as_fd()
    }

    /// Has the waker called once the descriptor may have become ready, on any thread.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot watch the descriptor.
    pub(super) fn listen(&self, direction: Direction, waker: &Waker) -> io::Result<Listening> {
        let Registrations { fd, watched, pollers, .. } = &self.registrations;
        let pollers = pollers.get_or_init(Arc::default);
        if current::task().is_none() {
            if let Err(error) = watched.enter(*fd, pollers) {
                return always_ready(error);
            }
            pollers.listen(direction, waker);
            return Ok(Listening::Since);
        }
        let Some(registered) = self.register(direction)? else {
            return Ok(Listening::Never);
        };
        registered.tell(pollers);
        pollers.listen(direction, waker);
        Ok(Listening::Always)
    }

    /// Has the wakers of those who poll to write called after a while, event or not.
    ///
    /// # Errors
    ///
    /// What the system says if it starts no thread.
    pub(super) fn look_again(&self) -> io::Result<()> {
        watch::look_again(self.registrations.pollers.get_or_init(Arc::default))
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
            None => {
                let deadline = deadline.into_iter().chain(current::waits().io_deadline()).min();
                self.wait_in_thread(direction, deadline)
            }
        }
    }

    /// Waits as [`Source::wait`] does, for what is no I/O to whoever waits: `reason` says what. So
    /// no `io_deadline` bounds the wait, and no task is refused it that unwinds.
    ///
    /// # Errors
    ///
    /// What the kernel says if it cannot watch the descriptor.
    pub(crate) fn wait_as(&self, reason: Reason, direction: Direction) -> io::Result<()> {
        match current::task() {
            Some(_) => self.wait_registered(direction, reason, None),
            None => self.wait_in_thread(direction, None),
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
        self.wait_registered(direction, direction.reason(), deadline)
    }

    #[inline]
    fn wait_registered(
        &self,
        direction: Direction,
        reason: Reason,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let Some(registered) = self.register(direction)? else {
            // The descriptor is always ready. Whoever finds that its operation is not tries again,
            // and must not keep the worker from other tasks.
            park::spent_io();
            return Ok(());
        };
        let waiter = Waiter::solo();
        let node = Node::new(&waiter, 0, ());
        // SAFETY: node and waiter stay in this frame, which is not left before the node was claimed
        // or `stay` has unlinked it.
        registered.side(|side| unsafe { side.link(&node) });
        let stay = Stay::new(registered, &node);
        while waiter.claimed().is_none() {
            match waiter.park(reason.on(&self.registrations), deadline, || stay.leave()) {
                Woken::Perhaps => {}
                Woken::TimedOut => return Err(timed_out()),
                Woken::Refused => return Err(cancel::error()),
            }
        }
        stay.end();
        Ok(())
    }

    /// Says what is waited for by whoever waits on this descriptor.
    pub(super) fn in_words(&self, reason: Reason, words: &mut Words) {
        self.registrations.in_words(reason, words);
    }

    /// What is thrown at a thread that waits is thrown before and after, for `poll(2)` cannot be.
    fn wait_in_thread(&self, direction: Direction, deadline: Option<Instant>) -> io::Result<()> {
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
        if let Some(registered) = self.registered(direction) {
            registered.side(|side| side.used_up.set(!side.ended.get()));
        }
    }

    /// Whether a system call now would only say that it would block.
    #[inline]
    pub(crate) fn is_used_up(&self, direction: Direction) -> bool {
        self.registered(direction)
            .is_some_and(|registered| registered.side(|side| side.used_up.get()))
    }

    /// Whether `direction` may have come to its end. Once tasks of this thread have waited for it,
    /// an event tells.
    #[inline]
    pub(crate) fn may_have_ended(&self, direction: Direction) -> bool {
        self.registered(direction).is_none_or(|registered| registered.side(|side| side.ended.get()))
    }

    /// Asks the kernel whether it is ready, also if it was found used up: an event that says
    /// otherwise may be on its way to the driver.
    pub(super) fn is_ready_after_all(&self, direction: Direction) -> bool {
        // Of a failed poll the operation itself will say more.
        let ready = thread::is_ready(self.fd(), direction).unwrap_or(true);
        if ready && let Some(registered) = self.registered(direction) {
            registered.side(|side| side.used_up.set(false));
        }
        ready
    }

    /// Where tasks of this thread wait on it, if this is one, and one has waited before.
    #[inline]
    pub(super) fn registered(&self, direction: Direction) -> Option<Registered> {
        current::task()?;
        let driver = driver()?;
        let first = self.registrations.first.get()?;
        let index = if first.remote.id == driver.remote.id {
            first.index
        } else {
            self.find_other(driver)?
        };
        Some(Registered { driver, index, direction })
    }

    #[cold]
    fn find_other(&self, driver: &Driver) -> Option<usize> {
        let others = self.registrations.others.lock();
        others.iter().find(|r| r.remote.id == driver.remote.id).map(|r| r.index)
    }

    /// As [`Source::registered`], in a task; the source is registered at the first wait.
    ///
    /// `None` is a descriptor that is always ready, as that of a regular file: the kernel's poll
    /// refuses those.
    pub(super) fn register(&self, direction: Direction) -> io::Result<Option<Registered>> {
        if let Some(registered) = self.registered(direction) {
            return Ok(Some(registered));
        }
        let driver = driver().expect("a worker with tasks has a driver");
        let (index, generation) = match driver.register(self.registrations.fd) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(None),
            registered => registered?,
        };
        let registration = Registration { remote: driver.remote.clone(), index, generation };
        if let Err(registration) = self.registrations.first.set(registration) {
            let mut others = self.registrations.others.lock();
            others.retain(|other| !other.remote.has_ended());
            others.push(registration);
        }
        Ok(Some(Registered { driver, index, direction }))
    }
}

impl<T: ?Sized> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("fd", &self.registrations.fd).finish_non_exhaustive()
    }
}

/// From when on a waker is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Listening {
    /// From the caller's last question on, if it has asked since its task ran last: this thread's
    /// own driver watches, and has acted on no event since.
    Always,
    /// From now on. What came before was perhaps announced before.
    Since,
    /// It is not called: the descriptor is always ready.
    Never,
}

/// The kernel's poll refuses what is always ready.
fn always_ready(error: io::Error) -> io::Result<Listening> {
    match error.raw_os_error() {
        Some(libc::EPERM) => Ok(Listening::Never),
        _ => Err(error),
    }
}

/// What an operation says whose time is up.
pub(crate) fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the operation timed out")
}

/// What an operation says whose wait was cut short without an unwinding.
pub(crate) fn cut_short() -> io::Error {
    if park::refuses_io() { cancel::error() } else { timed_out() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::env;
    use std::fs::File;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;
    use crate::runtime::Builder;

    /// The kernel's poll refuses it, as it refuses a directory.
    #[test]
    fn a_regular_file_is_always_ready() {
        let file = File::open(env::current_exe().unwrap()).unwrap();
        let source = Source::new(&file);
        source.wait(Direction::Read, None).unwrap();
        Builder::new().workers(1).build().unwrap().run(|| {
            for direction in [Direction::Read, Direction::Write] {
                source.wait(direction, None).unwrap();
                assert!(source.register(direction).unwrap().is_none());
                assert!(!source.is_used_up(direction));
            }
            // What has passed is still said.
            let passed = source.wait(Direction::Read, Some(clock::now()));
            assert_eq!(passed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn any_holder_of_a_descriptor_is_waited_on_and_given_back() {
        Builder::new().workers(1).build().unwrap().run(|| {
            let (one, two) = UnixStream::pair().unwrap();
            let source = Source::new(one);
            let soon = clock::after(Duration::from_millis(1));
            let error = source.wait(Direction::Read, soon).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(driver().unwrap().len(), 1);
            drop(two);
            source.wait(Direction::Read, None).unwrap();
            let one = source.into_inner();
            assert_eq!(driver().unwrap().len(), 0);
            // It is open, and may be waited on again.
            Source::new(&one).wait(Direction::Read, None).unwrap();
            assert!(one.local_addr().is_ok());
        });
    }
}
