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
//! | [`copy_bidirectional`](fn@copy_bidirectional), [`CopyBidirectional`], [`CopyError`], [`Duplex`] | gocoro | suspended, until both ways are over |
//! | [`BufferStream`] | gocoro | suspended, for bytes or for room |
//! | [`pipe`](fn@pipe), [`PipeReader`], [`PipeWriter`] | gocoro, with std's signatures | suspended |
//! | [`stdin`], [`stdout`], [`stderr`], their types and locks | gocoro, with std's signatures | suspended, for input, room or a lock |
//! | [`IsTerminal`] | gocoro, for all that implements std's, and for the streams here | never |
//! | [`Pollable`] | gocoro | suspended, for what any descriptor can wait for |
//! | [`PollRead`], [`PollWrite`] | gocoro | never: for polls, and adapters made of them |
//! | [`Tee`] | gocoro | as what it reads and writes does |
//!
//! # Which one moves bytes
//!
//! - From a reader to a writer of any kind: [`copy`](fn@copy).
//! - Both ways between two streams, as a proxy does: [`copy_bidirectional`](fn@copy_bidirectional),
//!   with an idle timeout [`CopyBidirectional`]. What it takes is a [`Duplex`].
//! - From a reader to two places: a [`Tee`] around the reader.
//! - Between tasks: [`BufferStream`] for bytes, [`channel`](crate::channel) for messages.
//!
//! # Standard streams
//!
//! [`stdin`], [`stdout`] and [`stderr`] suspend the task that waits for input, for room or for
//! a lock, whatever the descriptor leads to: a pipe, a terminal, a socket, a file. Their
//! descriptors are never made non-blocking.
//!
//! - A read that is cut short, by a cancel, a timeout or an `io_deadline`, has taken nothing.
//! - A write that is cut short has written nothing; `write_all` and `write!` may have written a
//!   part.
//! - `print!`, `println!` and `eprintln!` are std's: they block the worker if nobody reads. The
//!   first two share [`stdout`]'s buffer, so that what one task writes by both keeps its order.
//! - Use one standard input, std's or this: each reads ahead for itself.
//! - A program that ends by itself waits until its output is read, and one that fails or cancels
//!   its tasks until its grace is over.
//!
//! # Bounds
//!
//! [`time::io_deadline`](crate::time::io_deadline) bounds all I/O of a piece of code by an error,
//! [`time::timeout`](crate::time::timeout) any code by unwinding it. Bytes that unwound code had
//! read and not passed on are lost.

#[doc(inline)]
pub use gocoro_runtime::export::io::{
    BufferStream, CopyBidirectional, CopyError, Duplex, IsTerminal, PipeReader, PipeWriter,
    PollRead, PollWrite, Pollable, Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock, Tee,
    copy, copy_bidirectional, pipe, stderr, stdin, stdout,
};
#[doc(no_inline)]
pub use std::io::*;
