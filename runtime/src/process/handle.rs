//! A child process: its end, its status, and the signals that it is sent.
//!
//! A process that has ended stays in the system's table until its parent asks for its status, and
//! only then may another one get its number. So all that uses the number is done under a lock, and
//! not once the status is known. The status is asked for by std's `Child`, never twice.

use std::io;
use std::mem;
use std::process::{self, ExitStatus};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::orphans;
use super::sys::{self, To};
use crate::cancel;
use crate::clock;
use crate::park;
use crate::reactor::{Direction, Pauses, Source};
use crate::thread_pool::Keep;

/// How long a dropped child that was killed is waited for. A killed process ends within
/// milliseconds, unless it is inside a system call that nothing interrupts, or has much memory to
/// give back. One that takes longer is left to later spawns, as other dropped children are.
const KILLED_WAIT: Duration = Duration::from_secs(1);

/// A child process.
#[derive(Debug)]
pub(super) struct Handle {
    id: u32,
    state: Mutex<State>,
    /// A descriptor that is readable once the child has ended. There is none where the kernel has
    /// none, or the process had none left.
    pidfd: OnceLock<Source>,
    kill_on_drop: bool,
}

#[derive(Debug)]
struct State {
    /// std's handle, without streams. It is taken out when this one is given up.
    child: Option<process::Child>,
    end: End,
    /// Keeps the pool's thread that has spawned the child, until the child's end.
    spawner: Option<Keep>,
}

/// What is known of the child's end.
#[derive(Clone, Copy, Debug)]
enum End {
    Unknown,
    Status(ExitStatus),
    /// Somebody else has asked for the status, or the system keeps none since `SIGCHLD` is ignored.
    Lost,
}

impl State {
    /// Asks whether the child has ended.
    fn ask(&mut self) -> io::Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Err(lost()) };
        match self.end {
            End::Status(status) => return Ok(Some(status)),
            End::Lost => return Err(lost()),
            End::Unknown => {}
        }
        let result = child.try_wait();
        match &result {
            Ok(None) => return Ok(None),
            Ok(Some(status)) => self.end = End::Status(*status),
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => self.end = End::Lost,
            Err(_) => return result,
        }
        self.spawner = None;
        result
    }

    fn is_over(&self) -> bool {
        !matches!(self.end, End::Unknown)
    }
}

/// What the system says of a child that it does not know, or does not know any more.
fn lost() -> io::Error {
    io::Error::from_raw_os_error(libc::ECHILD)
}

impl Handle {
    /// Takes a child over whose streams were taken out, and that nobody has waited for.
    pub(super) fn new(child: process::Child, kill_on_drop: bool, spawner: Option<Keep>) -> Handle {
        let handle = Handle::without_descriptor(child, kill_on_drop, spawner);
        handle.open();
        handle
    }

    /// Takes over a child that somebody may have waited for.
    pub(super) fn of_std(child: process::Child) -> Handle {
        let handle = Handle::without_descriptor(child, false, None);
        // The handle knows the status then, and the number may be another process's.
        let _ = handle.ask();
        handle.open();
        handle
    }

    fn without_descriptor(
        child: process::Child,
        kill_on_drop: bool,
        spawner: Option<Keep>,
    ) -> Handle {
        let id = child.id();
        let state = Mutex::new(State { child: Some(child), end: End::Unknown, spawner });
        Handle { id, state, pidfd: OnceLock::new(), kill_on_drop }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Opens the descriptor, if there is none yet, of a child whose end is not known.
    fn open(&self) {
        let state = self.lock();
        if self.pidfd.get().is_none()
            && !state.is_over()
            && let Ok(fd) = sys::open(self.id)
        {
            let _ = self.pidfd.set(Source::new(fd));
        }
    }

    /// The status of a child that has ended.
    pub(super) fn ask(&self) -> io::Result<Option<ExitStatus>> {
        self.lock().ask()
    }

    /// What to wait for. A child that had none gets one, if that is possible by now.
    pub(super) fn source(&self) -> Option<&Source> {
        if self.pidfd.get().is_none() {
            self.open();
        }
        self.pidfd.get()
    }

    /// Waits until the child has ended.
    ///
    /// Without a descriptor it is asked for again and again, with pauses that grow to 50 ms. A call
    /// that blocks would take a thread of the pool for the child's whole life, and a few hundred
    /// children all of them.
    ///
    /// # Errors
    ///
    /// Those of [`Source::wait`], and `ECHILD` if the status is lost.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> io::Result<ExitStatus> {
        park::spent_io();
        let mut pauses = Pauses::new();
        loop {
            if let Some(status) = self.ask()? {
                return Ok(status);
            }
            if let Some(source) = self.source() {
                source.ready(Direction::Read, || deadline)?;
                if let Some(status) = self.ask()? {
                    return Ok(status);
                }
                // It has ended, and whoever traces it holds it back.
            }
            pauses.pause(Direction::Read, deadline)?;
        }
    }

    /// Sends a signal, unless the child's end is known.
    pub(super) fn signal(&self, signal: i32) -> io::Result<()> {
        let mut state = self.lock();
        // The child may have ended, and its number may be another's: where ends are ignored, or
        // somebody else waits for the program's children.
        let _ = state.ask();
        if state.is_over() {
            return Ok(());
        }
        let result = self.signal_by_descriptor(signal, To::Process);
        result.unwrap_or_else(|| sys::signal(self.id, signal))
    }

    /// Sends a signal to the group that the child leads.
    pub(super) fn signal_group(&self, signal: i32) -> io::Result<()> {
        let mut state = self.lock();
        if let Some(result) = self.signal_by_descriptor(signal, To::Group) {
            return result;
        }
        let _ = state.ask();
        if state.is_over() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the child was waited for, and the number of its group may be another's by now; \
                 signal a group before `wait`",
            ));
        }
        sys::signal_group(self.id, signal)
    }

    /// Sends a signal by the descriptor, which cannot mean another process. `None`: that is not
    /// possible here.
    fn signal_by_descriptor(&self, signal: i32, to: To) -> Option<io::Result<()>> {
        let result = sys::signal_by(self.pidfd.get()?.fd(), signal, to);
        let refusals = [libc::ENOSYS, libc::EINVAL];
        let is_refusal =
            |error: &io::Error| error.raw_os_error().is_some_and(|errno| refusals.contains(&errno));
        (!result.as_ref().is_err_and(is_refusal)).then_some(result)
    }

    /// Gives std's handle back. Nobody will tell of the child's end then, so the thread that has
    /// spawned it stays for good.
    pub(super) fn into_std(self) -> process::Child {
        let mut state = self.lock();
        mem::forget(state.spawner.take());
        state.child.take().expect("the child is taken out once")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !matches!(self.ask(), Ok(None)) {
            return;
        }
        if self.kill_on_drop && self.signal(libc::SIGKILL).is_ok() {
            // Nothing cuts this wait short, and no deadline of the code around it holds.
            let _ = cancel::shield(|| self.wait(clock::after(KILLED_WAIT)));
        }
        let mut state = self.lock();
        if !state.is_over()
            && let Some(child) = state.child.take()
        {
            orphans::adopt(child, state.spawner.take());
        }
    }
}
