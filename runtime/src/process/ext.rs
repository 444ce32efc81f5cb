//! What Unix adds to a command, shaped as `std::os::unix::process`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as Std;
use std::process;

use super::command::Command;

/// What Unix adds to [`Command`].
///
/// It is [`std::os::unix::process::CommandExt`], which no other crate can implement, with all of
/// its methods. std's own `Command` has it as well. The trait is sealed, as std's is.
///
/// # Examples
///
/// ```
/// use gocoro::process::{Command, unix::CommandExt};
///
/// let output = Command::new("sh").arg0("my-shell").args(["-c", "echo $0"]).output()?;
/// assert_eq!(output.stdout, b"my-shell\n");
/// # std::io::Result::Ok(())
/// ```
pub trait CommandExt: Sealed {
    /// Sets the child's user id. If it cannot be set, the spawn fails.
    ///
    /// The child loses its supplementary groups, if this process may take them away.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gocoro::process::{Command, unix::CommandExt};
    ///
    /// Command::new("id").uid(65534).gid(65534).status()?;
    /// # std::io::Result::Ok(())
    /// ```
    fn uid(&mut self, id: u32) -> &mut Self {
        Std::uid(self.inner(), id);
        self
    }

    /// Sets the child's group id. If it cannot be set, the spawn fails.
    ///
    /// # Examples
    ///
    /// As for [`uid`](Self::uid).
    fn gid(&mut self, id: u32) -> &mut Self {
        Std::gid(self.inner(), id);
        self
    }

    /// Adds a closure that runs in the child right before its program does: with the child's
    /// streams and current directory, after the closures that were added before.
    ///
    /// If it returns an error, the spawn fails with that error's number. On a task, the thread that
    /// forks is one of the blocking pool: thread-locals that the closure looks at are not those of
    /// the worker.
    ///
    /// # Safety
    ///
    /// The closure runs in a forked process, which has one thread, and locks as other threads held
    /// them. It must keep to what is safe there: no memory may be allocated, no lock taken, and
    /// none of gocoro's operations called. It has copies of the parent's memory and descriptors,
    /// and must not break what others rely on by them. It must not unwind.
    ///
    /// # Examples
    ///
    /// A child that gets `SIGTERM` when its parent's process ends, however that ends:
    ///
    /// ```
    /// use gocoro::process::{Command, unix::CommandExt};
    /// use std::io;
    ///
    /// let mut command = Command::new("true");
    /// // SAFETY: `prctl` is safe in a forked child, and no memory is allocated.
    /// unsafe {
    ///     command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) {
    ///         0 => Ok(()),
    ///         _ => Err(io::Error::last_os_error()),
    ///     });
    /// }
    /// assert!(command.status()?.success());
    /// # io::Result::Ok(())
    /// ```
    unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Self
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: what std asks of the closure, the caller promises here.
        unsafe { Std::pre_exec(self.inner(), f) };
        self
    }

    /// Adds a closure as [`pre_exec`](Self::pre_exec) does.
    ///
    /// # Safety
    ///
    /// As there.
    #[deprecated(since = "0.1.0", note = "std deprecates it: use `pre_exec`")]
    unsafe fn before_exec<F>(&mut self, f: F) -> &mut Self
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller's promise is the same.
        unsafe { self.pre_exec(f) }
    }

    /// Replaces this process by the program. Returns only if that fails.
    ///
    /// All of the process's threads and tasks are gone then, as at `process::exit`: no destructor
    /// runs, and what is still buffered for standard output is lost. If it returns, parts of the
    /// process may have been changed already: its current directory, environment, ids, streams and
    /// signals. The streams are inherited, unless they were set.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gocoro::process::{Command, unix::CommandExt};
    ///
    /// let error = Command::new("sh").args(["-c", "echo here now"]).exec();
    /// eprintln!("it does not start: {error}");
    /// ```
    #[must_use]
    fn exec(&mut self) -> io::Error {
        Std::exec(self.inner())
    }

    /// Sets `argv[0]`, the name under which the program is told that it runs.
    ///
    /// # Examples
    ///
    /// As for the [trait](CommandExt#examples).
    fn arg0<S>(&mut self, arg: S) -> &mut Self
    where
        S: AsRef<OsStr>,
    {
        Std::arg0(self.inner(), arg);
        self
    }

    /// Puts the child into the process group `pgroup`, or, if that is 0, into one of its own, which
    /// it leads.
    ///
    /// Ctrl-C in a terminal reaches the foreground's group alone: a child with a group of its own
    /// does not get it. A whole group can be sent signals by
    /// [`Child::send_signal_to_group`](super::Child::send_signal_to_group).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::{Command, unix::CommandExt};
    ///
    /// let mut child = Command::new("sleep").arg("1000").process_group(0).spawn()?;
    /// child.kill_group()?;
    /// assert!(!child.wait()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    fn process_group(&mut self, pgroup: i32) -> &mut Self {
        Std::process_group(self.inner(), pgroup);
        self
    }
}

/// Keeps [`CommandExt`] to the two types of commands, since nobody else can name this trait.
#[expect(unnameable_types, reason = "this is what seals the trait")]
pub trait Sealed {
    #[doc(hidden)]
    fn inner(&mut self) -> &mut process::Command;
}

impl Sealed for Command {
    fn inner(&mut self) -> &mut process::Command {
        self.as_std()
    }
}

impl Sealed for process::Command {
    fn inner(&mut self) -> &mut process::Command {
        self
    }
}

impl CommandExt for Command {}

impl CommandExt for process::Command {}
