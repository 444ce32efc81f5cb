//! Guards: what keeps an overflow from writing into other memory.
//!
//! `generator` protects one page below each stack with `mprotect`, which splits the mapping: two
//! for each stack, so that a process ends at half of `vm.max_map_count`. On Linux 6.13 and later
//! the pages themselves can be marked instead (`MADV_GUARD_INSTALL`): the protection is turned
//! back, the mapping merges with its neighbours, and a million stacks are a handful of mappings.
//! Elsewhere, and when marking fails (memory locked by `mlockall`), the `mprotect` guard is widened
//! and counted, and stacks are refused before the kernel's limit is reached. Where `layout` does not
//! know how `generator` lays stacks out, its own page stays, and is counted. None is ever without.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{SizeClass, Stack, layout};
use crate::limits::{GUARD_PAGES, MAPPINGS_RESERVED};

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
    /// Stacks with `mprotect` guards that fit under the kernel's limit of mappings.
    protected_max: usize,
    /// Whether the kernel may refuse memory at the time of mapping.
    refuses: bool,
}

static SYSTEM: OnceLock<System> = OnceLock::new();
static PROTECTED: AtomicUsize = AtomicUsize::new(0);

/// Where guards could be marked but this one could not be: the guards that are protected all the same.
static EXCEPTIONS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn exceptions() -> MutexGuard<'static, BTreeSet<usize>> {
    EXCEPTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system() -> &'static System {
    SYSTEM.get_or_init(|| {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let mappings = read_number("/proc/sys/vm/max_map_count").unwrap_or(65_530);
        let overcommit = read_number("/proc/sys/vm/overcommit_memory").unwrap_or(0);
        System {
            marks: !forced("protected") && can_mark(page_bytes),
            page_bytes,
            protected_max: mappings.saturating_sub(MAPPINGS_RESERVED) / 2,
            refuses: overcommit == 2 || address_space_is_limited(),
        }
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
        "gocoro: this generator's stacks are not laid out as gocoro knows it ({why}); each keeps the one \
         page of guard that generator gave it, and far fewer can be had",
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

/// The right to make one more stack; given back when it is dropped unused.
#[derive(Debug)]
pub(super) struct Budget {
    counted: bool,
    /// Where memory may be refused: no other stack is made between the question and the answer.
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Drop for Budget {
    fn drop(&mut self) {
        if self.counted {
            PROTECTED.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Asks whether one more stack can be had, without the panic that `generator` would answer with.
pub(super) fn admit(class: SizeClass) -> io::Result<Budget> {
    let system = system();
    let mut alone = None;
    if system.refuses {
        static MAKING: Mutex<()> = Mutex::new(());
        alone = Some(MAKING.lock().unwrap_or_else(PoisonError::into_inner));
        probe(bytes_with_guard(class) + system.page_bytes + PROBE_MARGIN)?;
    }
    let counted = kind() != Kind::Marked;
    if counted {
        count_protected()?;
    }
    Ok(Budget { counted, _alone: alone })
}

/// Room for what other threads may allocate between the question and the answer.
const PROBE_MARGIN: usize = 1024 * 1024;

fn count_protected() -> io::Result<()> {
    let max = system().protected_max;
    if PROTECTED.fetch_add(1, Ordering::Relaxed) < max {
        return Ok(());
    }
    PROTECTED.fetch_sub(1, Ordering::Relaxed);
    Err(io::Error::new(
        io::ErrorKind::OutOfMemory,
        format!("{max} stacks with guards are all that vm.max_map_count allows; raise it"),
    ))
}

/// Puts the guard below a new stack.
pub(super) fn install(stack: &Stack, class: SizeClass, mut budget: Budget) -> io::Result<()> {
    let kind = kind();
    if kind != Kind::Generators {
        let guard = stack.guard(class);
        if kind == Kind::Marked {
            if mark(&guard) {
                return Ok(());
            }
            count_protected()?;
            budget.counted = true;
        }
        protect(&guard)?;
        if kind == Kind::Marked {
            exceptions().insert(guard.start);
        }
    }
    budget.counted = false;
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
    let kind = match kind() {
        Kind::Marked
            if PROTECTED.load(Ordering::Relaxed) > 0 && exceptions().remove(&guard.start) =>
        {
            Kind::Protected
        }
        kind => kind,
    };
    if kind != Kind::Generators {
        if let Err(error) = take_away(&guard, kind) {
            let _ = writeln!(io::stderr(), "gocoro: a stack's guard cannot be taken away: {error}");
            std::process::abort();
        }
        layout::restore(&guard);
    }
    if kind != Kind::Marked {
        PROTECTED.fetch_sub(1, Ordering::Relaxed);
    }
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

/// Whether this byte can be read: asked of the kernel, which answers where the processor would fault.
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

fn probe(bytes: usize) -> io::Result<()> {
    let first = map(bytes)?;
    // SAFETY: mapped just above, used by nothing.
    unsafe { libc::munmap(first, bytes) };
    Ok(())
}

fn map(bytes: usize) -> io::Result<*mut c_void> {
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

fn address_space_is_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    known && limit.rlim_cur != libc::RLIM_INFINITY
}

fn read_number(path: &str) -> Option<usize> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
