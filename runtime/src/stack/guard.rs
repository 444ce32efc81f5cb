//! Guards: what keeps an overflow from writing into other memory.
//!
//! `generator` protects one page below each stack with `mprotect`, which splits the mapping: two
//! for each stack, so that a process ends at half of `vm.max_map_count`. On Linux 6.13 and later
//! the pages themselves can be marked instead (`MADV_GUARD_INSTALL`): the protection is turned
//! back, the mapping merges with its neighbours, and a million stacks are a handful of mappings.
//! Elsewhere, and when marking fails (memory locked by `mlockall`), the `mprotect` guard is widened
//! and counted, and stacks are refused before the kernel's limit is reached. Where `layout` does
//! not know how `generator` lays stacks out, its own page stays, and is counted. None is ever
//! without.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::budget::{self, Budget, MAPPINGS_EACH};
use super::{SizeClass, Stack, layout};
use crate::limits::GUARD_PAGES;

const MADV_GUARD_INSTALL: libc::c_int = 102;
const MADV_GUARD_REMOVE: libc::c_int = 103;

/// How guards are made here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Marked pages: no mapping of their own.
    Marked,
    /// `mprotect`: two mappings a stack.
    Protected,
    /// The page that `generator` protects, and nothing of gocoro's: two mappings a stack.
    Generators,
}

#[derive(Debug)]
struct System {
    /// Whether pages can be marked.
    marks: bool,
    page_bytes: usize,
}

/// Guards, by their addresses, that cost other than the rest, and the mappings that each costs:
/// those that are protected where guards can be marked, but these could not be, and those of three
/// mappings.
static EXCEPTIONS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

fn exceptions() -> MutexGuard<'static, BTreeMap<usize, usize>> {
    EXCEPTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        System { marks: !forced("protected") && can_mark(page_bytes), page_bytes }
    })
}

/// Whether the environment asks for these guards, for tests.
pub(super) fn forced(guards: &str) -> bool {
    std::env::var_os("GOCORO_GUARDS").is_some_and(|forced| forced == guards)
}

/// How guards are made on this system, once `layout` has looked.
#[inline]
pub(crate) fn kind() -> Kind {
    match layout::is_known() {
        false => Kind::Generators,
        true if system().marks => Kind::Marked,
        true => Kind::Protected,
    }
}

/// Says once that guards are `generator`'s, and why.
pub(super) fn say_whose(why: &str) {
    // Not `eprintln`, which panics when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gocoro: this `generator`'s stacks are not laid out as gocoro knows them ({why}); each keeps the \
         one page of guard that `generator` gave it, so far fewer stacks can be had",
    );
}

pub(super) fn page_bytes() -> usize {
    system().page_bytes
}

pub(super) fn guard_bytes() -> usize {
    GUARD_PAGES * page_bytes()
}

/// What to ask of `generator`, which adds one page of its own for the guard.
pub(super) fn bytes_with_guard(class: SizeClass) -> usize {
    class.bytes() + guard_bytes() - page_bytes()
}

/// Puts the guard below a new stack.
pub(super) fn install(stack: &Stack, class: SizeClass, mut budget: Budget) -> io::Result<()> {
    let kind = kind();
    let guard = stack.guard(class);
    match kind {
        Kind::Generators => {}
        Kind::Marked if mark(&guard) => {}
        Kind::Marked | Kind::Protected => {
            if kind == Kind::Marked {
                budget.take(MAPPINGS_EACH)?;
            }
            protect(&guard)?;
            if !is_one_mapping(&guard) {
                budget.take(1)?;
            }
        }
    }
    let usual = if kind == Kind::Marked { 0 } else { MAPPINGS_EACH };
    let mappings = budget.spend();
    if mappings != usual {
        exceptions().insert(guard.start, mappings);
    }
    Ok(())
}

/// Puts a guard there, uncounted, and says which.
pub(super) fn put(guard: &Range<usize>) -> io::Result<Kind> {
    if system().marks && mark(guard) {
        return Ok(Kind::Marked);
    }
    protect(guard).map(|()| Kind::Protected)
}

/// Marks the pages of a guard; `false` where that cannot be done.
fn mark(guard: &Range<usize>) -> bool {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // SAFETY: the lowest page of the stack's own mapping, which nothing uses: generator
    // protected it as its guard.
    let opened =
        unsafe { libc::mprotect(first, page_bytes(), libc::PROT_READ | libc::PROT_WRITE) } == 0;
    // SAFETY: the guard's pages are the lowest of this mapping. All that was written there is
    // what `layout` restores.
    opened && unsafe { libc::madvise(first, guard.len(), MADV_GUARD_INSTALL) } == 0
}

fn protect(guard: &Range<usize>) -> io::Result<()> {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // Opened first: generator's own page of guard would stay a mapping of its own, a third one.
    for protection in [libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE] {
        // SAFETY: the guard's pages are the lowest of the stack's own mapping, and nothing uses
        // them until `remove`.
        if unsafe { libc::mprotect(first, guard.len(), protection) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether a protected guard is a single mapping. Its first page was opened together with what lies
/// below the stack, if that is open as well; then it may have become part of that one, and the
/// guard is two.
fn is_one_mapping(guard: &Range<usize>) -> bool {
    #[cfg(target_os = "linux")]
    {
        let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
        // Asks for more than can be had, since the stack follows the guard. That the range is not
        // of one mapping is what the kernel looks at first. SAFETY: it cannot grow in its place,
        // and may not move.
        let grown = unsafe { libc::mremap(first, guard.len(), guard.len() + page_bytes(), 0) };
        let error = io::Error::last_os_error();
        grown == libc::MAP_FAILED && error.raw_os_error() != Some(libc::EFAULT)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = guard;
        false
    }
}

/// Opens the pages of a guard that `put` or `install` made.
pub(super) fn take_away(guard: &Range<usize>, kind: Kind) -> io::Result<()> {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    if kind == Kind::Marked {
        // SAFETY: as in `mark`: the pages are the stack's own, and the stack is idle.
        unsafe { libc::madvise(first, guard.len(), MADV_GUARD_REMOVE) };
    }
    // SAFETY: as above.
    match unsafe { libc::mprotect(first, guard.len(), libc::PROT_READ | libc::PROT_WRITE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the guard away and leaves the memory as `generator` expects it when it frees a stack.
pub(super) fn remove(stack: &Stack, class: SizeClass) {
    let guard = stack.guard(class);
    let exception = match budget::any_mappings() {
        true => exceptions().remove(&guard.start),
        false => None,
    };
    let (kind, mappings) = match (kind(), exception) {
        (Kind::Marked, None) => (Kind::Marked, 0),
        (Kind::Marked | Kind::Protected, Some(mappings)) => (Kind::Protected, mappings),
        (kind, _) => (kind, MAPPINGS_EACH),
    };
    if kind != Kind::Generators {
        if let Err(error) = take_away(&guard, kind) {
            let _ = writeln!(io::stderr(), "gocoro: a stack's guard cannot be taken away: {error}");
            std::process::abort();
        }
        layout::restore(&guard);
    }
    budget::give_back(mappings);
}

/// Gives pages back to the kernel; they read as zeroes when they are touched again.
pub(super) fn discard(start: usize, bytes: usize) {
    if bytes == 0 {
        return;
    }
    let first = std::ptr::without_provenance_mut::<c_void>(start);
    // SAFETY: the caller names unused pages of a stack it owns. A failure leaves them as they are.
    unsafe { libc::madvise(first, bytes, libc::MADV_DONTNEED) };
}

/// Whether this byte can be read: asked of the kernel, which answers where the processor would
/// fault.
pub(super) fn is_readable(address: usize) -> bool {
    let mut ends = [-1; 2];
    // SAFETY: a place for two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: the kernel checks the address itself; both descriptors are this function's own.
    unsafe {
        let written = libc::write(ends[1], std::ptr::without_provenance(address), 1);
        libc::close(ends[0]);
        libc::close(ends[1]);
        written == 1
    }
}

fn can_mark(page_bytes: usize) -> bool {
    let Ok(first) = map(page_bytes) else {
        return false;
    };
    // SAFETY: a page mapped just above, used by nothing else.
    let marked = unsafe { libc::madvise(first, page_bytes, MADV_GUARD_INSTALL) } == 0;
    // SAFETY: the same page, not used after this.
    unsafe { libc::munmap(first, page_bytes) };
    marked
}

/// Maps memory, which can be written.
pub(super) fn map(bytes: usize) -> io::Result<*mut c_void> {
    // SAFETY: a new private mapping at an address of the kernel's choice.
    let first = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if first == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(first) }
}

/// Memory for an alternate signal stack.
pub(super) fn map_alt_stack(bytes: usize) -> io::Result<usize> {
    map(bytes).map(|first| first.addr())
}

pub(super) fn read_number(path: &str) -> Option<usize> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Maps whole pages and writes to the last, so that they do not become one mapping with others.
    fn touched(pages: usize) -> *mut c_void {
        let first = map(pages * page_bytes()).unwrap();
        let last = first.wrapping_byte_add((pages - 1) * page_bytes()).cast::<u8>();
        // SAFETY: mapped just above.
        unsafe { last.write_volatile(1) };
        first
    }

    #[test]
    fn a_guard_of_two_mappings_is_noticed() {
        let (page, pages) = (page_bytes(), GUARD_PAGES + 1);
        let whole = touched(pages);
        let guard = whole.addr()..whole.addr() + guard_bytes();
        protect(&guard).unwrap();
        assert!(is_one_mapping(&guard));
        take_away(&guard, Kind::Protected).unwrap();
        // Another page, from elsewhere, becomes its first: those two never merge.
        let other = touched(1);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: both pages are this test's own.
        let moved = unsafe { libc::mremap(other, page, page, flags, whole) };
        assert_eq!(moved, whole);
        protect(&guard).unwrap();
        assert!(!is_one_mapping(&guard));
        // SAFETY: this test's own, and not used after this.
        unsafe { libc::munmap(whole, pages * page) };
    }
}
