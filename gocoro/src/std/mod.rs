//! Port a file with one line: all of [`std`], of which everything that waits suspends.
//!
//! ```
//! use gocoro::std; // <- the line
//!
//! use std::io::{self, prelude::*};
//! use std::net::{TcpListener, TcpStream};
//! use std::sync::{Arc, Mutex};
//!
//! fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:0")?; // gocoro's, by std's name
//!     let mut near = TcpStream::connect(listener.local_addr()?)?;
//!     let (far, _) = listener.accept()?;
//!     near.write_all(b"the same program")?;
//!     near.shutdown(std::net::Shutdown::Write)?; // a path is redirected as well as an import
//!     let text = Arc::new(Mutex::new(String::new()));
//!     io::BufReader::new(far).read_to_string(&mut text.lock().unwrap())?;
//!     assert_eq!(*text.lock().unwrap(), "the same program");
//!     Ok(())
//! }
//! ```
//!
//! With `use gocoro::std;` in a module, each path of the module that begins with `std::` leads
//! here: in `use` declarations, nested ones too, and in the middle of code. Names, signatures,
//! errors and trait implementations are std's; [`std_map`](crate::std_map) lists the deviations.
//!
//! # What is replaced
//!
//! | path | is | since std's |
//! |---|---|---|
//! | `std::fs` | [`gocoro::fs`](crate::fs) | calls wait for the disk |
//! | `std::io` | [`gocoro::io`](crate::io) | standard streams, pipes and `copy` block |
//! | `std::net` | [`gocoro::net`](crate::net) | sockets and the lookup of names block |
//! | `std::os` | [`os`], the same under the names for Unix | |
//! | `std::process` | [`gocoro::process`](crate::process) | starting children and waiting for them block |
//! | `std::sync` | [`gocoro::sync`](crate::sync) | locks and their like block, and know threads only |
//! | `std::thread` | [`gocoro::thread`](crate::thread) | threads are the system's, and block |
//! | `std::thread_local!` | [`gocoro::thread_local!`](crate::thread_local) | all tasks of a worker share the value |
//!
//! A macro that is written without its path is the prelude's, whatever the line says. So a module
//! that declares thread-locals by `thread_local!` has a second line: `use std::thread_local;`.
//!
//! # What stays std's
//!
//! Everything else, which never waits or has nothing to wait for: `collections`, `fmt`, `path`,
//! `env`, `panic`, `time` (`Instant`, `Duration`), `sync::{Arc, Weak, atomic}`, the traits of `io`
//! and what reads and writes through them, `io::Error`, addresses. They are the same items, not
//! copies: values of theirs pass freely between code with the line and code without it.
//! `thread::panicking` is right in a task, too.
//!
//! Where a type is replaced, it converts from and to std's (`From`, `Into`), or through its
//! descriptor: for a crate that wants a `::std::net::TcpStream`, say.
//!
//! # Where the line reaches
//!
//! - The module it stands in, or the block. A module inside, or in another file, has its own line.
//!   One that begins with `use super::*;` and imports from std, as many a `mod tests` does, says
//!   that `std` is ambiguous until it has.
//! - Editions 2018, 2021 and 2024.
//! - Not the macros that are written without a path, nor what macros of other crates expand to:
//!   `println!` and derives are std's.
//! - Not the prelude's types, and not paths that begin with `::std::`, which is the way to mean
//!   std in such a module.
//! - `use gocoro::*;` brings this module too, and makes `use std::…` ambiguous. Import what is
//!   needed by its name.
//!
//! # How a ported program can still block its worker
//!
//! 1. **By calls that the line does not reach**, if they wait: a `println!` whose output nobody
//!    reads, a crate that sleeps or does I/O in std's own calls, a C library. Give the crate
//!    gocoro's streams if it is generic over [`Read`](::std::io::Read) and
//!    [`Write`](::std::io::Write), or let it run on a thread of its own.
//! 2. **By a lock that knows threads only and is held across a wait**: a `Mutex`, `Once`,
//!    `LazyLock` of std's in a crate without the line that calls back into code with it. The next
//!    task of the worker that wants the lock blocks the thread on which its holder would go on.
//! 3. **By computing without waiting.** A task that spins on an atomic keeps its worker's other
//!    tasks from running, maybe the one that would end the loop. Call
//!    [`task::yield_now`](crate::task::yield_now) there.

pub mod os;

#[doc(no_inline)]
pub use crate::{fs, io, net, process, sync, thread, thread_local};
#[doc(no_inline)]
pub use ::std::*;
