//! SIGQUIT, with which somebody asks a program what it does.

use std::ffi::c_int;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use signal_hook::low_level::emulate_default_handler;

use super::{SIGQUIT, sys};
use crate::census::Internal;

/// Whether the program has listened for the signal itself, so that what it does is the program's
/// concern from then on.
static LISTENED_FOR: AtomicBool = AtomicBool::new(false);

/// Bytes of the stack of the thread that calls. A program whose memory is locked has all of them
/// in memory, which with std's 2 MiB would be felt.
const STACK_BYTES: usize = 256 * 1024;

/// Notes that the program listens for a signal. Before its handler is set.
pub(super) fn is_listened_for(signal: c_int) {
    if signal == SIGQUIT {
        LISTENED_FOR.store(true, Ordering::SeqCst);
    }
}

/// Has `call` called whenever the signal comes, on a thread of its own, so that it is called also
/// while no worker turns. Signals that come during a call lead to one more. Once this has
/// succeeded, it does nothing.
///
/// If the process was started with the signal ignored, that stays so. Once somebody has listened
/// for the signal, it leads to no call.
///
/// # Errors
///
/// The system's, if it has no thread or no descriptors left. The signal is left alone then.
pub(crate) fn at_each_quit(call: impl FnMut() + Send + 'static) -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed && !sys::is_ignored(SIGQUIT)? {
        install(call)?;
        *installed = true;
    }
    Ok(())
}

fn install(mut call: impl FnMut() + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    // A handler does not wait: whatever is in a full socket leads to a call as well.
    writer.set_nonblocking(true)?;
    // A thread, since a task would need a worker that turns. It never ends, and nobody waits for
    // it. Should the handler not be set, the socket is closed, and the thread ends.
    let each = move || {
        // This thread is none that tasks can hope for: that a user may ask for a dump keeps no
        // deadlock from being one.
        let _internal = Internal::new();
        // All signals that have come meanwhile are taken at once.
        let mut bytes = [0; 64];
        loop {
            match reader.read(&mut bytes) {
                Ok(0) => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
                Ok(_) if LISTENED_FOR.load(Ordering::SeqCst) => {}
                Ok(_) => call(),
            }
        }
    };
    thread::Builder::new().name("gocoro-observer".into()).stack_size(STACK_BYTES).spawn(each)?;
    let program = process::id();
    sys::handle(SIGQUIT, move || {
        if LISTENED_FOR.load(Ordering::SeqCst) {
            return;
        }
        if process::id() == program {
            let _ = (&writer).write(&[0]);
        } else {
            // A child that was forked has the socket too, but the thread that reads is its
            // parent's.
            let _ = emulate_default_handler(SIGQUIT);
        }
    })
}
