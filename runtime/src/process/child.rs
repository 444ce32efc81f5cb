//! A child process with its streams, shaped as std's.

use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process::{self, ExitStatus, Output};
use std::time::Duration;

use super::handle::Handle;
use super::orphans;
use super::output::{read_both, read_to_end};
use super::pipes::{ChildStderr, ChildStdin, ChildStdout};
use crate::thread_pool::Keep;
use crate::{clock, current, park};

/// A child process that runs or has ended.
///
/// It is [`std::process::Child`] made suspendable: [`Command::spawn`](super::Command::spawn) makes
/// one. It holds a descriptor by which its end is waited for.
///
/// `wait(&mut child)` in `select!` gives the status once the child has ended. Unlike
/// [`wait`](Self::wait) it leaves the child's standard input open.
///
/// # Ends
///
/// A child that is dropped goes on, as std's does, unless its command has
/// [`kill_on_drop`](super::Command::kill_on_drop). A wait that is cut short by a cancel, a timeout
/// or a deadline leaves the child as it is: it can be waited for again.
///
/// A child that has ended stays in the system's table, as a zombie, until it was asked for its
/// status. std leaves that to the program. Of children that were dropped here, later spawns and
/// waits ask some, so that few are left.
///
/// # Examples
///
/// ```
/// use gocoro::process::Command;
/// use gocoro::go;
///
/// // Both wait suspended; no thread is blocked.
/// let children = ["exit 0", "exit 7"].map(|script| {
///     go!({ Command::new("sh").args(["-c", script]).spawn()?.wait() })
/// });
/// let codes = children.map(|child| child.wait().unwrap().code());
/// assert_eq!(codes, [Some(0), Some(7)]);
/// ```
///
/// A service with a bound on its end: it is asked to end, and killed after ten seconds.
///
/// ```
/// use gocoro::process::{Child, Command, ExitStatus};
/// use gocoro::signal::SIGTERM;
/// use std::io;
/// use std::time::Duration;
///
/// fn stop(child: &mut Child) -> io::Result<ExitStatus> {
///     child.send_signal(SIGTERM)?;
///     if let Some(status) = child.wait_timeout(Duration::from_secs(10))? {
///         return Ok(status);
///     }
///     child.kill()?;
///     child.wait()
/// }
///
/// let mut child = Command::new("sleep").arg("1000").spawn()?;
/// assert!(!stop(&mut child)?.success());
/// # io::Result::Ok(())
/// ```
pub struct Child {
    /// The handle for writing to the child's standard input, if it is a pipe. To close it, and so
    /// end what the child reads, [`take`](Option::take) and drop it.
    pub stdin: Option<ChildStdin>,

    /// The handle for reading from the child's standard output, if it is a pipe.
    pub stdout: Option<ChildStdout>,

    /// The handle for reading from the child's standard error, if it is a pipe.
    pub stderr: Option<ChildStderr>,

    handle: Handle,
}

impl Child {
    pub(super) fn new(child: process::Child, kill_on_drop: bool, spawner: Option<Keep>) -> Child {
        Child::with(child, |child| Handle::new(child, kill_on_drop, spawner))
    }

    fn with(mut child: process::Child, handle: impl FnOnce(process::Child) -> Handle) -> Child {
        Child {
            stdin: child.stdin.take().map(ChildStdin::from),
            stdout: child.stdout.take().map(ChildStdout::from),
            stderr: child.stderr.take().map(ChildStderr::from),
            handle: handle(child),
        }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Kills the child: sends it `SIGKILL`. That cannot be ignored; the child's own children go on.
    ///
    /// If the child has ended, nothing happens, and `Ok` is returned. A killed child has to be
    /// waited for as any other.
    ///
    /// # Errors
    ///
    /// Those of the system: `PermissionDenied` for a child that has become another user's.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.kill()?;
    /// assert_eq!(child.wait()?.code(), None); // ended by a signal
    /// # std::io::Result::Ok(())
    /// ```
    pub fn kill(&mut self) -> io::Result<()> {
        self.send_signal(libc::SIGKILL)
    }

    /// Sends a signal to the child: to end ([`SIGTERM`](crate::signal::SIGTERM)), to stop
    /// (`SIGSTOP`), to go on (`SIGCONT`).
    ///
    /// All numbers are in the crate `libc`. If it is known that the child has ended, since its
    /// status was asked for, nothing happens, and `Ok` is returned: the signal never goes to
    /// another process that has got the child's number.
    ///
    /// # Errors
    ///
    /// Those of the system: `InvalidInput` for a number that is no signal, `PermissionDenied` for a
    /// child that has become another user's.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::{Command, unix::ExitStatusExt};
    /// use gocoro::signal::SIGTERM;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.send_signal(SIGTERM)?;
    /// assert_eq!(child.wait()?.signal(), Some(SIGTERM));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        park::looked();
        self.handle.signal(signal)
    }

    /// Kills the process group that the child leads: the child, and those of its descendants that
    /// have not left the group.
    ///
    /// As [`send_signal_to_group`](Self::send_signal_to_group), with `SIGKILL`.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// As there.
    pub fn kill_group(&mut self) -> io::Result<()> {
        self.send_signal_to_group(libc::SIGKILL)
    }

    /// Sends a signal to the process group that the child leads: to the child, and to those of its
    /// descendants that have not left the group.
    ///
    /// A child leads a group if its command has
    /// [`process_group(0)`](super::CommandExt::process_group), or if it has made itself the leader.
    ///
    /// From Linux 6.9 on, this also reaches what is left of the group when the child has ended and
    /// was waited for. Before, the group's number may be another's by then, and the call fails.
    ///
    /// # Errors
    ///
    /// Those of the system: `ESRCH` if there is no such group. `InvalidInput` for a number that is
    /// no signal, and where the child was waited for and the system cannot tell its group.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::{Command, Stdio, unix::CommandExt};
    /// use gocoro::signal::SIGTERM;
    /// use std::io::Read;
    ///
    /// let script = "sleep 1000 & sleep 1000";
    /// let mut child = Command::new("sh")
    ///     .args(["-c", script])
    ///     .process_group(0)
    ///     .stdout(Stdio::piped())
    ///     .spawn()?;
    /// child.send_signal_to_group(SIGTERM)?;
    /// // All three have closed their output.
    /// child.stdout.take().unwrap().read_to_end(&mut Vec::new())?;
    /// assert!(!child.wait()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn send_signal_to_group(&self, signal: i32) -> io::Result<()> {
        park::looked();
        self.handle.signal_group(signal)
    }

    /// The child's process id.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let mut child = Command::new("true").spawn()?;
    /// assert_ne!(child.id(), gocoro::process::id());
    /// child.wait()?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn id(&self) -> u32 {
        self.handle.id()
    }

    /// Waits until the child has ended, and returns its status, also if it was returned before.
    ///
    /// The child's standard input is closed first, so that a child which reads it to its end does
    /// not wait for its parent.
    ///
    /// # Parks
    ///
    /// Until the child has ended. On a plain thread it blocks the thread. Where the kernel has no
    /// descriptors of processes (before Linux 5.3), or none was left, the end is noticed up to 50
    /// ms late.
    ///
    /// # Errors
    ///
    /// `ECHILD` if the status is lost: because the program ignores `SIGCHLD`, or has waited for the
    /// child in another way. `TimedOut` if an enclosing `io_deadline` has passed. The child can be
    /// waited for again after that.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// assert_eq!(child.wait()?.code(), Some(3));
    /// assert_eq!(child.wait()?.code(), Some(3));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        orphans::reap();
        self.handle.wait(None)
    }

    /// Waits until the child has ended, but not longer than `timeout`; `Ok(None)`: it runs on.
    ///
    /// As [`wait`](Self::wait), which std has no such form of. It closes the child's standard input
    /// first, too.
    ///
    /// # Parks
    ///
    /// Until the child has ended or the time is over. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    /// use std::time::Duration;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// assert_eq!(child.wait_timeout(Duration::from_millis(5))?, None);
    /// child.kill()?;
    /// assert!(child.wait_timeout(Duration::from_secs(60))?.is_some());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        orphans::reap();
        let deadline = clock::after(timeout);
        match self.handle.wait(deadline) {
            Ok(status) => Ok(Some(status)),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                // That of the code around this may be the earlier one.
                let of_others = current::waits().io_deadline();
                let is_own = deadline.is_some_and(|own| of_others.is_none_or(|other| own <= other));
                if is_own { Ok(None) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// The status of a child that has ended; `Ok(None)`: it runs on.
    ///
    /// Does not wait, and leaves the child's standard input open.
    ///
    /// # Parks
    ///
    /// In a loop, once in a while: it lets others run, and is a cancel point then.
    ///
    /// # Errors
    ///
    /// `ECHILD` as with [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// assert_eq!(child.try_wait()?, None);
    /// child.kill()?;
    /// let status = child.wait()?;
    /// assert_eq!(child.try_wait()?, Some(status));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        park::spent_io();
        self.handle.ask()
    }

    /// Waits until the child has ended, and returns its status and what it has written to its
    /// piped output and error.
    ///
    /// The child's standard input is closed first. Both pipes are read at once, so it does not
    /// matter how much the child writes to which, but that it has room in memory. A pipe has its
    /// end when all have closed it that have inherited it: the child's own children, too.
    ///
    /// # Parks
    ///
    /// Until both pipes are closed and the child has ended. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// Those of reading, of which std panics, and those of [`wait`](Self::wait). Then, and if a
    /// cancel or a timeout unwinds the call, what was read is lost, and the child is dropped: it
    /// goes on, or is killed if its command has
    /// [`kill_on_drop`](super::Command::kill_on_drop).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::{Command, Stdio};
    ///
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
    /// let output = child.wait_with_output()?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"hello\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        match (self.stdout.take(), self.stderr.take()) {
            (None, None) => {}
            (Some(out), None) => read_to_end(out.pipe(), &mut stdout)?,
            (None, Some(err)) => read_to_end(err.pipe(), &mut stderr)?,
            (Some(out), Some(err)) => {
                read_both([out.pipe(), err.pipe()], [&mut stdout, &mut stderr])?;
            }
        }
        let status = self.wait()?;
        Ok(Output { status, stdout, stderr })
    }
}

/// Takes over a child that std's `Command` has spawned.
impl From<process::Child> for Child {
    fn from(child: process::Child) -> Child {
        Child::with(child, Handle::of_std)
    }
}

/// Gives a child to code that wants std's type, whose waits block the thread. One that is dropped
/// there goes on, also if it had `kill_on_drop`.
impl From<Child> for process::Child {
    fn from(child: Child) -> process::Child {
        let mut std = child.handle.into_std();
        std.stdin = child.stdin.map(Into::into);
        std.stdout = child.stdout.map(Into::into);
        std.stderr = child.stderr.map(Into::into);
        std
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}

// As std's type, whatever the reactor keeps for a descriptor: a panic elsewhere leaves a child no
// less usable.
impl UnwindSafe for Child {}
impl RefUnwindSafe for Child {}
