//! Workers that are given up with started tasks, where panics abort, so that nothing can unwind the
//! tasks.
//!
//! Such tasks may have borrowed from each other's stacks, and may have lent a thread-local of their
//! thread to another thread. So the worker and its stacks are leaked. Its thread goes on, but waits
//! for ever before its thread-locals are destroyed.

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use super::Worker;
use crate::current;
use crate::parker::Parker;

/// The threads that will never end.
static STAYING: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

/// Leaks a worker with its tasks. The calling thread goes on, but will never end.
pub(crate) fn leave(worker: Rc<Worker>) {
    std::mem::forget(worker);
    let mut staying = STAYING.lock().unwrap_or_else(PoisonError::into_inner);
    let own = thread::current().id();
    if !staying.contains(&own) {
        staying.push(own);
    }
    drop(staying);
    current::at_thread_end(stay);
}

/// Whether this thread has left tasks, so that nobody should wait for its end.
pub(super) fn will_stay(thread: ThreadId) -> bool {
    STAYING.lock().unwrap_or_else(PoisonError::into_inner).contains(&thread)
}

/// Runs at a thread's end: waits for ever, unless the whole process ends.
fn stay() {
    if is_exiting() {
        return;
    }
    let _ = writeln!(
        std::io::stderr(),
        "gocoro: a thread stays for ever: it dropped a `LocalRuntime` whose tasks had started, and under \
         `panic = \"abort\"` they cannot be unwound"
    );
    loop {
        Parker::default().park(None);
    }
}

unsafe extern "C" {
    // Both functions belong to the unwinder, which std's own backtraces rest on.
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_FindEnclosingFunction(code: *mut c_void) -> *mut c_void;
}

/// Whether this runs below `exit`, which destroys the thread-locals of the thread that called it.
/// The return of `main` ends in `exit` as well.
fn is_exiting() -> bool {
    extern "C" fn visit(frame: *mut c_void, found: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes a frame that is valid during this call.
        // `_Unwind_FindEnclosingFunction` only looks an address up. The address passed is one less
        // than the return address, since that may already be the next function's first.
        let function = unsafe {
            let inside = _Unwind_GetIP(frame).wrapping_sub(1);
            _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(inside))
        };
        if function.addr() == libc::exit as *const () as usize {
            // SAFETY: `found` is the argument of `_Unwind_Backtrace` below: a `bool` that nothing
            // else uses during the walk.
            unsafe { *found.cast::<bool>() = true };
        }
        0 // go on
    }
    let mut found = false;
    // SAFETY: `found` outlives the walk, which ends before this returns, and `visit` does not
    // unwind.
    unsafe { _Unwind_Backtrace(visit, (&raw mut found).cast()) };
    found
}
