//! Signals of the system: waiting for them, and what the options `ctrl_c` and `sigquit` of
//! `#[go_main]` do of two of them.
//!
//! `signal-hook` has the handlers. Each [`Signals`] has a pair of sockets of its own: a handler
//! notes the signal and writes a byte, and whoever waits, waits for the other end to be readable,
//! as for any descriptor. So a signal needs no thread, no runtime, and no mask.

#[allow(unsafe_code)]
mod arm;
mod ctrl_c;
mod mailbox;
mod numbers;
mod quit;
mod signals;
#[allow(unsafe_code)]
mod sys;

pub use self::arm::SignalArm;
pub(crate) use self::ctrl_c::at_first_ctrl_c;
pub use self::ctrl_c::ctrl_c;
pub use self::numbers::*;
pub(crate) use self::quit::at_each_quit;
pub use self::signals::{Handle, Pending, Signals};
