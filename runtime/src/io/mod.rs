//! What of `std::io` waits, suspended.

mod chunk;
mod copy;

mod buffer;

mod duplex;

mod bidirectional;

pub use self::bidirectional::{CopyBidirectional, CopyError, copy_bidirectional};
pub use self::buffer::BufferStream;
pub use self::copy::copy;
pub use self::duplex::Duplex;
mod end;
mod piece;
mod pipe;
mod pollable;
#[allow(unsafe_code)]
mod sys;

pub use self::pipe::{PipeReader, PipeWriter, pipe};
pub use self::pollable::Pollable;
mod stdio;
#[allow(unsafe_code)]
mod sys;

pub use self::stdio::{
    IsTerminal, Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock, stderr, stdin, stdout,
};
