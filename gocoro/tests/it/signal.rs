//! Signals of the system: who listens gets them, and what a Ctrl-C and a SIGQUIT do with a
//! program.

mod choices;
mod cuts;
mod ends;
mod listeners;
mod programs;
mod quits;
mod stacks;

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

use gocoro::signal::Signals;

/// A signal that one test alone uses, since tests run at once. Without a handler it would end the
/// process.
pub(crate) fn own(number: c_int) -> c_int {
    assert!(libc::SIGRTMIN() + number <= libc::SIGRTMAX());
    libc::SIGRTMIN() + number
}

pub(crate) fn listen(signal: c_int) -> Signals {
    Signals::new([signal]).unwrap()
}

/// Sends a signal to this thread. Its handlers have run when this returns.
pub(crate) fn raise(signal: c_int) {
    // SAFETY: no pointers. The handlers are those of `signal-hook`, which any code can be
    // interrupted for.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

fn action_of(signal: c_int) -> libc::sigaction {
    let mut action = MaybeUninit::zeroed();
    // SAFETY: the call sets no action, and stores the present one in `action`, of which all-zero is
    // a valid value as well.
    unsafe {
        assert_eq!(libc::sigaction(signal, ptr::null(), action.as_mut_ptr()), 0);
        action.assume_init()
    }
}

fn has_default(signal: c_int) -> bool {
    action_of(signal).sa_sigaction == libc::SIG_DFL
}
