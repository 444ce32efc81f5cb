//! What `output` gives a child for the streams that its command does not set.

use std::process::{Command, Stdio};

/// Which streams of a command were set. std's `Command` knows, and does not tell.
#[derive(Clone, Copy, Default)]
pub(super) struct Streams {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
}

impl Streams {
    /// Runs `f` with the defaults of `output` for the streams of `command` that were not set: no
    /// input, and pipes for output and error. After that they are inherited, as they were before.
    pub(super) fn with_defaults_of_output<R>(
        self,
        command: &mut Command,
        f: impl FnOnce(&mut Command) -> R,
    ) -> R {
        self.set_others(command, Stdio::null, Stdio::piped);
        let inherits = Inherits { set: self, command };
        f(inherits.command)
    }

    fn set_others(self, command: &mut Command, input: fn() -> Stdio, output: fn() -> Stdio) {
        if !self.stdin {
            command.stdin(input());
        }
        if !self.stdout {
            command.stdout(output());
        }
        if !self.stderr {
            command.stderr(output());
        }
    }
}

/// Sets the streams back that were not set, also if the call unwinds.
struct Inherits<'a> {
    set: Streams,
    command: &'a mut Command,
}

impl Drop for Inherits<'_> {
    fn drop(&mut self) {
        self.set.set_others(self.command, Stdio::inherit, Stdio::inherit);
    }
}
