//! Guards below stacks of `generator`'s.
//!
//! `generator` protects one page below each stack with `mprotect`. gocoro opens it again and makes
//! its own guard there, which is wider, and takes no mappings where pages can be marked. Before the
//! stack is freed, all of that is undone.

use std::ffi::c_void;
use std::io::{self, Write};
use std::ops::Range;

use super::layout;
use crate::stack::guard::{self, Kind, guard_bytes, page_bytes};
use crate::stack::{SizeClass, admission};

const MADV_GUARD_REMOVE: libc::c_int = 103;

/// Says on stderr that guards are `generator`'s alone, and why.
pub(super) fn say_whose(why: &str) {
    // `eprintln!` would panic when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gocoro: this `generator`'s stacks are not laid out as gocoro knows them ({why}); each keeps the \
         one page of guard that `generator` gave it, so far fewer stacks can be had",
    );
}

/// How many bytes to ask `generator` for, which adds one page of its own for its guard.
pub(super) fn bytes_with_guard(class: SizeClass) -> usize {
    class.bytes() + guard_bytes(class) - page_bytes()
}

/// Makes a guard at this place, whose mappings are not counted. The answer says of which kind.
pub(super) fn put(guard: &Range<usize>) -> io::Result<Kind> {
    if guard::can_be_marked() && guard::open_first(guard) && guard::mark(guard) {
        return Ok(Kind::Marked);
    }
    guard::protect(guard).map(|()| Kind::Protected)
}

/// Opens the pages of a guard that [`put`] or [`guard::install`] has made.
pub(super) fn take_away(guard: &Range<usize>, kind: Kind) -> io::Result<()> {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    if kind == Kind::Marked {
        // SAFETY: the guard's pages are the lowest of the stack's own mapping, and the stack does
        // not run.
        unsafe { libc::madvise(first, guard.len(), MADV_GUARD_REMOVE) };
    }
    // SAFETY: the guard's pages are the lowest of the stack's own mapping, and the stack does not
    // run.
    match unsafe { libc::mprotect(first, guard.len(), libc::PROT_READ | libc::PROT_WRITE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes a stack's guard away, and leaves the memory as `generator` expects it when it frees a
/// stack.
pub(super) fn remove(guard: &Range<usize>) {
    let (kind, mappings) = guard::forget(guard);
    if kind != Kind::Engines {
        if let Err(error) = take_away(guard, kind) {
            let _ = writeln!(io::stderr(), "gocoro: a stack's guard cannot be taken away: {error}");
            std::process::abort();
        }
        layout::restore(guard);
    }
    admission::give_back(mappings);
}
