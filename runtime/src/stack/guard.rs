//! Guards: the pages below a stack that keep an overflow from writing into other memory.
//!
//! `generator` protects one page below each stack with `mprotect`. That splits the mapping, so each
//! stack takes two, and a process has no more stacks than half of `vm.max_map_count`. On Linux 6.13
//! and later, pages can be marked instead (`MADV_GUARD_INSTALL`): the protection is undone, the
//! mapping merges with its neighbours, and a million stacks are a handful of mappings. Elsewhere,
//! and where marking fails (memory locked by `mlockall`), the guard by `mprotect` is widened and
//! its mappings are counted, and stacks are refused before the kernel's limit is reached. Where
//! `layout` does not know how `generator` lays stacks out, its own page stays, and its mappings are
//! counted. No stack is ever without a guard.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::admission::{self, Admission, MAPPINGS_EACH};
use super::{SizeClass, Stack, layout};
use crate::limits::GUARD_PAGES;

const MADV_GUARD_INSTALL: libc::c_int = 102;
const MADV_GUARD_REMOVE: libc::c_int = 103;

/// How a guard is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// By marking pages, which takes no mapping of its own.
    Marked,
    /// By `mprotect`, with which each stack takes two mappings.
    Protected,
    /// By `generator` alone, which protects one page. Each stack takes two mappings.
    Generators,
}

#[derive(Debug)]
struct System {
    /// Whether pages can be marked.
    marks: bool,
    page_bytes: usize,
}

/// The guards, by address, whose stacks take other than the usual number of mappings, and that
/// number: guards that had to be protected where guards are usually marked, and guards whose stacks
/// take three mappings.
static EXCEPTIONS: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

fn exceptions() -> MutexGuard<'static, BTreeMap<usize, usize>> {
    EXCEPTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this system can do, found out once.
fn system() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        System { marks: !forced("protected") && can_mark(page_bytes), page_bytes }
    })
}

/// Whether the environment asks for this kind of guards. Tests use that.
pub(super) fn forced(guards: &str) -> bool {
    std::env::var_os("GOCORO_GUARDS").is_some_and(|forced| forced == guards)
}

/// How guards are usually made on this system. Settled once `layout` has looked.
#[inline]
pub(crate) fn kind() -> Kind {
    match layout::is_known() {
        false => Kind::Generators,
        true if system().marks => Kind::Marked,
        true => Kind::Protected,
    }
}

/// Says on stderr that guards are `generator`'s alone, and why.
pub(super) fn say_whose(why: &str) {
    // `eprintln!` would panic when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gocoro: this `generator`'s stacks are not laid out as gocoro knows them ({why}); each keeps the \
         one page of guard that `generator` gave it, so far fewer stacks can be had",
    );
}

pub(crate) fn page_bytes() -> usize {
    system().page_bytes
}

pub(super) fn guard_bytes() -> usize {
    GUARD_PAGES * page_bytes()
}

/// How many bytes to ask `generator` for, which adds one page of its own for its guard.
pub(super) fn bytes_with_guard(class: SizeClass) -> usize {
    class.bytes() + guard_bytes() - page_bytes()
}

/// Puts the guard below a new stack, and spends the stack's admission.
pub(super) fn install(stack: &Stack, class: SizeClass, mut admission: Admission) -> io::Result<()> {
    let kind = kind();
    let guard = stack.guard(class);
    match kind {
        Kind::Generators => {}
        Kind::Marked if mark(&guard) => {}
        Kind::Marked | Kind::Protected => {
            if kind == Kind::Marked {
                admission.take(MAPPINGS_EACH)?;
            }
            protect(&guard)?;
            if !is_one_mapping(&guard) {
                admission.take(1)?;
            }
        }
    }
    let usual = if kind == Kind::Marked { 0 } else { MAPPINGS_EACH };
    let mappings = admission.spend();
    if mappings != usual {
        exceptions().insert(guard.start, mappings);
    }
    Ok(())
}

/// Makes a guard at this place, whose mappings are not counted. The answer says of which kind.
pub(super) fn put(guard: &Range<usize>) -> io::Result<Kind> {
    if system().marks && mark(guard) {
        return Ok(Kind::Marked);
    }
    protect(guard).map(|()| Kind::Protected)
}

/// Marks the pages of a guard. `false`: that cannot be done.
fn mark(guard: &Range<usize>) -> bool {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // SAFETY: `first` is the lowest page of the stack's own mapping. Nobody uses it, for
    // `generator` protected it as its guard.
    let opened =
        unsafe { libc::mprotect(first, page_bytes(), libc::PROT_READ | libc::PROT_WRITE) } == 0;
    // SAFETY: the guard's pages are the lowest of the stack's own mapping. Marking wipes out
    // nothing but the words that `layout` restores.
    opened && unsafe { libc::madvise(first, guard.len(), MADV_GUARD_INSTALL) } == 0
}

/// Protects the pages of a guard.
fn protect(guard: &Range<usize>) -> io::Result<()> {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // All pages are opened first, or `generator`'s own page of guard would stay a third mapping.
    for protection in [libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE] {
        // SAFETY: the guard's pages are the lowest of the stack's own mapping, and nobody uses them
        // until the guard is taken away.
        if unsafe { libc::mprotect(first, guard.len(), protection) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether a protected guard is a single mapping. `protect` opens its pages first. If the mapping
/// below the stack is open as well, the guard's first page may have become part of that mapping,
/// and then the guard is two.
fn is_one_mapping(guard: &Range<usize>) -> bool {
    #[cfg(target_os = "linux")]
    {
        let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
        // The kernel first checks whether the range is one mapping, and answers EFAULT if it is
        // not.
        // SAFETY: the call changes nothing. The guard cannot grow in its place, for the stack
        // follows it, and may not move.
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

/// Opens the pages of a guard that [`put`] or [`install`] has made.
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
pub(super) fn remove(stack: &Stack, class: SizeClass) {
    let guard = stack.guard(class);
    let exception = match admission::any_mappings() {
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
    admission::give_back(mappings);
}

/// Gives unused pages of a stack back to the kernel. They read as zeroes when they are touched
/// again.
pub(super) fn discard(start: usize, bytes: usize) {
    if bytes == 0 {
        return;
    }
    let first = std::ptr::without_provenance_mut::<c_void>(start);
    // SAFETY: the pages belong to a stack that the caller owns, and nothing in them is used. A
    // failure leaves them as they are.
    unsafe { libc::madvise(first, bytes, libc::MADV_DONTNEED) };
}

/// How many bytes at the upper end of a stack's memory have been in use since the kernel got them
/// back last: down to the lowest page that is in memory. `None`: the kernel does not say.
///
/// Frames fill a stack from above without gaps, for compilers touch each page of a large one. So
/// this looks down from the top, a part at a time, and a part without a page in memory is the end:
/// what the look costs depends on what is in use, and not on the size of the stack.
pub(super) fn touched(stack: &Range<usize>) -> Option<usize> {
    const PART: usize = 512;
    let mut resident = [0_u8; PART];
    let mut lowest = stack.end;
    while lowest > stack.start {
        let end = lowest;
        let bytes = (end - stack.start).min(PART * page_bytes());
        let start = end - bytes;
        let first = std::ptr::without_provenance_mut::<c_void>(start);
        // SAFETY: the call looks at the pages and changes none. It fails where nothing is mapped.
        // `resident` has a byte for each page of a part.
        if unsafe { libc::mincore(first, bytes, resident.as_mut_ptr().cast()) } != 0 {
            return None;
        }
        let pages = &resident[..bytes / page_bytes()];
        match pages.iter().position(|&page| page & 1 != 0) {
            Some(page) => lowest = start + page * page_bytes(),
            None => break,
        }
    }
    Some(stack.end - lowest)
}

/// Whether the byte at this address can be read. The kernel is asked, by a `write` of the byte into
/// a pipe, for it returns an error where a read here would fault.
pub(super) fn is_readable(address: usize) -> bool {
    let mut ends = [-1; 2];
    // SAFETY: `ends` is a place for two descriptors.
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

/// Whether this kernel can mark pages as guards.
fn can_mark(page_bytes: usize) -> bool {
    let Ok(first) = map(page_bytes) else {
        return false;
    };
    // SAFETY: `first` is a page that was mapped just above, and nobody uses it.
    let marked = unsafe { libc::madvise(first, page_bytes, MADV_GUARD_INSTALL) } == 0;
    // SAFETY: `first` is the page that was mapped above, and it is not used after this.
    unsafe { libc::munmap(first, page_bytes) };
    marked
}

/// Maps new memory, which can be read and written.
pub(super) fn map(bytes: usize) -> io::Result<*mut c_void> {
    // SAFETY: a new private mapping, at an address of the kernel's choice, touches no memory in
    // use.
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

/// The number that this file contains.
pub(super) fn read_number(path: &str) -> Option<usize> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Maps whole pages and writes to the last page, so that they do not merge with another
    /// mapping.
    fn touched(pages: usize) -> *mut c_void {
        let first = map(pages * page_bytes()).unwrap();
        let last = first.wrapping_byte_add((pages - 1) * page_bytes()).cast::<u8>();
        // SAFETY: `last` points into the memory that was mapped just above.
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
        // A page from elsewhere takes the place of the guard's first one. The two mappings never
        // merge.
        let other = touched(1);
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        // SAFETY: both pages were mapped by this test, and nobody uses them.
        let moved = unsafe { libc::mremap(other, page, page, flags, whole) };
        assert_eq!(moved, whole);
        protect(&guard).unwrap();
        assert!(!is_one_mapping(&guard));
        // SAFETY: the pages were mapped by this test, and are not used after this.
        unsafe { libc::munmap(whole, pages * page) };
    }
}
