//! Signals of the system: waiting for Ctrl-C, and for whatever else is sent to the process.
//!
//! ```
//! use gocoro::signal::{SIGHUP, SIGINT, SIGTERM, Signals};
//! use gocoro::{go, select, sync::{Arc, Event}};
//! # let kill = |signal| unsafe { libc::raise(signal) };
//!
//! let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
//! let stop = Arc::new(Event::new());
//! let supervisor = go!(clone(stop) => {
//!     let mut reloads = 0;
//!     for signal in signals { // suspends, blocks no thread
//!         match signal {
//!             SIGHUP => reloads += 1,
//!             _ => break,
//!         }
//!     }
//!     stop.set();
//!     reloads
//! });
//!
//! // Somebody says `kill -HUP` and then `kill`.
//! kill(SIGHUP);
//! kill(SIGTERM);
//! stop.wait();
//! assert_eq!(supervisor.wait(), 1);
//! # std::io::Result::Ok(())
//! ```
//!
//! # What there is
//!
//! | | waits for | gets |
//! |---|---|---|
//! | [`ctrl_c`] | the next Ctrl-C, from the call on | that one; those between two calls are lost |
//! | [`Signals`] | the next of the signals that it was made for; alone, in a loop, in [`select!`](crate::select) | all since it was made |
//! | [`#[go_main(ctrl_c = "cancel")]`](crate::go_main) | – | the first Ctrl-C cancels the program's tasks, the second ends the process at once |
//! | [`#[go_main]`](crate::go_main), but for `sigquit = "off"` | – | `SIGQUIT` prints what each task waits for, unless the program listens for that signal |
//!
//! # What to know
//!
//! - A signal that comes again before it was taken counts once, as everywhere in the system.
//! - Each [`Signals`] and each [`ctrl_c`] gets each signal. Several tasks may share one `Signals`;
//!   then each signal goes to one of them.
//! - Once the process has listened for a signal, the system's default for it, mostly the end of the
//!   process, does not come back.
//! - Children start with the system's defaults, and with no signal blocked by gocoro: it blocks
//!   none.
//! - Everything works on plain threads as well, and needs no runtime.

pub use gocoro_runtime::export::signal::{
    Handle, Pending, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGQUIT, SIGTERM,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGWINCH, Signals, ctrl_c,
};
