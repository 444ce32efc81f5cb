//! `Signals`: an iterator over the signals that come.

use std::borrow::Borrow;
use std::ffi::c_int;
use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::SignalArm;
use super::mailbox::{Found, Mailbox, closed};
use crate::clock;
use crate::limits::FULL_PAUSE_MAX;
use crate::park;
use crate::reactor::Direction;
use crate::task::Reason;
use crate::waiters::{Sealed, Selectable};

/// Listens for signals: an iterator over their numbers, which waits for the next one.
///
/// From [`Signals::new`] on until it is dropped or closed, each of its signals is kept for it, also
/// while nobody waits: none is lost between two calls, nor by a wait that is cut short. As with
/// all signals, one that comes again before it was taken counts once, and different ones that have
/// come are taken by their numbers, not by their times.
///
/// Each `Signals` gets each of its signals, whatever others listen. Several tasks and threads may
/// share one, since `&Signals` is an iterator too; then each signal goes to one of them.
///
/// In `select!`, `wait(signals) -> number` gives what [`next`](Iterator::next) returns.
///
/// # What becomes of the default
///
/// What the system does with a signal if nobody listens, which is mostly to end the process, it
/// does no longer once the process has listened for it, **and it does not do it again** when all
/// `Signals` are gone: from then on the signal has no effect. A child process has the defaults
/// again. A handler that was set before, by another library, is called first.
///
/// It is no use to listen for the signals of the terminal in a program that was started with them
/// ignored, as by `nohup`, unless that is what is wanted: listening ends the ignoring.
///
/// # Costs
///
/// Three descriptors each. No thread, and no runtime: a task waits in its worker's poll, a plain
/// thread in `poll(2)`. Handlers run on the alternate stacks that std and gocoro's workers have, so
/// a task's stack needs no room for them.
///
/// # Examples
///
/// ```
/// use gocoro::signal::{SIGHUP, SIGTERM, Signals};
/// use gocoro::{channel, go, select};
/// # let raise = |signal| unsafe { libc::raise(signal) };
///
/// let signals = Signals::new([SIGHUP, SIGTERM])?;
/// let (requests, inbox) = channel::unbounded();
/// let server = go!({
///     let mut done = Vec::new();
///     loop {
///         select! {
///             recv(inbox) -> request => done.extend(request),
///             wait(signals) -> signal => match signal {
///                 Some(SIGHUP) => done.push("read the configuration"),
///                 _ => break done,
///             },
///         }
///     }
/// });
/// requests.send("served")?;
/// # while !requests.is_empty() { gocoro::task::yield_now() }
/// raise(SIGHUP); // as `kill -HUP` does
/// raise(SIGTERM);
/// assert_eq!(server.wait(), ["served", "read the configuration"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Signals {
    mailbox: Arc<Mailbox>,
}

/// Controls a [`Signals`] that somebody else has; from [`Signals::handle`].
///
/// The descriptors of signals that were closed or dropped are open until the last handle is gone.
///
/// # Examples
///
/// ```
/// use gocoro::go;
/// use gocoro::signal::{SIGUSR1, SIGUSR2, Signals};
/// # let raise = |signal| unsafe { libc::raise(signal) };
///
/// let signals = Signals::new([SIGUSR1])?;
/// let handle = signals.handle();
/// let all = go!({ signals.collect::<Vec<_>>() }); // until it is closed
///
/// handle.add_signal(SIGUSR2)?;
/// raise(SIGUSR2);
/// handle.close();
/// assert_eq!(all.wait(), [SIGUSR2]);
/// assert!(handle.is_closed());
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Handle {
    mailbox: Arc<Mailbox>,
}

/// The signals that have come; from [`Signals::pending`].
#[must_use = "iterators do nothing unless they are asked"]
pub struct Pending<'a> {
    mailbox: &'a Mailbox,
    /// The lowest number that has not been looked for.
    next: c_int,
}

impl Signals {
    /// Starts to listen for these signals.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a number that is no signal, and for those that nobody can listen for:
    /// `SIGKILL` and `SIGSTOP`, which the system keeps to itself, and `SIGILL`, `SIGFPE` and
    /// `SIGSEGV`, which report faults in the code that runs. Then nothing has changed. The system's
    /// error if the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::signal::{SIGUSR1, SIGWINCH, Signals};
    ///
    /// let signals = Signals::new([SIGUSR1, SIGWINCH])?;
    /// assert_eq!(signals.pending().count(), 0);
    ///
    /// let sigkill = 9;
    /// assert_eq!(Signals::new([sigkill]).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new<I>(signals: I) -> io::Result<Signals>
    where
        I: IntoIterator,
        I::Item: Borrow<c_int>,
    {
        let signals: Vec<c_int> = signals.into_iter().map(|signal| *signal.borrow()).collect();
        Ok(Signals { mailbox: Arc::new(Mailbox::new(&signals)?) })
    }

    /// Waits for the next signal, as I/O waits.
    ///
    /// [`next`](Iterator::next) has no error to return, so it waits like a channel's `recv`. This
    /// one heeds [`time::io_deadline`](crate::time::io_deadline), and does not wait in destructors
    /// of a cancelled task.
    ///
    /// # Parks
    ///
    /// Unless a signal has come. Blocks the thread outside a task. A cancel point: a wait that is
    /// cut short has taken no signal.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the signals were closed and all that had come were taken. `TimedOut` once
    /// the time of an `io_deadline` is up, `Other` with [`Cancelled`](crate::cancel::Cancelled) in
    /// a task that unwinds and is cancelled, and what the system says if it cannot watch the
    /// descriptor: `OutOfMemory` or `StorageFull`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::signal::{SIGUSR1, Signals};
    /// use gocoro::time::io_deadline;
    /// use std::io::ErrorKind;
    /// use std::time::{Duration, Instant};
    /// # let raise = |signal| unsafe { libc::raise(signal) };
    ///
    /// let signals = Signals::new([SIGUSR1])?;
    /// let soon = Instant::now() + Duration::from_millis(5);
    /// let late = io_deadline(soon, || signals.recv());
    /// assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    ///
    /// raise(SIGUSR1);
    /// assert_eq!(signals.recv()?, SIGUSR1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn recv(&self) -> io::Result<c_int> {
        self.mailbox.source().io(
            Direction::Read,
            || None,
            |_| match self.mailbox.take() {
                Found::Signal(number) => Ok(number),
                Found::Nothing => Err(io::ErrorKind::WouldBlock.into()),
                Found::Closed => Err(closed()),
            },
        )
    }

    /// The signals that have come, each once, from the lowest number on. It does not wait.
    ///
    /// What is not taken from the iterator stays for later.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::signal::{SIGUSR1, SIGUSR2, Signals};
    /// # let raise = |signal| unsafe { libc::raise(signal) };
    ///
    /// let signals = Signals::new([SIGUSR1, SIGUSR2])?;
    /// raise(SIGUSR2);
    /// raise(SIGUSR1);
    /// assert_eq!(signals.pending().collect::<Vec<_>>(), [SIGUSR1, SIGUSR2]);
    /// assert_eq!(signals.pending().next(), None);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn pending(&self) -> Pending<'_> {
        Pending { mailbox: &self.mailbox, next: 0 }
    }

    /// Listens for one signal more. If it is listened for already, nothing changes.
    ///
    /// # Errors
    ///
    /// As [`Signals::new`], and `UnexpectedEof` if the signals were closed.
    ///
    /// # Examples
    ///
    /// As for [`Handle`].
    pub fn add_signal(&self, signal: c_int) -> io::Result<()> {
        self.mailbox.add_signal(signal)
    }

    /// Ends the listening. What has come can still be taken; then iterators end, also those that
    /// wait now.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::signal::{SIGUSR1, Signals};
    /// # let raise = |signal| unsafe { libc::raise(signal) };
    ///
    /// let mut signals = Signals::new([SIGUSR1])?;
    /// raise(SIGUSR1);
    /// signals.close();
    /// assert_eq!(signals.next(), Some(SIGUSR1));
    /// assert_eq!(signals.next(), None);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn close(&self) {
        self.mailbox.close();
    }

    /// A handle that adds signals and closes, from elsewhere.
    ///
    /// # Examples
    ///
    /// As for [`Handle`].
    pub fn handle(&self) -> Handle {
        Handle { mailbox: Arc::clone(&self.mailbox) }
    }
}

impl Handle {
    /// As [`Signals::add_signal`].
    ///
    /// # Errors
    ///
    /// As [`Signals::add_signal`]. Signals that were dropped are closed.
    pub fn add_signal(&self, signal: c_int) -> io::Result<()> {
        self.mailbox.add_signal(signal)
    }

    /// As [`Signals::close`].
    pub fn close(&self) {
        self.mailbox.close();
    }

    /// Whether the signals were closed, or dropped.
    pub fn is_closed(&self) -> bool {
        park::looked();
        self.mailbox.is_closed()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

impl Mailbox {
    /// Waits for the next signal; `None`: none will come any more.
    fn next(&self) -> Option<c_int> {
        park::spent_io();
        loop {
            match self.take() {
                Found::Signal(number) => return Some(number),
                Found::Closed => return None,
                Found::Nothing => {}
            }
            if self.source().wait_as(Reason::Signal, Direction::Read).is_err() {
                // The system cannot watch the descriptor, for want of memory. So it is looked at
                // now and then.
                let _ = park::pause(Reason::Signal, clock::after(FULL_PAUSE_MAX));
            }
        }
    }
}

/// [`next`](Iterator::next) waits for a signal. `None`: the signals were closed.
///
/// It suspends a task and blocks a plain thread, and is a cancel point: a wait that is cut short
/// has taken no signal. An [`io_deadline`](crate::time::io_deadline) does not concern it, since it
/// has no error to return, but [`Signals::recv`].
impl Iterator for &Signals {
    type Item = c_int;

    fn next(&mut self) -> Option<c_int> {
        self.mailbox.next()
    }
}

/// As that of `&Signals`.
impl Iterator for Signals {
    type Item = c_int;

    fn next(&mut self) -> Option<c_int> {
        self.mailbox.next()
    }
}

impl Iterator for Pending<'_> {
    type Item = c_int;

    fn next(&mut self) -> Option<c_int> {
        park::looked();
        let Found::Signal(number) = self.mailbox.take_from(self.next) else { return None };
        self.next = number + 1;
        Some(number)
    }
}

impl Sealed for &Signals {}

/// In `select!`, `wait(signals) -> number` gives what [`next`](Iterator::next) returns.
impl<'a> Selectable for &'a Signals {
    type Output = Option<c_int>;
    type Arm = SignalArm<'a>;

    fn arm(self) -> SignalArm<'a> {
        SignalArm::new(&self.mailbox)
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").field("closed", &self.mailbox.is_closed()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("closed", &self.mailbox.is_closed()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

// No code of the program runs while a mailbox changes, so a panic elsewhere leaves it whole.
impl UnwindSafe for Signals {}
impl RefUnwindSafe for Signals {}
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}
impl UnwindSafe for Pending<'_> {}
impl RefUnwindSafe for Pending<'_> {}
