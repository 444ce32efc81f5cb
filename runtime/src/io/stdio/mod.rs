//! Standard input, output and error.
//!
//! The three descriptors belong to more than this process: a shell, other programs of a pipeline
//! and children have the same open files. So gocoro never makes one of them non-blocking, and keeps
//! nothing of them beyond a lock. How it waits all the same depends on what a descriptor leads to,
//! which is looked at anew under each lock (`session`):
//!
//! | descriptor | read | written |
//! |---|---|---|
//! | pipe without a name, where Linux has the calls | by calls that never wait | the same |
//! | socket | by calls that never wait | the same |
//! | named pipe, terminal | through an open file of gocoro's own, which is non-blocking | the same |
//! | those that may not be opened again; others | once `poll(2)` says that it is ready | the same, a piece at a time |
//! | file | from memory, else on the blocking pool | at once, into memory |
//! | device that is no terminal | once `poll(2)` says that it is ready | at once |
//!
//! # Who may block
//!
//! A task that has no room to write, or nothing to read, is suspended, and holds the stream's lock
//! meanwhile, for which others are suspended. Its worker is blocked only
//!
//! - by `print!`, `println!` and `eprintln!`, which are std's, and by a panic's report, which std
//!   writes. Whoever uses them where nobody may read blocks the worker, and those who come to one
//!   of std's locks meanwhile. gocoro comes to one only when the descriptor has room, so that the
//!   holder has room too. Hence a panic is reported whoever holds gocoro's locks.
//! - if std's buffer goes to a terminal that has less room left than that.
//! - where the kernel is asked first, if somebody else takes what was there in between, and by a
//!   terminal that may not be opened again, and has less room than a piece.
//!
//! # Where a line is until it ends
//!
//! In std's buffer (`output`), which makes the two kinds of standard output one. Nothing here has
//! to be flushed at exit that std does not flush, by `std::process::exit` too, but after a flush
//! that was cut short: the blocking pool goes on with it, and holds std's lock, which std passes by
//! at exit. `#[go_main]` waits for it. A holder of the lock that unwinds in the middle of a line
//! leaves what it has written; the next one goes on from there, as in std.
//!
//! # What an exit flushes
//!
//! A program that ends by itself waits for whoever reads its output, as any program does, for as
//! long as a pager shows its first page. One that has failed or is to cancel its tasks, which cuts
//! their writes short, waits until its grace is over, and then ends without what is left:
//! `#[go_main]` sees to that. What `main` returned is reported before, by std, which waits for
//! whoever reads standard error.

#[allow(unsafe_code)]
mod kind;

mod session;

mod input;
mod reentrant;

mod output;

mod stderr;
mod stdin;
mod stdout;
mod terminal;

pub use self::stderr::{Stderr, StderrLock, stderr};
pub use self::stdin::{Stdin, StdinLock, stdin};
pub(crate) use self::stdout::finish_flush;
pub use self::stdout::{Stdout, StdoutLock, stdout};
pub use self::terminal::IsTerminal;
