//! Where panics abort: a worker that is given up with tasks that have started, which nothing can
//! unwind.
//!
//! Those tasks may have borrowed from each other's stacks, and may have lent a thread-local of
//! their thread to another thread. So the worker and its stacks are leaked, and the thread goes on,
//! but never gets to the end where its thread-locals are destroyed: there it waits for ever.

use std::ffi::{c_int, c_void};
use std::io::Write;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use super::Worker;
use crate::current;
use crate::parker::Parker;

/// The threads that will stay.
static STAYING: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

/// Leaks a worker with its tasks. This thread goes on, and stays when it is to end.
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

/// Whether that thread has left tasks, so that it is not to be waited for.
pub(super) fn will_stay(thread: ThreadId) -> bool {
    STAYING.lock().unwrap_or_else(PoisonError::into_inner).contains(&thread)
}

/// At a thread's end: waits for ever, unless it is the process that ends.
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
    // The unwinder's, which std's own backtraces rest on.
    fn _Unwind_Backtrace(
        visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        argument: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_FindEnclosingFunction(code: *mut c_void) -> *mut c_void;
}

/// Whether this runs below `exit`, which destroys the thread-locals of the thread that called it,
/// and to which the end of `main` leads too.
fn is_exiting() -> bool {
    extern "C" fn visit(frame: *mut c_void, found: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes a frame that is valid during this call. The second function
        // only looks the address up. A return address may be the next function's first, so that
        // before it is taken.
        let function = unsafe {
            let inside = _Unwind_GetIP(frame).wrapping_sub(1);
            _Unwind_FindEnclosingFunction(std::ptr::without_provenance_mut(inside))
        };
        if function.addr() == libc::exit as *const () as usize {
            // SAFETY: the argument given below, a `bool` that nothing else uses during the walk.
            unsafe { *found.cast::<bool>() = true };
        }
        0 // go on
    }
    let mut found = false;
    // SAFETY: the walk ends before this returns, and `visit` does not unwind.
    unsafe { _Unwind_Backtrace(visit, (&raw mut found).cast()) };
    found
}
