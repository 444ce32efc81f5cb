//! Guards: the pages below a stack that keep an overflow from writing into other memory.
//!
//! A guard by `mprotect` splits the mapping, so each stack takes two, and a process has no more
//! stacks than half of `vm.max_map_count`. On Linux 6.13 and later, pages can be marked instead
//! (`MADV_GUARD_INSTALL`): the mapping stays one with its neighbours, and a million stacks are a
//! handful of mappings. Elsewhere, and where marking fails (memory locked by `mlockall`), guards
//! are protected and their mappings counted, and stacks are refused before the kernel's limit is
//! reached. Where the engine does not let gocoro make guards, its own stay, and their mappings are
//! counted. No stack is ever without a guard.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::io;
use std::ops::Range;
#[cfg(all(feature = "corosensei", target_os = "linux"))]
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::admission::{self, Admission, MAPPINGS_EACH};
use super::{SizeClass, engine};
use crate::limits::{GUARD_PAGES_MAX, GUARD_PAGES_MIN, STACK_TO_GUARD};

const MADV_GUARD_INSTALL: libc::c_int = 102;

/// How a guard is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// By marking pages, which takes no mapping of its own.
    Marked,
    /// By `mprotect`, with which each stack takes two mappings.
    Protected,
    /// By the engine alone, which is never so with corosensei. Each stack takes two mappings.
    #[cfg_attr(feature = "corosensei", expect(dead_code, reason = "see above"))]
    Engines,
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
        // Where `generator` permits no better, its guards are protected.
        let is_forced = forced("protected") || (engine::is_layout_known() && forced("generator"));
        System { marks: !is_forced && can_mark(page_bytes), page_bytes }
    })
}

/// Whether the environment asks for this kind of guards. Tests use that.
pub(super) fn forced(guards: &str) -> bool {
    std::env::var_os("GOCORO_GUARDS").is_some_and(|forced| forced == guards)
}

/// How guards are usually made on this system. Settled once the engine is prepared.
#[inline]
pub(crate) fn kind() -> Kind {
    match engine::is_layout_known() {
        #[cfg(not(feature = "corosensei"))]
        false => Kind::Engines,
        _ if system().marks => Kind::Marked,
        _ => Kind::Protected,
    }
}

/// Whether this system can mark pages.
#[cfg(not(feature = "corosensei"))]
pub(super) fn can_be_marked() -> bool {
    system().marks
}

pub(crate) fn page_bytes() -> usize {
    system().page_bytes
}

/// Bytes of the guard below a stack of this class: an odd number of pages.
#[inline]
pub(super) fn guard_bytes(class: SizeClass) -> usize {
    let pages = (class.bytes() / STACK_TO_GUARD / page_bytes()) | 1;
    pages.clamp(GUARD_PAGES_MIN, GUARD_PAGES_MAX) * page_bytes()
}

/// Makes the guard of a new stack, and spends the stack's admission. `is_open`: none of its pages
/// is protected yet.
pub(super) fn install(
    guard: &Range<usize>,
    is_open: bool,
    mut admission: Admission,
) -> io::Result<()> {
    let kind = kind();
    match kind {
        Kind::Engines => {}
        Kind::Marked if (is_open || open_first(guard)) && mark(guard) => {}
        Kind::Marked | Kind::Protected => {
            if kind == Kind::Marked {
                admission.take(MAPPINGS_EACH)?;
            }
            protect(guard)?;
            if !is_one_mapping(guard) {
                admission.take(1)?;
            }
        }
    }
    remember(guard, admission.spend());
    Ok(())
}

/// Remembers how many mappings a guard takes.
pub(super) fn remember(guard: &Range<usize>, mappings: usize) {
    let usual = if kind() == Kind::Marked { 0 } else { MAPPINGS_EACH };
    if mappings != usual {
        exceptions().insert(guard.start, mappings);
    }
}

/// Forgets a guard that [`install`] has made, before it is gone. The answer says of which kind it
/// is, and how many mappings it takes, which are to be [given back](admission::give_back) once it
/// is gone.
pub(super) fn forget(guard: &Range<usize>) -> (Kind, usize) {
    let exception = match admission::any_mappings() {
        true => exceptions().remove(&guard.start),
        false => None,
    };
    match (kind(), exception) {
        (Kind::Marked, None) => (Kind::Marked, 0),
        (Kind::Marked | Kind::Protected, Some(mappings)) => (Kind::Protected, mappings),
        (kind, _) => (kind, MAPPINGS_EACH),
    }
}

/// Opens the first page of a guard, which the engine has protected. `false`: that cannot be done.
pub(super) fn open_first(guard: &Range<usize>) -> bool {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // SAFETY: `first` is the lowest page of the stack's own memory, and nobody uses it, for it was
    // protected.
    unsafe { libc::mprotect(first, page_bytes(), libc::PROT_READ | libc::PROT_WRITE) == 0 }
}

/// Marks the pages of a guard, which are open. `false`: that cannot be done.
pub(super) fn mark(guard: &Range<usize>) -> bool {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // SAFETY: the guard's pages are the lowest of the stack's own memory. Marking wipes out nothing
    // that is needed: the engine restores what it left there.
    unsafe { libc::madvise(first, guard.len(), MADV_GUARD_INSTALL) == 0 }
}

/// Marks guards of `bytes` bytes each, which begin at these addresses, where one call can do that,
/// as on Linux 6.15 and later. The answer is how many are marked, of the first ones.
#[cfg(all(feature = "corosensei", target_os = "linux"))]
pub(super) fn mark_together(guards: &[usize], bytes: usize) -> usize {
    /// The process itself, where a call wants the descriptor of one.
    const PIDFD_SELF: libc::c_int = -10_000;
    static REFUSED: AtomicBool = AtomicBool::new(false);
    if REFUSED.load(Ordering::Relaxed) {
        return 0;
    }
    let part = |&start: &usize| libc::iovec {
        iov_base: std::ptr::without_provenance_mut(start),
        iov_len: bytes,
    };
    let parts: Vec<libc::iovec> = guards.iter().map(part).collect();
    let (call, count) = (libc::SYS_process_madvise, parts.len());
    // SAFETY: the guards are memory of the caller's that nobody uses, so marking wipes out nothing
    // that is needed. `parts` has `count` parts.
    let marked =
        unsafe { libc::syscall(call, PIDFD_SELF, parts.as_ptr(), count, MADV_GUARD_INSTALL, 0) };
    // A call that is unknown or forbidden stays so; a lack of memory passes. For a guard that was
    // not marked here, the caller asks the kernel once more, which says why.
    let passes = [libc::ENOMEM, libc::EINTR, libc::EAGAIN];
    let refusal = (marked < 0).then(|| io::Error::last_os_error().raw_os_error()).flatten();
    if refusal.is_some_and(|errno| !passes.contains(&errno)) {
        REFUSED.store(true, Ordering::Relaxed);
    }
    usize::try_from(marked).unwrap_or(0) / bytes
}

/// Elsewhere each guard takes a call.
#[cfg(all(feature = "corosensei", not(target_os = "linux")))]
pub(super) fn mark_together(_guards: &[usize], _bytes: usize) -> usize {
    0
}

/// Protects the pages of a guard.
pub(super) fn protect(guard: &Range<usize>) -> io::Result<()> {
    let first = std::ptr::without_provenance_mut::<c_void>(guard.start);
    // All pages are opened first, or one that the engine has protected would stay a third mapping.
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
#[cfg(any(not(feature = "corosensei"), all(test, not(loom))))]
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
    map_with(bytes, 0)
}

/// Maps new memory, which can be read and written, with these flags too.
pub(super) fn map_with(bytes: usize, flags: libc::c_int) -> io::Result<*mut c_void> {
    // SAFETY: a new private mapping, at an address of the kernel's choice, touches no memory in
    // use.
    let first = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags,
            -1,
            0,
        )
    };
    if first == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(first) }
}

/// Memory for an alternate signal stack of so many bytes, above a page that nobody may touch.
pub(super) fn map_alt_stack(bytes: usize) -> io::Result<usize> {
    let first = map(page_bytes() + bytes)?.addr();
    let made = protect(&(first..first + page_bytes()));
    made.inspect_err(|_| unmap_alt_stack(first, bytes)).map(|()| first)
}

/// Gives back the memory of an alternate signal stack that is not in use any more.
pub(super) fn unmap_alt_stack(first: usize, bytes: usize) {
    // SAFETY: `map_alt_stack` has made the mapping, which nobody uses any more.
    unsafe { libc::munmap(std::ptr::without_provenance_mut(first), page_bytes() + bytes) };
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
    fn guards_grow_with_their_stacks() {
        let pages =
            |kib: usize| guard_bytes(SizeClass::holding(kib * 1024).unwrap()) / page_bytes();
        if page_bytes() == 4096 {
            assert_eq!([32, 64, 128, 256, 512, 1024].map(pages), [5, 5, 5, 9, 17, 17]);
        }
        assert_eq!(pages(1 << 20), GUARD_PAGES_MAX);
        assert!((5..26).all(|power| pages(1 << power) % 2 == 1));
    }

    #[test]
    fn a_guard_of_two_mappings_is_noticed() {
        let class = SizeClass::holding(1 << 20).unwrap();
        let (page, guarded) = (page_bytes(), guard_bytes(class));
        let pages = guarded / page + 1;
        let whole = touched(pages);
        let guard = whole.addr()..whole.addr() + guarded;
        protect(&guard).unwrap();
        assert!(is_one_mapping(&guard));
        let (first, open) = (whole, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: the pages were mapped by this test, and nobody uses them.
        assert_eq!(unsafe { libc::mprotect(first, guard.len(), open) }, 0);
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
