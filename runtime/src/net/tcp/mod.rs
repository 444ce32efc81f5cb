//! TCP: the two types and what only they have.

mod settings;
mod stream;

mod builder;
mod incoming;
mod listener;

pub use self::builder::ListenerBuilder;
pub use self::incoming::IntoIncoming;
pub use self::listener::{Incoming, TcpListener};
pub use self::stream::TcpStream;
