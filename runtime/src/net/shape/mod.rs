//! What the types of sockets share, as macros: each type has std's methods, with documentation and
//! examples of its own, and one implementation.
//!
//! The examples are built from literals that a type gives once: `$imports` and `$setup` are lines
//! of code that the example begins with, `$name` is what the setup calls the socket.

mod datagram;
mod listener;
mod socket;
mod stream;
mod timeouts;

pub(super) use datagram::datagram;
pub(super) use listener::listener;
pub(super) use socket::{handover, socket};
pub(super) use stream::stream;
pub(super) use timeouts::timeouts;
