//! A pair of streams within the process.

mod lane;
mod stream;

pub use self::stream::BufferStream;
