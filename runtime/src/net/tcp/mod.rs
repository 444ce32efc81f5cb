//! TCP: the two types, what sets them up, and how they turn into others.

mod select;
mod stream;
mod transfer;

mod incoming;
mod listener;

mod settings;

mod convert;

pub use self::incoming::{Incoming, IntoIncoming};
pub use self::listener::TcpListener;
pub use self::stream::TcpStream;
