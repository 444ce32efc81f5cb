//! Tells AddressSanitizer of switches, in builds with `--cfg gocoro_asan`.
//!
//! Without being told, AddressSanitizer takes a coroutine's frames for the thread's own. Then an
//! unwind leaves its marks on the frames that are gone, and memory to which only suspended stacks
//! refer counts as leaked.

use std::cell::Cell;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr;

unsafe extern "C" {
    fn __sanitizer_start_switch_fiber(fake: *mut *mut c_void, bottom: *const c_void, bytes: usize);
    fn __sanitizer_finish_switch_fiber(
        fake: *mut c_void,
        old_bottom: *mut *const c_void,
        old_bytes: *mut usize,
    );
    fn __asan_unpoison_memory_region(start: *const c_void, bytes: usize);
    fn __lsan_register_root_region(start: *const c_void, bytes: usize);
    fn __lsan_unregister_root_region(start: *const c_void, bytes: usize);
}

thread_local! {
    /// First address and size of the stack that resumed the running coroutine.
    static RESUMER: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// The bounds of the stack that resumed the running coroutine.
pub(super) fn resumer() -> (usize, usize) {
    RESUMER.get()
}

/// Sets the bounds of the stack that the running coroutine is about to go back to, and returns
/// those before.
pub(super) fn put_resumer(resumer: (usize, usize)) -> (usize, usize) {
    RESUMER.replace(resumer)
}

/// Tells that a stack was mapped: memory to which it refers is in use.
pub(super) fn mapped(stack: Range<usize>) {
    // SAFETY: the stack's memory stays mapped until `unmapped` is called for it.
    unsafe { __lsan_register_root_region(ptr::without_provenance(stack.start), stack.len()) };
}

/// Tells that a stack's coroutine has ended: its memory is about to be unmapped, or to become
/// another stack. Marks are left of the frames that the coroutine did not return from.
pub(super) fn unmapped(stack: Range<usize>) {
    let start = ptr::without_provenance(stack.start);
    // SAFETY: `mapped` was called for this stack, with the same bounds, and nothing uses it now.
    unsafe {
        __lsan_unregister_root_region(start, stack.len());
        __asan_unpoison_memory_region(start, stack.len());
    }
}

/// Wraps `switch`, which resumes the coroutine on `stack`.
pub(super) fn resume(stack: Range<usize>, switch: impl FnOnce()) {
    let outer = RESUMER.get();
    let mut fake = ptr::null_mut();
    let bottom = ptr::without_provenance(stack.start);
    // SAFETY: `stack` has the bounds of the stack that runs next, and the switch follows at once.
    unsafe { __sanitizer_start_switch_fiber(&mut fake, bottom, stack.len()) };
    switch();
    // SAFETY: this stack goes on, and `fake` is what `start` gave when it was left.
    unsafe { __sanitizer_finish_switch_fiber(fake, ptr::null_mut(), ptr::null_mut()) };
    RESUMER.set(outer);
}

/// Wraps `switch`, which suspends the running coroutine. `None`: a coroutine was entered for the
/// first time, so it returns from no switch.
pub(super) fn suspend(switch: Option<impl FnOnce()>) {
    let mut fake = ptr::null_mut();
    if let Some(switch) = switch {
        let (bottom, bytes) = RESUMER.get();
        let bottom = ptr::without_provenance(bottom);
        // SAFETY: the bounds are those of the resumer's stack, as the sanitizer gave them.
        unsafe { __sanitizer_start_switch_fiber(&mut fake, bottom, bytes) };
        switch();
    }
    let (mut bottom, mut bytes) = (ptr::null(), 0);
    // SAFETY: this stack goes on, and `fake` is what `start` gave when it was left, or null at its
    // first entry.
    unsafe { __sanitizer_finish_switch_fiber(fake, &mut bottom, &mut bytes) };
    RESUMER.set((bottom.addr(), bytes));
}

/// Tells that the code which goes on runs on `stack`, and not on the stack that was resumed: a task
/// that had suspended as a whole goes on in its innermost coroutine.
pub(super) fn goes_on(stack: Range<usize>) {
    let mut fake = ptr::null_mut();
    let bottom = ptr::without_provenance(stack.start);
    // SAFETY: `stack` has the bounds of the stack that runs, and `fake` is used at once.
    unsafe {
        __sanitizer_start_switch_fiber(&mut fake, bottom, stack.len());
        __sanitizer_finish_switch_fiber(fake, ptr::null_mut(), ptr::null_mut());
    }
}

/// Tells that the running coroutine is about to return to its resumer for good.
pub(super) fn end() {
    let (bottom, bytes) = RESUMER.get();
    // SAFETY: the bounds are those of the resumer's stack. The null pointer says that this stack is
    // left for good.
    unsafe {
        __sanitizer_start_switch_fiber(ptr::null_mut(), ptr::without_provenance(bottom), bytes);
    }
}
