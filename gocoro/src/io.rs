//! Reading and writing: [`std::io`], of which everything that waits suspends the task. An import
//! of `gocoro::io` takes the place of one of `std::io`.
//!
//! ```
//! use gocoro::io::{self, BufReader, BufferStream, prelude::*};
//! use gocoro::net::{TcpListener, TcpStream};
//! use gocoro::{go, select, task};
//!
//! // Code of any crate that reads and writes suspends the task that it runs in.
//! fn shout(reader: impl BufRead, mut writer: impl Write) -> io::Result<()> {
//!     for line in reader.lines() {
//!         writeln!(writer, "{}", line?.to_uppercase())?;
//!     }
//!     Ok(())
//! }
//!
//! // Two tasks, and a stream between them that is no socket.
//! let (client, server) = BufferStream::bounded(4096);
//! go!({ shout(BufReader::new(&server), &server) });
//!
//! // A proxy to it: whatever comes is passed on, both ways.
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let proxied = go!({ io::copy_bidirectional(listener.accept()?.0, client) });
//!
//! let mut stream = TcpStream::connect(address)?;
//! writeln!(stream, "hello")?;
//! stream.shutdown(gocoro::net::Shutdown::Write)?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer)?;
//! assert_eq!(answer, "HELLO\n");
//! assert_eq!(proxied.wait()?, (6, 6)); // bytes each way
//! # io::Result::Ok(())
//! ```
//!
//! # What there is
//!
//! | | from | waits |
//! |---|---|---|
//! | [`Read`], [`Write`], [`BufRead`], [`Seek`], [`BufReader`], [`BufWriter`], [`Cursor`], [`Error`] and all else not named here | std, re-exported | as what they read and write does |
//! | [`copy`](fn@copy) | gocoro, with std's signature | as its reader and writer do |
//! | [`copy_bidirectional`](fn@copy_bidirectional), [`CopyBidirectional`] | gocoro | suspended, until both ways are over |
//! | [`BufferStream`] | gocoro | suspended, for bytes or for room |
//! | [`stdin`], [`stdout`], [`stderr`], [`pipe`](fn@pipe) | std, re-exported | **the whole worker** |
//!
//! # Which one moves bytes
//!
//! - From a reader to a writer of any kind: [`copy`](fn@copy).
//! - Both ways between two streams, as a proxy does: [`copy_bidirectional`](fn@copy_bidirectional),
//!   with an idle timeout [`CopyBidirectional`]. What it takes is a [`Duplex`].
//! - Between tasks: [`BufferStream`] for bytes, [`channel`](crate::channel) for messages.
//!
//! # Bounds
//!
//! [`time::io_deadline`](crate::time::io_deadline) bounds all I/O of a piece of code by an error,
//! [`time::timeout`](crate::time::timeout) any code by unwinding it. Bytes that unwound code had
//! read and not passed on are lost.

#[doc(inline)]
pub use gocoro_runtime::export::io::{
    BufferStream, CopyBidirectional, CopyError, Duplex, copy, copy_bidirectional,
};
#[doc(no_inline)]
pub use std::io::*;
