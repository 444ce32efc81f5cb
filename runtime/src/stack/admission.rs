//! What the system lets stacks have: mappings, and memory.
//!
//! Guards that are mappings of their own are counted. So stacks are refused with a reason before
//! the kernel's limit of mappings is reached, which would take the rest of the program by surprise.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::guard::{self, Kind};
use crate::limits::{ADDRESSES_RESERVED_MAX, ADDRESSES_RESERVED_PART, MAPPINGS_RESERVED};

/// How many mappings a stack takes at least if its guard is a mapping: one for the guard, and one
/// for the rest of the stack.
pub(super) const MAPPINGS_EACH: usize = 2;

/// Bytes that a question asks for beyond a stack at least, for what other threads may map before
/// the stack is made.
const PROBE_MARGIN: usize = 1024 * 1024;

/// How many mappings the stacks take whose guards are mappings.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
pub(super) struct Limits {
    /// How many mappings the stacks may take whose guards are mappings.
    mappings: usize,
    /// Whether the kernel refuses mappings that exceed the memory that there is
    /// (`vm.overcommit_memory`).
    pub(super) strict: bool,
}

/// The system's limits, which are read once.
pub(super) fn limits() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| Limits {
        mappings: guard::read_number("/proc/sys/vm/max_map_count")
            .unwrap_or(65_530)
            .saturating_sub(MAPPINGS_RESERVED),
        strict: guard::read_number("/proc/sys/vm/overcommit_memory").is_none_or(|mode| mode == 2),
    })
}

/// RLIMIT_AS, if the process has such a limit.
pub(super) fn address_space() -> Option<usize> {
    // SAFETY: `place` is a valid place for the answer.
    limit_of(|place| unsafe { libc::getrlimit(libc::RLIMIT_AS, place) })
        .and_then(|limit| bounded(limit.rlim_cur))
}

/// Bytes that a question asks for beyond a stack, and that stay for the rest of the program.
fn margin() -> usize {
    let reserved = |max| ADDRESSES_RESERVED_MAX.min(max / ADDRESSES_RESERVED_PART);
    address_space().map_or(0, reserved).max(PROBE_MARGIN)
}

/// The right to make one more stack. The mappings that were taken for it are given back when it is
/// dropped, unless it was spent.
#[derive(Debug)]
pub(super) struct Admission {
    mappings: usize,
}

impl Admission {
    /// The right to make one more stack, with the mappings that each stack's guard takes here.
    pub(super) fn new() -> io::Result<Admission> {
        let mut admission = Admission { mappings: 0 };
        if guard::kind() != Kind::Marked {
            admission.take(MAPPINGS_EACH)?;
        }
        Ok(admission)
    }

    /// Takes `mappings` more mappings for the stack. An error if there are not as many left.
    pub(super) fn take(&mut self, mappings: usize) -> io::Result<()> {
        let max = limits().mappings;
        if MAPPINGS.fetch_add(mappings, Ordering::Relaxed) + mappings > max {
            give_back(mappings);
            let why = format!(
                "the guards of stacks have taken the {max} mappings that vm.max_map_count leaves them; \
                 raise it"
            );
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, why));
        }
        self.mappings += mappings;
        Ok(())
    }

    /// Spends the right, for the stack was made. Returns how many mappings the stack keeps.
    pub(super) fn spend(mut self) -> usize {
        std::mem::take(&mut self.mappings)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        give_back(self.mappings);
    }
}

/// Gives the mappings of a stack that is gone back.
pub(super) fn give_back(mappings: usize) {
    MAPPINGS.fetch_sub(mappings, Ordering::Relaxed);
}

/// Whether any stack's guard takes mappings now.
pub(super) fn any_mappings() -> bool {
    MAPPINGS.load(Ordering::Relaxed) > 0
}

/// Asks whether a stack of so many bytes can be mapped, and [`margin`] bytes remain: maps as much
/// memory, protects a page of it, and unmaps it again.
pub(super) fn probe(bytes: usize) -> io::Result<()> {
    let bytes = bytes.saturating_add(margin());
    let first = guard::map(bytes)?;
    let inner = first.wrapping_byte_add(guard::page_bytes());
    // A protected page with open pages on both sides makes as many mappings as a stack takes at
    // most.
    // SAFETY: `inner` is a page of the memory that was mapped just above, which nobody uses.
    let protected = match unsafe { libc::mprotect(inner, guard::page_bytes(), libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: this range was mapped just above, and nobody uses it.
    unsafe { libc::munmap(first, bytes) };
    protected
}

/// What to say of memory that the kernel has refused.
pub(super) fn refusal(error: &io::Error) -> io::Error {
    let why = match address_space() {
        Some(max) => {
            let left = margin();
            format!(
                "{error}, where RLIMIT_AS (`ulimit -v`) allows {max} bytes in all, of which {left} are \
                 left to the rest of the program"
            )
        }
        None => format!("{error}, see vm.overcommit_memory and vm.max_map_count"),
    };
    io::Error::new(io::ErrorKind::OutOfMemory, why)
}

/// The limit that `ask` writes to the place it is given, if it returns zero, for success.
pub(super) fn limit_of(ask: impl FnOnce(&mut libc::rlimit) -> libc::c_int) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    (ask(&mut limit) == 0).then_some(limit)
}

/// The value of a limit, if it is one.
pub(super) fn bounded(limit: libc::rlim_t) -> Option<usize> {
    (limit != libc::RLIM_INFINITY).then(|| usize::try_from(limit).unwrap_or(usize::MAX))
}
