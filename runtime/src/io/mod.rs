//! What of `std::io` waits, suspended.

mod chunk;
mod copy;

#[allow(unsafe_code)]
pub(crate) mod sys;

mod end;
mod piece;
mod polls;
mod pipe;

mod pollable;

mod buffer;

mod duplex;

mod bidirectional;

mod tee;

mod stdio;

pub use self::bidirectional::{CopyBidirectional, CopyError, copy_bidirectional};
pub use self::buffer::BufferStream;
pub use self::copy::copy;
pub use self::duplex::Duplex;
pub(crate) use self::end::End;
pub use self::pipe::{PipeReader, PipeWriter, pipe};
pub use self::pollable::Pollable;
pub(crate) use self::polls::{read_polls, write_polls};
pub(crate) use self::stdio::finish_flush;
pub use self::stdio::{
    IsTerminal, Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock, stderr, stdin, stdout,
};
pub use self::tee::Tee;
pub use crate::reactor::{PollRead, PollWrite};
