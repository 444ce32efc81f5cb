//! Whether `generator` can make one more stack.
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

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::bytes_with_guard;
use crate::clock;
use crate::stack::SizeClass;
use crate::stack::admission::{
    Admission, address_space, bounded, limit_of, limits, probe, refusal,
};
use crate::stack::guard::page_bytes;

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

/// The right to make one more stack.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) admission: Admission,
    /// Keeps other stacks from being made meanwhile.
    _alone: MutexGuard<'static, Credit>,
}

/// Asks for one more stack of this class.
pub(super) fn admit(class: SizeClass) -> io::Result<Asked> {
    static MAKING: Mutex<Credit> = Mutex::new(Credit { stacks: 0, bytes: 0, until: None });
    let mut credit = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = bytes_with_guard(class);
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
        if !by_itself && probe(ASKED_AT_ONCE * (bytes + page_bytes())).is_ok() {
            credit.stacks = ASKED_AT_ONCE - 1;
            credit.until = now.checked_add(ANSWERED_FOR);
        } else {
            ask(bytes)?;
        }
    }
    Ok(Asked { admission: Admission::new()?, _alone: credit })
}

/// Whether a stack of this class can be had now.
pub(in crate::stack) fn check(class: SizeClass) -> io::Result<()> {
    admit(class).map(drop)
}

/// How many bytes a stack with its guard may have, if there is a limit. It is read once, as by
/// `generator`, which does so later.
fn stack_bytes_max() -> Option<usize> {
    static MAX: OnceLock<Option<usize>> = OnceLock::new();
    *MAX.get_or_init(|| {
        // SAFETY: `place` is a valid place for the answer.
        limit_of(|place| unsafe { libc::getrlimit(libc::RLIMIT_STACK, place) })
            .and_then(|limit| bounded(limit.rlim_max))
    })
}

/// Whether `generator`, which maps one page more, accepts a stack of so many bytes.
fn fits(bytes: usize) -> io::Result<()> {
    let bytes = bytes + page_bytes();
    match stack_bytes_max() {
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
    probe(bytes + page_bytes()).map_err(|error| refusal(&error))
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
