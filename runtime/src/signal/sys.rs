//! The actions that the system has for signals: asking for them, setting one, and where handlers
//! run.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// The action of a signal now.
///
/// # Errors
///
/// `InvalidInput` if the system has no such signal.
fn action_of(signal: c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only stores the present one, for which `action` has
    // room until the call returns.
    match unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } {
        // SAFETY: the call has filled `action`, of which all-zero is a valid value as well.
        0 => Ok(unsafe { action.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// An error if the system has no such signal.
pub(super) fn check(signal: c_int) -> io::Result<()> {
    action_of(signal).map(drop)
}

/// Whether a signal is ignored, as the parent of the process may have asked for.
pub(super) fn is_ignored(signal: c_int) -> io::Result<bool> {
    Ok(action_of(signal)?.sa_sigaction == libc::SIG_IGN)
}

/// Has the handler of a signal run on the alternate stack of its thread, where there is one.
///
/// `signal-hook` does not ask for that, and its handler would need room on the stack of the task
/// that runs, which may be small. It sets a signal's handler once, so this is done after each
/// registration, and changes something after a signal's first one. A signal that comes between the
/// two is handled on whatever stack is in use.
pub(super) fn use_alternate_stack(signal: c_int) -> io::Result<()> {
    let mut action = action_of(signal)?;
    let is_handled = !matches!(action.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN);
    if !is_handled || action.sa_flags & libc::SA_ONSTACK != 0 {
        return Ok(());
    }
    action.sa_flags |= libc::SA_ONSTACK;
    // SAFETY: `action` is the complete action that the signal has. Its handler may run on any stack
    // that has room for it, as the kernel would run it on that of any frame, and the alternate
    // stack of a thread is for handlers alone.
    match unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has `f` called in the handler of a signal, besides what is called there already, and for good.
///
/// `f` is called between any two instructions of whatever runs. So it does nothing but read
/// atomics, ask for the process's id, write to a descriptor that does not block, and restore the
/// signal's default action.
pub(super) fn handle(signal: c_int, f: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    // SAFETY: the only caller is `quit`, whose closure does what is permitted above, all of which
    // may be done in a handler: it takes no lock, does not allocate, and does not panic.
    unsafe { signal_hook::low_level::register(signal, f) }?;
    use_alternate_stack(signal)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn no_action_and_no_signal() {
        assert!(!is_ignored(libc::SIGCONT).unwrap());
        assert!(is_ignored(libc::SIGPIPE).unwrap(), "Rust programs do");
        // Neither has a handler.
        for signal in [libc::SIGCONT, libc::SIGPIPE] {
            use_alternate_stack(signal).unwrap();
            assert_eq!(action_of(signal).unwrap().sa_flags & libc::SA_ONSTACK, 0);
        }
        for signal in [-1, 0, 65, 1000] {
            assert_eq!(check(signal).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
