//! Ctrl-C: waiting for it, and having the first one end the program gently, the second at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::flag;

use super::{SIGINT, Signals, sys};
use crate::census::Internal;

/// Waits for the next Ctrl-C at the terminal: the next [`SIGINT`].
///
/// It listens from the call on, and only until it returns. So a program waits for one Ctrl-C and
/// then goes on as it likes, but **from the first call on Ctrl-C does not end it any more**: one
/// that comes while nobody waits is lost. Where each one counts, keep a [`Signals`], which loses
/// none between two waits. Where a second one is to end a program that hangs, the option
/// `ctrl_c = "cancel"` of `#[go_main]` does that.
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

/// Has `first` called, on a thread of its own, when the first Ctrl-C comes. The second ends the
/// process as if nobody listened, in the signal's handler: so it needs no worker that turns. The
/// flag that is returned is set by the first one's handler, before anybody hears of the signal.
///
/// If the process was started with the signal ignored, as by `nohup`, that stays so.
pub(crate) fn at_first_ctrl_c(
    first: impl FnOnce() + Send + 'static,
) -> io::Result<Arc<AtomicBool>> {
    let has_come = Arc::new(AtomicBool::new(false));
    if sys::is_ignored(SIGINT)? {
        return Ok(has_come);
    }
    // What is registered first is done first, so the first signal finds the flag not set, and is
    // told to others after it is.
    flag::register_conditional_default(SIGINT, Arc::clone(&has_come))?;
    flag::register(SIGINT, Arc::clone(&has_come))?;
    let signals = Signals::new([SIGINT])?;
    let told = Arc::clone(&has_come);
    let wait = move || {
        // This thread is none that tasks can hope for: that a user may end the program keeps no
        // deadlock from being one.
        let _internal = Internal::new();
        // One that came before there were `signals` has set the flag.
        if told.load(Ordering::SeqCst) || signals.recv().is_ok() {
            first();
        }
    };
    // A thread, since a task would count as one, and would be a started task where panics abort.
    thread::Builder::new().name("gocoro-ctrl-c".into()).spawn(wait)?;
    Ok(has_come)
}
