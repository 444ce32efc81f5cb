//! The numbers of the signals.

use std::ffi::c_int;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub const $name: c_int = libc::$name;
    )*};
}

numbers! {
    /// A timer of `alarm` has run out.
    SIGALRM
    /// A child has ended, stopped or gone on. Ignored by default.
    SIGCHLD
    /// The process goes on after a stop. Ignored by default, apart from that.
    SIGCONT
    /// The terminal was closed, or its owner logged out. Servers often read their configuration
    /// again instead.
    SIGHUP
    /// Somebody has pressed Ctrl-C at the terminal: see [`ctrl_c`](fn@crate::signal::ctrl_c).
    SIGINT
    /// A descriptor that was set up for it has I/O.
    SIGIO
    /// Somebody wrote to a pipe or socket that nobody reads. Rust programs ignore it.
    SIGPIPE
    /// Somebody has pressed Ctrl-\ at the terminal. Dumps core by default.
    SIGQUIT
    /// The program is asked to end, as by `kill`, or by whatever supervises services.
    SIGTERM
    /// The program is asked to stop, by Ctrl-Z at the terminal.
    SIGTSTP
    /// A background process reads from the terminal. Stops it by default.
    SIGTTIN
    /// A background process writes to the terminal. Stops it by default.
    SIGTTOU
    /// A socket has urgent data. Ignored by default.
    SIGURG
    /// For whatever a program likes.
    SIGUSR1
    /// For whatever a program likes.
    SIGUSR2
    /// The window of the terminal has another size. Ignored by default.
    SIGWINCH
}
