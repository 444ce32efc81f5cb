//! Whether one more stack can be had.
//!
//! `generator` answers a refusal of the kernel with a panic: the program's panic hook runs, and
//! where panics abort that is the end. Up to 0.8.11 it also leaves the memory mapped if its guard
//! could not be made. So before each stack, this module asks whether `generator` could make it:
//! whether it fits under RLIMIT_STACK, which `generator` takes for a bound on the size, and whether
//! as much memory can be mapped and a page of it protected. From the question until the stack is
//! made no other stack is made, and the question leaves a margin for what else the process maps
//! meanwhile. One question costs as much as half a stack. So where only the size of memory decides,
//! one question is asked for the next stacks too, and its answer holds for as long as little can
//! have changed.
//!
//! Guards that are mappings of their own are counted. So stacks are refused with a reason before
//! the kernel's limit of mappings is reached, which would take the rest of the program by surprise.

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::SizeClass;
use super::guard::{self, Kind, page_bytes};
use crate::clock;
use crate::limits::MAPPINGS_RESERVED;

/// How many mappings a stack takes at least if its guard is a mapping: one for the guard, and one
/// for the rest of the stack.
pub(super) const MAPPINGS_EACH: usize = 2;

/// Bytes that a question asks for beyond the stack, for what other threads may map before the stack
/// is made.
const PROBE_MARGIN: usize = 1024 * 1024;

/// How many mappings the stacks take whose guards are mappings.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Limits {
    /// How many mappings the stacks may take whose guards are mappings.
    mappings: usize,
    /// How many bytes a stack with its guard may have, if there is a limit.
    stack_bytes: Option<usize>,
    /// Whether the kernel refuses mappings that exceed the memory that there is
    /// (`vm.overcommit_memory`).
    strict: bool,
}

/// For how many stacks one question asks at once.
const ASKED_AT_ONCE: usize = 16;

/// How long the answer for several stacks holds. In a millisecond others can hardly use up the
/// memory that there was.
const ANSWERED_FOR: Duration = Duration::from_millis(1);

/// The stacks that the last question has asked for and that were not made yet.
#[derive(Debug)]
struct Credit {
    stacks: usize,
    /// The most bytes that each of these stacks may have.
    bytes: usize,
    until: Option<Instant>,
}

/// The system's limits, which are read once. `generator` reads them once too, and later.
fn limits() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| Limits {
        mappings: guard::read_number("/proc/sys/vm/max_map_count")
            .unwrap_or(65_530)
            .saturating_sub(MAPPINGS_RESERVED),
        stack_bytes: limit_of(|place| {
            // SAFETY: `place` is a valid place for the answer.
            unsafe { libc::getrlimit(libc::RLIMIT_STACK, place) }
        })
        .and_then(|limit| bounded(limit.rlim_max)),
        strict: guard::read_number("/proc/sys/vm/overcommit_memory").is_none_or(|mode| mode == 2),
    })
}

/// RLIMIT_AS, if the process has such a limit.
fn address_space() -> Option<usize> {
    // SAFETY: `place` is a valid place for the answer.
    limit_of(|place| unsafe { libc::getrlimit(libc::RLIMIT_AS, place) })
        .and_then(|limit| bounded(limit.rlim_cur))
}

/// The right to make one more stack. The mappings that were taken for it are given back when it is
/// dropped, unless it was spent.
#[derive(Debug)]
pub(super) struct Admission {
    mappings: usize,
    /// Keeps other stacks from being made meanwhile.
    _alone: MutexGuard<'static, Credit>,
}

impl Admission {
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

/// Asks for one more stack of this class.
pub(super) fn admit(class: SizeClass) -> io::Result<Admission> {
    static MAKING: Mutex<Credit> = Mutex::new(Credit { stacks: 0, bytes: 0, until: None });
    let mut credit = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = guard::bytes_with_guard(class);
    let now = clock::now();
    let lasts = credit.until.is_some_and(|until| now < until);
    if lasts && credit.stacks > 0 && bytes <= credit.bytes {
        credit.stacks -= 1;
    } else {
        *credit = Credit { stacks: 0, bytes, until: None };
        fits(bytes)?;
        // Where the amount of memory or of addresses is limited, other code may take what the
        // answer promised, so there each stack is asked for by itself.
        let by_itself = limits().strict || address_space().is_some();
        if !by_itself && probe(ASKED_AT_ONCE * (bytes + page_bytes()) + PROBE_MARGIN).is_ok() {
            credit.stacks = ASKED_AT_ONCE - 1;
            credit.until = now.checked_add(ANSWERED_FOR);
        } else {
            ask(bytes)?;
        }
    }
    let mut admission = Admission { mappings: 0, _alone: credit };
    if guard::kind() != Kind::Marked {
        admission.take(MAPPINGS_EACH)?;
    }
    Ok(admission)
}

/// Whether a stack of this class can be had now.
pub(super) fn check(class: SizeClass) -> io::Result<()> {
    admit(class).map(drop)
}

/// Whether `generator`, which maps one page more, accepts a stack of so many bytes.
fn fits(bytes: usize) -> io::Result<()> {
    let bytes = bytes + page_bytes();
    match limits().stack_bytes {
        Some(max) if bytes > max => Err(io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!(
                "with its guard it has {bytes} bytes, and RLIMIT_STACK allows {max}; raise the hard \
                 limit (`ulimit -H -s`)"
            ),
        )),
        _ => Ok(()),
    }
}

/// Asks whether `generator` could make a stack of so many bytes.
pub(super) fn ask(bytes: usize) -> io::Result<()> {
    fits(bytes)?;
    probe(bytes + page_bytes() + PROBE_MARGIN).map_err(|error| {
        let why = match address_space() {
            Some(max) => {
                format!("{error}, where RLIMIT_AS (`ulimit -v`) allows {max} bytes in all")
            }
            None => format!("{error}, see vm.overcommit_memory and vm.max_map_count"),
        };
        io::Error::new(io::ErrorKind::OutOfMemory, why)
    })
}

/// Maps as much memory as `generator` is going to, protects a page of it, and unmaps it again.
fn probe(bytes: usize) -> io::Result<()> {
    let first = guard::map(bytes)?;
    let inner = first.wrapping_byte_add(page_bytes());
    // A protected page with open pages on both sides makes as many mappings as a stack takes at
    // most.
    // SAFETY: `inner` is a page of the memory that was mapped just above, which nobody uses.
    let protected = match unsafe { libc::mprotect(inner, page_bytes(), libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    unmap(first, bytes);
    protected
}

/// Unmaps memory that [`guard::map`] has mapped and nobody uses.
fn unmap(first: *mut c_void, bytes: usize) {
    // SAFETY: the only caller, `probe`, has mapped this range, and nobody uses it.
    unsafe { libc::munmap(first, bytes) };
}

/// The limit that `ask` writes to the place it is given, if it returns zero, for success.
fn limit_of(ask: impl FnOnce(&mut libc::rlimit) -> libc::c_int) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    (ask(&mut limit) == 0).then_some(limit)
}

/// The value of a limit, if it is one.
fn bounded(limit: libc::rlim_t) -> Option<usize> {
    (limit != libc::RLIM_INFINITY).then(|| usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::limits::{STACK_BYTES_MAX, STACK_BYTES_MIN};

    #[test]
    fn what_cannot_be_had_is_an_error() {
        assert!(ask(STACK_BYTES_MIN).is_ok());
        // A process has fewer addresses than that.
        let error = ask(1 << 60).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let text = error.to_string();
        assert!(text.contains("RLIMIT_") || text.contains("vm.overcommit_memory"), "{text}");
        let largest = SizeClass::holding(STACK_BYTES_MAX).unwrap();
        assert_eq!(ask(largest.bytes()).is_ok(), check(largest).is_ok());
    }
}
