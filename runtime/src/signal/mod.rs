//! Signals of the system: waiting for them, and what `#[go_main(ctrl_c = "cancel")]` does of one.
//!
//! `signal-hook` has the handlers. Each [`Signals`] has a pair of sockets of its own: a handler
//! notes the signal and writes a byte, and whoever waits, waits for the other end to be readable,
//! as for any descriptor. So a signal needs no thread, no runtime, and no mask.

#[allow(unsafe_code)]
mod arm;
mod ctrl_c;
mod mailbox;
mod numbers;
mod signals;
#[allow(unsafe_code)]
mod sys;

pub use self::arm::SignalArm;
pub(crate) use self::ctrl_c::at_first_ctrl_c;
pub use self::ctrl_c::ctrl_c;
pub use self::numbers::*;
pub use self::signals::{Handle, Pending, Signals};
