//! Tells AddressSanitizer of switches, in builds with `--cfg gocoro_asan`.
//!
//! Without being told it takes a coroutine's frames for a thread's: an unwind there leaves the
//! marks of the frames that it passed, and what suspended stacks alone refer to counts as leaked.

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
    fn __lsan_register_root_region(start: *const c_void, bytes: usize);
    fn __lsan_unregister_root_region(start: *const c_void, bytes: usize);
}

thread_local! {
    /// The stack that resumed the running coroutine.
    static RESUMER: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// A stack was mapped: what it refers to is in use.
pub(super) fn mapped(stack: Range<usize>) {
    // SAFETY: the memory is mapped until `unmapped`.
    unsafe { __lsan_register_root_region(ptr::without_provenance(stack.start), stack.len()) };
}

/// A stack is about to be unmapped.
pub(super) fn unmapped(stack: Range<usize>) {
    // SAFETY: it was registered, with the same bounds.
    unsafe { __lsan_unregister_root_region(ptr::without_provenance(stack.start), stack.len()) };
}

/// Around a resume of the coroutine on `stack`.
pub(super) fn resume(stack: Range<usize>, switch: impl FnOnce()) {
    let outer = RESUMER.get();
    let mut fake = ptr::null_mut();
    let bottom = ptr::without_provenance(stack.start);
    // SAFETY: `stack` are the bounds of the stack that runs next, and `finish` follows right after.
    unsafe { __sanitizer_start_switch_fiber(&mut fake, bottom, stack.len()) };
    switch();
    // SAFETY: this stack goes on, and `fake` is what it was left with.
    unsafe { __sanitizer_finish_switch_fiber(fake, ptr::null_mut(), ptr::null_mut()) };
    RESUMER.set(outer);
}

/// Around a suspension; with `None` at a coroutine's first entry.
pub(super) fn suspend(switch: Option<impl FnOnce()>) {
    let mut fake = ptr::null_mut();
    if let Some(switch) = switch {
        let (bottom, bytes) = RESUMER.get();
        let bottom = ptr::without_provenance(bottom);
        // SAFETY: the bounds are those that the sanitizer gave for the resumer's stack.
        unsafe { __sanitizer_start_switch_fiber(&mut fake, bottom, bytes) };
        switch();
    }
    let (mut bottom, mut bytes) = (ptr::null(), 0);
    // SAFETY: this stack goes on, and `fake` is what it was left with, null at first.
    unsafe { __sanitizer_finish_switch_fiber(fake, &mut bottom, &mut bytes) };
    RESUMER.set((bottom.addr(), bytes));
}

/// A coroutine returns to its resumer for good.
pub(super) fn end() {
    let (bottom, bytes) = RESUMER.get();
    // SAFETY: the bounds are those of the resumer's stack; null tells that this one is done.
    unsafe {
        __sanitizer_start_switch_fiber(ptr::null_mut(), ptr::without_provenance(bottom), bytes);
    }
}
