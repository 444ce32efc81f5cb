//! Ctrl-C: waiting for it.

use std::io;

use super::{SIGINT, Signals};

/// Waits for the next Ctrl-C at the terminal: the next [`SIGINT`].
///
/// It listens from the call on, and only until it returns. So a program waits for one Ctrl-C and
/// then goes on as it likes, but **from the first call on Ctrl-C does not end it any more**: one
/// that comes while nobody waits is lost. Where each one counts, keep a [`Signals`], which loses
/// none between two waits.
///
/// All who wait get the same Ctrl-C. In `select!` use `wait(signals)` with a [`Signals`].
///
/// # Parks
///
/// Until the signal comes. Blocks the thread outside a task. A cancel point.
///
/// # Errors
///
/// The system's error if the process has no descriptors left, of which this takes three while it
/// waits. Those of waiting are those of [`Signals::recv`]: `TimedOut` once the time of an
/// `io_deadline` is up, for one.
///
/// # Examples
///
/// ```
/// use gocoro::{go, signal};
/// # let press = || unsafe { libc::raise(libc::SIGINT) };
/// # let _others = signal::Signals::new([signal::SIGINT])?; // or this process might end
///
/// let server = go!({
///     signal::ctrl_c()?;
///     println!("stopping");
///     std::io::Result::Ok(())
/// });
/// // Somebody presses Ctrl-C at the terminal.
/// # while !server.is_finished() { press(); gocoro::task::yield_now(); }
/// server.wait()?;
/// # std::io::Result::Ok(())
/// ```
pub fn ctrl_c() -> io::Result<()> {
    Signals::new([SIGINT])?.recv().map(drop)
}
