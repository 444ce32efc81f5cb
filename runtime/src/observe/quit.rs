//! The dump that `SIGQUIT` prints.

use std::io::{self, Write};
use std::time::Duration;

use super::dump::dump;
use crate::signal::at_each_quit;
use crate::time::io_deadline;
use crate::{clock, io as waiting, recorder};

/// How long a dump may take to be printed. Whoever asks for one reads it, but standard error may be
/// a pipe that nobody reads, and the next one who asks may have made room.
const PRINT_PATIENCE: Duration = Duration::from_secs(5);

/// Prints a dump on standard error whenever `SIGQUIT` comes: see [`at_each_quit`].
pub(crate) fn dump_at_sigquit() -> io::Result<()> {
    at_each_quit(|| {
        let dump = dump();
        let text = format!("gocoro: SIGQUIT: what tasks do\n{dump}gocoro: end of the dump\n");
        let deadline = clock::now() + PRINT_PATIENCE;
        // Nobody is there to be told that standard error is closed, or that nobody reads it. A task
        // that waits for room holds the stream's lock, which is waited for no longer.
        let _ = io_deadline(deadline, || waiting::stderr().write_all(text.as_bytes()));
        recorder::write_file();
    })
}
