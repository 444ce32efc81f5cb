//! Port a file with one line: all of [`std`], of which everything that waits suspends.
//!
//! ```
//! use gocoro::std; // <- the line
//!
//! use std::fs;
//! use std::io::{self, prelude::*};
//! use std::process::Command;
//! use std::sync::mpsc;
//! use std::thread;
//!
//! fn main() -> io::Result<()> {
//!     let (sender, lengths) = mpsc::channel();
//!     for path in ["Cargo.toml", "src/lib.rs"] {
//!         let sender = sender.clone();
//!         thread::spawn(move || sender.send(fs::read_to_string(path).map(|text| text.len())));
//!     }
//!     drop(sender);
//!     for length in lengths {
//!         writeln!(io::stdout(), "{} bytes", length?)?;
//!     }
//!     let output = Command::new("echo").arg("the same program").output()?;
//!     assert_eq!(output.stdout, b"the same program\n");
//!     std::thread::sleep(std::time::Duration::from_millis(1)); // a path in the middle of code
//!     Ok(())
//! }
//! ```
//!
//! With `use gocoro::std;` in a module, each path of the module that begins with `std::` leads
//! here: in `use` declarations, nested ones too, and in the middle of code. Names, signatures,
//! errors and trait implementations are std's. A test compiles each stable item of the modules
//! below through both paths; [`std_map`](crate::std_map) lists the deviations.
//!
//! The program's threads are tasks then. Ten thousand that sleep or wait for a socket take a few
//! threads of the system. Nothing else is asked of the program: a `main` without
//! [`#[go_main]`](crate::go_main) goes on as a plain thread, which waits as threads do, and its
//! tasks run in the default runtime and end with the program.
//!
//! # What is replaced
//!
//! | path | is | since of std's |
//! |---|---|---|
//! | `std::fs` | [`gocoro::fs`](crate::fs) | all calls block, if the disk does |
//! | `std::io` | [`gocoro::io`](crate::io) | standard streams, pipes and `copy` block |
//! | `std::net` | [`gocoro::net`](crate::net) | sockets, and looking names up, block |
//! | `std::os` | [`os`], the same under the systems' names | |
//! | `std::process` | [`gocoro::process`](crate::process) | waiting for a child, and its pipes, block |
//! | `std::sync` | [`gocoro::sync`](crate::sync) | locks block, and know threads only |
//! | `std::thread` | [`gocoro::thread`](crate::thread) | threads are the system's |
//! | `std::thread_local!` | [`gocoro::thread_local!`](crate::thread_local) | all tasks of a worker share the value |
//!
//! A macro that is written without a path is the prelude's, whatever the line says. So a module
//! that declares thread-locals by a bare `thread_local!` has a second line,
//! `use gocoro::thread_local;`, or one for both:
//!
//! ```
//! use gocoro::{std, thread_local};
//! use std::cell::Cell;
//!
//! thread_local! {
//!     static COUNT: Cell<u32> = const { Cell::new(0) };
//! }
//!
//! COUNT.set(1);
//! let of_another = std::thread::spawn(|| COUNT.get()).join().unwrap();
//! assert_eq!((COUNT.get(), of_another), (1, 0));
//! ```
//!
//! # What stays std's
//!
//! Everything else, which never waits, or has nothing to wait for: `collections`, `fmt`, `env`,
//! `panic`, `time` with its `Instant` and `Duration`, `sync::{Arc, Weak, atomic}`,
//! `thread::{panicking, available_parallelism}`, the traits and buffers of `io`, `io::Error`,
//! `fs::Metadata`, `process::{Output, ExitStatus, Stdio}`, addresses, descriptors. They are the
//! same items, no copies, so such values pass between code with the line and code without it.
//!
//! Files, sockets, pipes and children convert from and to std's by `From` and `Into`; threads,
//! locks and channels do not. `path` is std's: what a `Path` asks of the file system, as
//! `Path::exists` does, blocks for as long as the disk takes, where `fs::exists(path)` suspends.
//!
//! # Where the line reaches
//!
//! - The module it stands in, or the block. A module inside, or in another file, has its own line.
//!   One that begins with `use super::*;` and imports from std, as many a `mod tests` does, says
//!   that `std` is ambiguous until it has.
//! - Editions 2018, 2021 and 2024.
//! - Not the macros that are written without a path: `println!` is std's. What a macro expands to
//!   leads here where it says `std::` and no more; what says `::std::` or `$crate`, as most crates'
//!   does, stays with std.
//! - Not the prelude's types, and not paths that begin with `::std::`, which is the way to mean
//!   std in such a module.
//! - `use gocoro::*;` brings this module too, and makes `use std::…` ambiguous. Import what is
//!   needed by its name.
//!
//! ```edition2018
//! use gocoro::std;
//!
//! let (sender, receiver) = std::sync::mpsc::channel();
//! std::thread::spawn(move || sender.send(7).unwrap());
//! assert_eq!(receiver.recv(), Ok(7));
//! ```
//!
//! ```edition2021
//! use gocoro::std;
//! use std::{net::{TcpListener, TcpStream}, sync::{self, Arc}};
//!
//! fn adopted(stream: ::std::net::TcpStream) -> TcpStream {
//!     stream.into() // std's, of a crate without the line
//! }
//!
//! mod inside {
//!     use gocoro::std; // its own
//!
//!     pub(super) type Shared = std::sync::Arc<std::sync::Mutex<u32>>;
//! }
//!
//! let listener = ::std::net::TcpListener::bind("127.0.0.1:0")?;
//! let near = adopted(::std::net::TcpStream::connect(listener.local_addr()?)?);
//! let (far, _) = TcpListener::from(listener).accept()?;
//! assert_eq!(near.local_addr()?, far.peer_addr()?);
//! let shared: inside::Shared = Arc::new(sync::Mutex::new(1));
//! assert_eq!(*shared.lock().unwrap(), 1);
//! # ::std::io::Result::Ok(())
//! ```
//!
//! # How a ported program can still block its worker
//!
//! In three ways, and with the worker all tasks that are pinned there:
//!
//! 1. **By calls that the line does not reach**, if they wait: a `println!` whose output nobody
//!    reads, a crate that sleeps or does I/O in std's own calls, a C library. Give the crate
//!    gocoro's streams if it is generic over [`Read`](::std::io::Read) and
//!    [`Write`](::std::io::Write), or call it in
//!    [`blocking::unblock`](crate::blocking::unblock). `writeln!(std::io::stdout(), …)` suspends.
//! 2. **By a lock that knows threads only, held across a wait**: a `Mutex`, `Once` or `LazyLock` of
//!    std's, in a crate without the line, that is held while your code runs. The next task of the
//!    worker that wants it blocks the very thread on which its holder would go on, for good. Have
//!    what runs under such a lock wait for nothing.
//! 3. **By computing without waiting.** A loop that asks an atomic again and again keeps the
//!    worker's other tasks from running, maybe the one that would end it. `std::thread::yield_now`
//!    in the loop lets them run; so does whatever waits.

pub mod os;

#[doc(no_inline)]
pub use crate::{fs, io, net, process, sync, thread, thread_local};
#[doc(no_inline)]
pub use ::std::*;
