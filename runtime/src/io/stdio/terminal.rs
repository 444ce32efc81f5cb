//! Whether a stream is a terminal.

use std::io;
use std::os::fd::AsFd;

use super::{Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock};
use crate::park;

/// Whether a descriptor is a terminal; as [`std::io::IsTerminal`].
///
/// A trait of gocoro's own, since no other crate can implement std's: for all that implements
/// std's, and for gocoro's streams. Those also have it as a method that needs no trait.
///
/// # Examples
///
/// ```
/// use gocoro::io::{self, IsTerminal};
///
/// fn colours(output: impl IsTerminal) -> bool {
///     output.is_terminal()
/// }
/// assert_eq!(colours(io::stdout()), colours(std::io::stdout()));
/// ```
pub trait IsTerminal {
    /// Whether the descriptor is a terminal.
    fn is_terminal(&self) -> bool;
}

impl<T: io::IsTerminal> IsTerminal for T {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(self)
    }
}

macro_rules! streams {
    ($($ty:ty),*) => {$(
        impl IsTerminal for $ty {
            fn is_terminal(&self) -> bool {
                park::looked();
                io::IsTerminal::is_terminal(&self.as_fd())
            }
        }
    )*};
}

streams! { Stdin, StdinLock<'_>, Stdout, StdoutLock<'_>, Stderr, StderrLock<'_> }
