//! Reading two pipes at once, so that neither fills up while the other is read.

use std::io::{self, Read};

use crate::io::PipeReader;
use crate::reactor::Readiness;
use crate::select::{Limit, Order, run};
use crate::waiters::Arm;

/// Reads what is there, and says `WouldBlock` in place of waiting.
struct Now<'a>(&'a PipeReader);

impl Read for Now<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

/// Reads what is there, and says whether that was the end.
fn has_ended(pipe: &PipeReader, into: &mut Vec<u8>) -> io::Result<bool> {
    match Now(pipe).read_to_end(into) {
        Ok(_) => Ok(true),
        // What came before this is in the buffer.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads two pipes to their ends.
pub(super) fn read_both(pipes: [&PipeReader; 2], into: [&mut Vec<u8>; 2]) -> io::Result<()> {
    let [first, second] = into;
    loop {
        if has_ended(pipes[0], first)? {
            return read_to_end(pipes[1], second);
        }
        if has_ended(pipes[1], second)? {
            return read_to_end(pipes[0], first);
        }
        let arms = pipes.map(Readiness::readable_arm);
        let ready = run([&arms[0], &arms[1]], Order::Listed, Limit::Never);
        arms.into_iter().nth(ready).map_or(Ok(()), Arm::take)?;
    }
}

/// Reads a pipe to its end.
pub(super) fn read_to_end(mut pipe: &PipeReader, into: &mut Vec<u8>) -> io::Result<()> {
    pipe.read_to_end(into).map(drop)
}
