//! Whether one more stack can be had.
//!
//! `generator` answers a refusal of the kernel with a panic: the program's panic hook runs, and
//! where panics abort that is the end. Up to 0.8.11 it also leaves the memory mapped if its guard
//! could not be made. So each stack is asked for first: whether it fits under RLIMIT_STACK, which
//! `generator` takes for a bound on the size, and whether as much memory can be mapped and a page
//! of it protected. Between the question and the answer no other stack is made, and there is some
//! room for what else the process does meanwhile. The question costs as much as half a stack. So
//! where memory is refused for its size only, one is for the next stacks too, as long as little can
//! have changed.
//!
//! Guards that are mappings of their own are counted, so that stacks are refused with a reason
//! before the kernel's limit of mappings is reached, which would take the rest of the program by
//! surprise.

use std::ffi::c_void;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::SizeClass;
use super::guard::{self, Kind, page_bytes};
use crate::clock;
use crate::limits::MAPPINGS_RESERVED;

/// What a guarded stack costs at least if its guard is a mapping: that, and the rest of the stack.
pub(super) const MAPPINGS_EACH: usize = 2;

/// Room for what other threads may map between the question and the answer.
const PROBE_MARGIN: usize = 1024 * 1024;

/// The mappings of all stacks whose guards are mappings.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Limits {
    /// How many mappings such stacks may take.
    mappings: usize,
    /// What a stack and its guard may have, if there is a limit.
    stack_bytes: Option<usize>,
    /// The kernel refuses what goes beyond the memory that there is (`vm.overcommit_memory`).
    strict: bool,
}

/// Stacks that are asked for at once.
const ASKED_AT_ONCE: usize = 16;

/// For how long that is answered: in a millisecond others can hardly use up what there was.
const ANSWERED_FOR: Duration = Duration::from_millis(1);

/// What the last question has found beyond the stack that it was for.
#[derive(Debug)]
struct Credit {
    stacks: usize,
    /// The most that each of them may have.
    bytes: usize,
    until: Option<Instant>,
}

/// Read once, and before `generator` reads its own: it does so once.
fn limits() -> &'static Limits {
    static LIMITS: OnceLock<Limits> = OnceLock::new();
    LIMITS.get_or_init(|| Limits {
        mappings: guard::read_number("/proc/sys/vm/max_map_count")
            .unwrap_or(65_530)
            .saturating_sub(MAPPINGS_RESERVED),
        stack_bytes: limit_of(|place| {
            // SAFETY: a valid place for the answer.
            unsafe { libc::getrlimit(libc::RLIMIT_STACK, place) }
        })
        .and_then(|limit| bounded(limit.rlim_max)),
        strict: guard::read_number("/proc/sys/vm/overcommit_memory").is_none_or(|mode| mode == 2),
    })
}

/// RLIMIT_AS, if it is limited.
fn address_space() -> Option<usize> {
    // SAFETY: a valid place for the answer.
    limit_of(|place| unsafe { libc::getrlimit(libc::RLIMIT_AS, place) })
        .and_then(|limit| bounded(limit.rlim_cur))
}

/// The right to make one more stack; what it took is given back when it is dropped unused.
#[derive(Debug)]
pub(super) struct Budget {
    mappings: usize,
    /// No other stack is made meanwhile.
    _alone: MutexGuard<'static, Credit>,
}

impl Budget {
    /// Takes so many more mappings.
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

    /// The stack was made and keeps what was taken for it.
    pub(super) fn spend(mut self) -> usize {
        std::mem::take(&mut self.mappings)
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        give_back(self.mappings);
    }
}

/// A stack is gone that had taken so many mappings.
pub(super) fn give_back(mappings: usize) {
    MAPPINGS.fetch_sub(mappings, Ordering::Relaxed);
}

/// Whether guards take mappings now.
pub(super) fn any_mappings() -> bool {
    MAPPINGS.load(Ordering::Relaxed) > 0
}

/// Asks for one more stack.
pub(super) fn admit(class: SizeClass) -> io::Result<Budget> {
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
        // Each by itself where others may take what was found for it.
        let by_itself = limits().strict || address_space().is_some();
        if !by_itself && probe(ASKED_AT_ONCE * (bytes + page_bytes()) + PROBE_MARGIN).is_ok() {
            credit.stacks = ASKED_AT_ONCE - 1;
            credit.until = now.checked_add(ANSWERED_FOR);
        } else {
            ask(bytes)?;
        }
    }
    let mut budget = Budget { mappings: 0, _alone: credit };
    if guard::kind() != Kind::Marked {
        budget.take(MAPPINGS_EACH)?;
    }
    Ok(budget)
}

/// Whether a stack of this class can be had now.
pub(super) fn check(class: SizeClass) -> io::Result<()> {
    admit(class).map(drop)
}

/// Whether `generator` would make a stack of so many bytes, for which it maps one page more.
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

/// Does what `generator` is going to do, and takes it back.
fn probe(bytes: usize) -> io::Result<()> {
    let first = guard::map(bytes)?;
    let inner = first.wrapping_byte_add(page_bytes());
    // A page with others on both sides: as many mappings as a stack costs at most.
    // SAFETY: a page of what was mapped just above, which nothing uses.
    let protected = match unsafe { libc::mprotect(inner, page_bytes(), libc::PROT_NONE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    unmap(first, bytes);
    protected
}

fn unmap(first: *mut c_void, bytes: usize) {
    // SAFETY: the caller mapped it, and nothing uses it.
    unsafe { libc::munmap(first, bytes) };
}

/// What `ask` writes to the place it is given, if it returns zero.
fn limit_of(ask: impl FnOnce(&mut libc::rlimit) -> libc::c_int) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    (ask(&mut limit) == 0).then_some(limit)
}

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
        // More than there are addresses.
        let error = ask(1 << 60).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
        let text = error.to_string();
        assert!(text.contains("RLIMIT_") || text.contains("vm.overcommit_memory"), "{text}");
        let largest = SizeClass::holding(STACK_BYTES_MAX).unwrap();
        assert_eq!(ask(largest.bytes()).is_ok(), check(largest).is_ok());
    }
}
