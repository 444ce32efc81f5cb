//! The part of the list on child processes.

use gocoro::io::{self, IoSlice, IoSliceMut, Read, Write};
use gocoro::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use super::list::Make;
use crate::child::sleeper;
use crate::support::NEVER;

/// An operation on what `$make` makes, which it may change.
macro_rules! op {
    ($make:expr, |$it:ident| $op:expr) => {
        || {
            let mut made = $make?;
            Ok(Box::new(move || {
                let $it = &mut made;
                // What writes goes on until there is no room.
                loop {
                    let _ = $op?;
                }
            }))
        }
    };
}

pub(super) const PROCESSES: &[(&str, Make)] = &[
    ("Child::wait", op!(sleeper().spawn(), |child| child.wait())),
    ("Child::wait_timeout", op!(sleeper().spawn(), |child| child.wait_timeout(NEVER))),
    (
        "Child::wait_with_output, no pipe",
        op!(nothing(), |_it| sleeper().spawn()?.wait_with_output()),
    ),
    (
        "Child::wait_with_output, a pipe",
        op!(nothing(), |_it| sleeper().stdout(Stdio::piped()).spawn()?.wait_with_output()),
    ),
    ("Child::wait_with_output, two pipes", op!(nothing(), |_it| piped()?.wait_with_output())),
    ("Command::output", op!(command(), |command| command.output())),
    ("Command::status", op!(command(), |command| command.status())),
    ("ChildStdin::write", op!(stdin(), |it| it.0.write(&[0; 4096]))),
    (
        "ChildStdin::write_vectored",
        op!(stdin(), |it| it.0.write_vectored(&[IoSlice::new(&[0; 4096])])),
    ),
    ("ChildStdout::read", op!(stdout(), |it| it.0.read(&mut [0; 8]))),
    (
        "ChildStdout::read_vectored",
        op!(stdout(), |it| it.0.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
    ("ChildStderr::read", op!(stderr(), |it| it.0.read(&mut [0; 8]))),
    (
        "ChildStderr::read_vectored",
        op!(stderr(), |it| it.0.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])])),
    ),
];

fn nothing() -> io::Result<()> {
    Ok(())
}

fn command() -> io::Result<Command> {
    Ok(sleeper())
}

/// A child that neither reads nor writes.
fn piped() -> io::Result<Child> {
    sleeper().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

fn stdin() -> io::Result<(ChildStdin, Child)> {
    let mut child = piped()?;
    Ok((child.stdin.take().unwrap(), child))
}

fn stdout() -> io::Result<(ChildStdout, Child)> {
    let mut child = piped()?;
    Ok((child.stdout.take().unwrap(), child))
}

fn stderr() -> io::Result<(ChildStderr, Child)> {
    let mut child = piped()?;
    Ok((child.stderr.take().unwrap(), child))
}
