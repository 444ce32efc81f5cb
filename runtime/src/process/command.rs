//! What a child is to be, shaped as std's builder.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::{self, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio};

use super::child::Child;
use super::orphans;
use super::streams::Streams;
use crate::blocking;
use crate::thread_pool;

/// A builder of child processes.
///
/// It is [`std::process::Command`] made suspendable, with all of its methods; those of Unix are in
/// [`CommandExt`](super::CommandExt). A command can be changed and spawned again.
///
/// # Spawning
///
/// The system call that starts a program blocks its thread until the program is loaded: half a
/// millisecond mostly, many with a slow disk. In a task it is made on a thread of the
/// [blocking pool](crate::blocking::unblock), while the worker runs other tasks. What the kernel
/// keeps for each thread, and a child inherits (the signal mask, the processors it may run on,
/// namespaces), is that of a thread of the pool. On a plain thread the call is made right there.
///
/// A child may ask for a signal at its parent's end (`PR_SET_PDEATHSIG`), and Linux sends that at
/// the end of the *thread* that has spawned it. So a thread of the pool does not end before the
/// children that it has spawned, and the signal comes at the end of the process.
///
/// Descriptors of this process do not get into the child, but for its three streams: all that std
/// and gocoro open have the flag `O_CLOEXEC`.
///
/// # Examples
///
/// ```
/// use gocoro::process::Command;
///
/// let output = Command::new("sh").arg("-c").arg("echo hello").output()?;
/// assert_eq!(output.stdout, b"hello\n");
/// # std::io::Result::Ok(())
/// ```
///
/// A pipeline, `printf 'b\na\n' | sort`:
///
/// ```
/// use gocoro::process::{Command, Stdio};
///
/// let mut first = Command::new("printf").arg("b\na\n").stdout(Stdio::piped()).spawn()?;
/// let sorted = Command::new("sort").stdin(first.stdout.take().unwrap()).output()?;
/// assert_eq!(sorted.stdout, b"a\nb\n");
/// first.wait()?;
/// # std::io::Result::Ok(())
/// ```
///
/// A daemon: a child in a session of its own, which no terminal's hang-up ends. The closure runs in
/// the child before the program does.
///
/// ```
/// use gocoro::process::{Command, Stdio, unix::CommandExt};
/// use std::io;
///
/// let mut command = Command::new("sleep");
/// command.arg("0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
/// // SAFETY: all three are safe in a forked child, and no memory is allocated.
/// unsafe {
///     command.pre_exec(|| {
///         libc::umask(0);
///         libc::signal(libc::SIGHUP, libc::SIG_IGN);
///         match libc::setsid() {
///             -1 => Err(io::Error::last_os_error()),
///             _ => Ok(()),
///         }
///     });
/// }
/// drop(command.spawn()?); // it goes on
/// # io::Result::Ok(())
/// ```
pub struct Command {
    inner: process::Command,
    /// Which streams were set: of the others `output` has defaults of its own.
    set: Streams,
    kill_on_drop: bool,
}

impl Command {
    /// A command that starts `program`, which is looked for in `PATH` unless it has a slash.
    ///
    /// It has no arguments, and inherits the environment and the current directory. Of the streams,
    /// `spawn` and `status` inherit all; `output` captures output and error, and gives no input.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// assert!(Command::new("true").status()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        process::Command::new(program).into()
    }

    /// Adds an argument, which no shell splits or expands.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let output = Command::new("echo").arg("$HOME *").output()?;
    /// assert_eq!(output.stdout, b"$HOME *\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.inner.arg(arg);
        self
    }

    /// Adds several arguments.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// assert_eq!(Command::new("echo").args(["a", "b"]).output()?.stdout, b"a b\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.inner.args(args);
        self
    }

    /// Sets a variable of the child's environment.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let output = Command::new("sh").args(["-c", "echo $COLOR"]).env("COLOR", "none").output()?;
    /// assert_eq!(output.stdout, b"none\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.env(key, val);
        self
    }

    /// Sets several variables of the child's environment.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let mut command = Command::new("env");
    /// command.env_clear().envs([("A", "1"), ("B", "2")]);
    /// assert_eq!(command.get_envs().count(), 2);
    /// ```
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.inner.envs(vars);
        self
    }

    /// Removes a variable from the child's environment, be it inherited or set here.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let script = "echo ${HOME:-none}";
    /// let output = Command::new("sh").args(["-c", script]).env_remove("HOME").output()?;
    /// assert_eq!(output.stdout, b"none\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.inner.env_remove(key);
        self
    }

    /// Empties the child's environment: nothing is inherited, and what was set here is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let output = Command::new("/usr/bin/env").env("A", "1").env_clear().output()?;
    /// assert_eq!(output.stdout, b"");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn env_clear(&mut self) -> &mut Command {
        self.inner.env_clear();
        self
    }

    /// Sets the child's current directory.
    ///
    /// Whether a program that is named by a relative path is looked for from there is not
    /// specified, as in std.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// assert_eq!(Command::new("pwd").current_dir("/").output()?.stdout, b"/\n");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.inner.current_dir(dir);
        self
    }

    /// Sets the child's standard input: a [`Stdio`], or what becomes one, such as a file, a pipe or
    /// another child's output.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::{Command, Stdio};
    ///
    /// assert!(Command::new("cat").stdin(Stdio::null()).status()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stdin(cfg);
        self.set.stdin = true;
        self
    }

    /// Sets the child's standard output, as [`stdin`](Self::stdin) does its input.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Read};
    /// use gocoro::process::Command;
    ///
    /// let (mut reader, writer) = io::pipe()?;
    /// Command::new("echo").arg("hello").stdout(writer).status()?;
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello\n");
    /// # io::Result::Ok(())
    /// ```
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stdout(cfg);
        self.set.stdout = true;
        self
    }

    /// Sets the child's standard error, as [`stdin`](Self::stdin) does its input.
    ///
    /// # Examples
    ///
    /// Output and error into one pipe, `2>&1`:
    ///
    /// ```
    /// use gocoro::io::{self, Read};
    /// use gocoro::process::Command;
    ///
    /// let (mut reader, writer) = io::pipe()?;
    /// let script = "echo out; echo err >&2";
    /// let mut command = Command::new("sh");
    /// command.args(["-c", script]).stdout(writer.try_clone()?).stderr(writer);
    /// command.status()?;
    /// drop(command); // its ends of the pipe are closed
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "out\nerr\n");
    /// # io::Result::Ok(())
    /// ```
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.inner.stderr(cfg);
        self.set.stderr = true;
        self
    }

    /// Sets whether a child is killed when its handle is dropped before its end was waited for.
    ///
    /// By default it goes on, as in std. With this, a task that is cancelled takes its children
    /// along, and so does one that panics or returns early. The drop sends `SIGKILL`, and waits
    /// until the child is gone: for milliseconds mostly, a second at most. Its own children are not
    /// killed; for those see [`Child::kill_group`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    /// use gocoro::time::timeout;
    /// use std::time::Duration;
    ///
    /// // A program that takes too long does not outlive the timeout.
    /// let late = timeout(Duration::from_millis(5), || {
    ///     Command::new("sleep").arg("1000").kill_on_drop(true).status()
    /// });
    /// assert!(late.is_err());
    /// ```
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// Starts the program, and returns a handle on the child.
    ///
    /// # Parks
    ///
    /// While the program is loaded. On a plain thread it blocks the thread. A cancel, a timeout or
    /// an `io_deadline` cuts this short only as long as the pool has not begun; a child that was
    /// started is always returned.
    ///
    /// # Errors
    ///
    /// std's: `NotFound` if there is no such program or current directory, `PermissionDenied` if it
    /// may not be run, `InvalidInput` for a null byte; others if the system has no process,
    /// descriptor or memory left. Then there is no child. `TimedOut` if an enclosing `io_deadline`
    /// has passed before it was begun.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::ErrorKind;
    /// use gocoro::process::Command;
    ///
    /// let mut child = Command::new("true").spawn()?;
    /// assert!(child.wait()?.success());
    ///
    /// let error = Command::new("no such program").spawn().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// # gocoro::io::Result::Ok(())
    /// ```
    pub fn spawn(&mut self) -> io::Result<Child> {
        start(&mut self.inner, self.kill_on_drop)
    }

    /// Starts the program, waits for its end, and returns its status and what it has written to
    /// output and error.
    ///
    /// Streams that were set are as they were set: only what is piped is captured. Of the others,
    /// output and error are piped, and there is no input.
    ///
    /// # Parks
    ///
    /// Until the child has ended and its pipes are closed. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait_with_output`]. If the call fails or is unwound,
    /// the child goes on, or is killed if the command has [`kill_on_drop`](Self::kill_on_drop).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// let output = Command::new("sh").args(["-c", "echo out; echo err >&2; exit 1"]).output()?;
    /// assert_eq!(output.status.code(), Some(1));
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn output(&mut self) -> io::Result<Output> {
        let kill_on_drop = self.kill_on_drop;
        let start = |inner: &mut process::Command| start(inner, kill_on_drop);
        self.set.with_defaults_of_output(&mut self.inner, start)?.wait_with_output()
    }

    /// Starts the program, waits for its end, and returns its status.
    ///
    /// # Parks
    ///
    /// Until the child has ended. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn) and [`Child::wait`]. If the call fails or is unwound, the child
    /// goes on, or is killed if the command has [`kill_on_drop`](Self::kill_on_drop).
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::process::Command;
    ///
    /// assert_eq!(Command::new("sh").args(["-c", "exit 0"]).status()?.code(), Some(0));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn status(&mut self) -> io::Result<ExitStatus> {
        self.spawn()?.wait()
    }

    /// The program.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gocoro::process::Command::new("true").get_program(), "true");
    /// ```
    #[must_use]
    pub fn get_program(&self) -> &OsStr {
        self.inner.get_program()
    }

    /// The arguments, without the program.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut command = gocoro::process::Command::new("echo");
    /// assert!(command.arg("a").get_args().eq(["a"]));
    /// ```
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.inner.get_args()
    }

    /// The variables that were set, and those that were removed, which have no value.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut command = gocoro::process::Command::new("env");
    /// command.env("A", "1").env_remove("B");
    /// let envs: Vec<_> = command.get_envs().collect();
    /// assert_eq!(envs, [("A".as_ref(), Some("1".as_ref())), ("B".as_ref(), None)]);
    /// ```
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.inner.get_envs()
    }

    /// The child's current directory, if it was set.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut command = gocoro::process::Command::new("pwd");
    /// assert_eq!(command.get_current_dir(), None);
    /// assert_eq!(command.current_dir("/").get_current_dir(), Some("/".as_ref()));
    /// ```
    #[must_use]
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.inner.get_current_dir()
    }

    pub(super) fn as_std(&mut self) -> &mut process::Command {
        &mut self.inner
    }
}

fn start(command: &mut process::Command, kill_on_drop: bool) -> io::Result<Child> {
    orphans::reap();
    // The child's descriptor is opened right there: later its number might be another's.
    blocking::lend(|| Ok(Child::new(command.spawn()?, kill_on_drop, thread_pool::keep())))
}

/// Takes a command of std's over. Which of its streams are set cannot be asked: `output` captures
/// output and error unless they are set once more.
impl From<process::Command> for Command {
    fn from(inner: process::Command) -> Command {
        Command { inner, set: Streams::default(), kill_on_drop: false }
    }
}

/// As std's: the program with its arguments, as one would write it for a shell.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
