//! Futures both ways: waiting for any future from plain code, and awaiting gocoro's operations
//! in any executor.
//!
//! ```
//! use gocoro::channel::bounded;
//! use gocoro::{future, go};
//!
//! // In: plain code waits for a future, in a task or on a thread.
//! async fn add(one: u32, two: u32) -> u32 {
//!     one + two
//! }
//! let sum = go!({ future::wait(add(1, 2)) });
//!
//! // Out: an async block awaits a task and a channel, whatever executor polls it.
//! let (sender, receiver) = bounded(1);
//! let doubling = async move {
//!     sender.send_async(sum.await.unwrap() * 2).await.unwrap();
//! };
//! go!({ future::wait(doubling) });
//! assert_eq!(receiver.recv(), Ok(6));
//! ```
//!
//! # What to know
//!
//! - [`wait`] polls on the caller's own stack. What a poll calls may wait as all code in a task
//!   does: it suspends the task, and other tasks run.
//! - In an executor of async tasks, gocoro's blocking calls (`recv`, `lock`, `sleep`, …) block
//!   the executor's thread, which is a plain thread to gocoro. Use the futures there.
//! - A future that is dropped leaves nothing behind: no message is lost, nobody waits for it in
//!   vain. So all of them may be raced, and dropped when another wins.
//! - A waker that a future keeps holds the memory of its task, but not its stack.
//! - Wakers of other executors are called where a gocoro operation ends the wait, and as if
//!   that were no task: one that blocks blocks the worker. If one panics, the panic is reported
//!   and goes no further.
//!
//! # Streams in async libraries
//!
//! With these features, none of which is on by default, gocoro's streams are those of async
//! libraries too: [`TcpStream`](crate::net::TcpStream),
//! [`UnixStream`](crate::net::unix::UnixStream), both ends of a [`pipe`](fn@crate::io::pipe), a
//! child's streams, and [`Pollable`](crate::io::Pollable).
//!
//! | feature | of the crate | what |
//! |---|---|---|
//! | `hyper` | hyper 1 | `Read` and `Write`; in `future::hyper` an `Executor` and a `Timer` |
//! | `tokio` | tokio 1 | `AsyncRead` and `AsyncWrite` |
//! | `futures-io` | futures-io 0.3 | `AsyncRead` and `AsyncWrite`, also for references to streams |
//!
//! They may be polled in tasks, on plain threads and in any executor. A poll never waits, and never
//! suspends its task. Timeouts that were set on a stream, and `time::io_deadline`, are for the
//! operations that wait, and bound no poll: put `time::timeout` or [`wait_timeout`] around the
//! future. Shutting down, or closing, shuts down the writing half of a socket, and does nothing to
//! a pipe, whose end is closed when it is dropped.

#[cfg(feature = "hyper")]
pub mod hyper {
    //! hyper 1 on gocoro: servers and clients of HTTP/1 and HTTP/2, driven by plain code.
    //!
    //! Available with the feature `hyper`, which also has gocoro's streams implement hyper's
    //! [`Read`](hyper::rt::Read) and [`Write`](hyper::rt::Write): they go into hyper as they are.
    //! [`Executor`] is for HTTP/2, [`Timer`] for whatever hyper bounds in time.
    //!
    //! ```
    //! # // hyper's own features `http1`, `client` and `server` are the program's to choose.
    //! use gocoro::future::{self, hyper::Executor};
    //! use gocoro::net::{TcpListener, TcpStream};
    //! use gocoro::{channel, go};
    //! use hyper::rt::{Executor as _, Read, ReadBuf, Write};
    //! use std::future::poll_fn;
    //! use std::pin::Pin;
    //!
    //! let listener = TcpListener::bind("127.0.0.1:0")?;
    //! let mut stream = TcpStream::connect(listener.local_addr()?)?;
    //! let (mut peer, _) = listener.accept()?;
    //!
    //! // What hyper does with a connection, in small.
    //! let (sender, received) = channel::bounded(1);
    //! Executor::new().execute(async move {
    //!     let mut bytes = [0; 8];
    //!     let mut buf = ReadBuf::new(&mut bytes);
    //!     let read = poll_fn(|context| Pin::new(&mut peer).poll_read(context, buf.unfilled()));
    //!     read.await.unwrap();
    //!     sender.send_async(buf.filled().to_vec()).await.unwrap();
    //! });
    //! future::wait(poll_fn(|context| Pin::new(&mut stream).poll_write(context, b"hello")))?;
    //! assert_eq!(received.recv()?, b"hello");
    //! # Ok::<(), Box<dyn std::error::Error>>(())
    //! ```
    //!
    //! The example `hyper_http` in the repository is a server and clients of both protocols.
    //!
    //! # What a handler may wait for
    //!
    //! A handler may call whatever suspends: `time::sleep`, a lock, a channel, another client. It
    //! is called in a poll, so that suspends the task which polls. With HTTP/2 that is the
    //! request's own task, and nothing else is held up. With HTTP/1 it is the connection's task:
    //! **a handler must not wait in a poll for what only the connection brings**, which is the body
    //! of its own request, or the end of its own answer. It awaits that, or does it in a task of
    //! its own, which it awaits: `go!(answer(request)).await`.
    //!
    //! If a connection's task is cancelled, hyper's future is dropped, and the connection closed.
    //! The tasks of an `Executor` are not cancelled with it, but find their streams reset.

    pub use gocoro_runtime::export::hyper::{Executor, LocalExecutor, Timer};
}

pub use gocoro_runtime::export::future::{
    BroadcastFuture, ChangedFuture, DeferredFuture, JoinFuture, RecvFuture, SendFuture, wait,
    wait_timeout,
};
