//! The flight recorder's public face.

use std::path::PathBuf;

use crate::park;
use crate::recorder::{self, FlightRecord};

/// Reads what the workers of all runtimes that record did last: who ran when and for how long, what
/// each task waited for, who woke whom, spawns, steals, cancels, panics, sleeps.
///
/// A runtime records if [`Builder::flight_recorder`](crate::runtime::Builder::flight_recorder) says
/// so, or `record` of `#[go_main]`, or the environment. Each worker keeps its last events and
/// forgets older ones. Workers are not asked and do not wait, so this answers also when they are
/// stuck; from one that is busy the oldest events may be missing. What runtimes did that are gone
/// is gone with them.
///
/// # Parks
///
/// Never for anything. As every operation that does not wait, it lets others run once in a while.
///
/// # Examples
///
/// ```no_run
/// // For https://ui.perfetto.dev, which reads the file in the browser and sends it nowhere.
/// let record = gocoro::runtime::flight_record();
/// std::fs::write("/tmp/record.json", record.json().to_string())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn flight_record() -> FlightRecord {
    park::spent();
    recorder::record()
}

/// Sets the file to which the flight record is written when something goes wrong: at the process's
/// first panic of a task, at a deadlock that is reported, and at each `SIGQUIT` that prints a dump.
///
/// `None`, and that is so at first, has no file written. `GOCORO_RECORD` in the environment wins.
/// `%p` in the name stands for the number of the process. A file that is there is replaced, once
/// the new one is whole; until then that is beside it and is called as it is, with `.part` at the
/// end. A line on standard error says that it was written, or why not. Nothing is written if no
/// runtime records.
///
/// A panic waits for the file, up to five seconds, for whoever hears of it may end the process. It
/// is written before the task's join returns.
///
/// # Parks
///
/// Never.
///
/// # Examples
///
/// ```
/// use gocoro::runtime::{Builder, set_flight_record_file};
///
/// set_flight_record_file(Some("/tmp/my-program-%p.json".into()));
/// let runtime = Builder::new().workers(1).flight_recorder(4096).build()?;
/// # set_flight_record_file(None);
/// # drop(runtime);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set_flight_record_file(path: Option<PathBuf>) {
    recorder::set_file(path);
}
