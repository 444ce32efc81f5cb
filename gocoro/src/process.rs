//! Child processes that are waited for suspended: [`std::process`], and in [`unix`]
//! [`std::os::unix::process`]. An import of `gocoro::process` takes the place of one of
//! `std::process`.
//!
//! ```
//! use gocoro::io::{BufRead, BufReader, Write};
//! use gocoro::process::{Command, Stdio};
//! use gocoro::{go, select};
//! use std::io;
//!
//! // What std has: `output` starts a program and reads what it writes.
//! let output = Command::new("echo").arg("hello").output()?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//!
//! // A dialogue: one task writes, this one reads.
//! let mut child = Command::new("tr")
//!     .args(["a-z", "A-Z"])
//!     .stdin(Stdio::piped())
//!     .stdout(Stdio::piped())
//!     .kill_on_drop(true)
//!     .spawn()?;
//! let mut input = child.stdin.take().unwrap();
//! let writing = go!({
//!     writeln!(input, "first")?;
//!     writeln!(input, "second") // and the input is closed
//! });
//! let lines = BufReader::new(child.stdout.take().unwrap()).lines();
//! assert_eq!(lines.collect::<io::Result<Vec<_>>>()?, ["FIRST", "SECOND"]);
//! writing.wait()?;
//!
//! // Its end, or that of something else.
//! let mut service = Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
//! select! {
//!     wait(&mut service) -> status => panic!("the service has ended: {}", status?),
//!     wait(&mut child) -> status => assert!(status?.success()),
//! }
//! # io::Result::Ok(())
//! ```
//!
//! # What there is
//!
//! | | from | waits |
//! |---|---|---|
//! | [`Command`], and its methods of Unix in [`CommandExt`](unix::CommandExt) | gocoro, with std's signatures | suspended, until the program is loaded or has ended |
//! | [`Child`] | gocoro, with std's signatures | suspended, until it has ended |
//! | [`ChildStdin`], [`ChildStdout`], [`ChildStderr`] | gocoro, with std's signatures | suspended, for room or output |
//! | [`Output`], [`Stdio`], [`ExitStatus`], [`ExitCode`], [`Termination`], [`CommandArgs`], [`CommandEnvs`], [`exit`], [`abort`], [`id`] | std, re-exported | never |
//!
//! # Beyond std
//!
//! - [`Child::wait_timeout`] bounds a wait, and `wait(&mut child)` in [`select!`](crate::select)
//!   waits for other things as well. So do [`timeout`](crate::time::timeout) and a cancel: the
//!   child can be waited for again.
//! - [`Command::kill_on_drop`] has a child end with the code that started it.
//! - [`Child::send_signal`], and [`Child::kill_group`] for a child and all that it has started. No
//!   signal goes to a process that has got a number again.
//! - [`io::Tee`](crate::io::Tee) sends what a child reads or writes to a second place.
//!
//! # To know
//!
//! - Of children that ended after they were dropped, some are taken off the system's table at each
//!   spawn and wait. std leaves them there.
//! - A program that ignores `SIGCHLD` gets no status, here as with std: `wait` waits for the end,
//!   and fails with `ECHILD`.
//! - [`exit`] ends the program at once: no task unwinds, no destructor runs. The value that `main`
//!   returns is the gentle way.

pub use gocoro_runtime::export::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
#[doc(no_inline)]
pub use std::process::*;

pub mod unix {
    //! What Unix adds: [`std::os::unix::process`].
    //!
    //! [`CommandExt`] is gocoro's, since std's is sealed; the rest is std's own.
    //!
    //! ```
    //! use gocoro::process::{Command, unix::ExitStatusExt};
    //!
    //! let status = Command::new("sh").args(["-c", "kill -9 $$"]).status()?;
    //! assert_eq!(status.signal(), Some(9));
    //! # std::io::Result::Ok(())
    //! ```

    pub use gocoro_runtime::export::process::CommandExt;
    #[doc(no_inline)]
    pub use std::os::unix::process::*;
}
