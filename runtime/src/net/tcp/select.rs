//! Sockets in `select!`.

use super::{TcpListener, TcpStream};
use crate::reactor::{Direction, Readiness, ReadyArm};

macro_rules! sockets {
    ($($socket:ty),*) => {$(
        impl Readiness for $socket {
            fn readable_arm(&self) -> ReadyArm<'_> {
                ReadyArm::new(self.socket.source(), Direction::Read)
            }

            fn writable_arm(&self) -> ReadyArm<'_> {
                ReadyArm::new(self.socket.source(), Direction::Write)
            }
        }
    )*};
}

sockets!(TcpListener, TcpStream);
