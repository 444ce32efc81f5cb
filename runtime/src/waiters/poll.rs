//! How a plain thread waits for descriptors and for a wake at once: `poll(2)`, with a pipe for the
//! wake.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::clock;
use crate::parker::Parker;

/// How often a thread looks for a wake that no pipe could be had for, and at descriptors that are
/// too many to be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Waits for the parker's token, an event of a descriptor, the deadline, or for no reason; `true`:
/// there is an event.
pub(super) fn park(parker: &Parker, polled: &[(RawFd, i16)], deadline: Option<Instant>) -> bool {
    let listening = match parker.listen() {
        Some(listening) => listening,
        None => return false,
    };
    let fds = polled.iter().copied();
    let bell = listening.bell().map(|bell| (bell.as_raw_fd(), libc::POLLIN));
    let mut polled: Vec<_> =
        fds.chain(bell).map(|(fd, events)| libc::pollfd { fd, events, revents: 0 }).collect();
    let mut left = deadline.map(|at| at.saturating_duration_since(clock::now()));
    if bell.is_none() {
        left = Some(left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY)));
    }
    let millis = left.map_or(-1, millis);
    let events = match poll(&mut polled, millis) {
        Ok(events) => events,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
        // More than the process may have open (RLIMIT_NOFILE), or more than the kernel has memory
        // for.
        Err(_) => look_in_parts(&mut polled) || nap(left),
    };
    drop(listening);
    if bell.is_some() {
        polled.pop();
    }
    events && polled.iter().any(|fd| fd.revents != 0)
}

/// Looks at so few at a time that the system takes them; one that it does not take alone counts as
/// ready: the operation itself will say more.
fn look_in_parts(polled: &mut [libc::pollfd]) -> bool {
    match (poll(polled, 0), &mut *polled) {
        (Ok(events), _) => events,
        (Err(_), []) => false,
        (Err(error), [one]) => {
            let failed = error.kind() != io::ErrorKind::Interrupted;
            one.revents = if failed { libc::POLLERR } else { 0 };
            failed
        }
        (Err(_), many) => {
            let (first, rest) = many.split_at_mut(many.len() / 2);
            // Both, so that what an earlier call has left in the entries is overwritten.
            look_in_parts(first) | look_in_parts(rest)
        }
    }
}

/// A pause before the next look at what could not be waited for; it is no event.
fn nap(left: Option<Duration>) -> bool {
    let pause = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
    let _ = poll(&mut [], millis(pause));
    false
}

/// Rounded up: rounded down it would spin for the last millisecond.
fn millis(left: Duration) -> i32 {
    i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// Whether there is an event.
fn poll(polled: &mut [libc::pollfd], millis: i32) -> io::Result<bool> {
    let count = polled.len() as libc::nfds_t;
    // SAFETY: that many valid entries.
    match unsafe { libc::poll(polled.as_mut_ptr(), count, millis) } {
        count if count >= 0 => Ok(count > 0),
        _ => Err(io::Error::last_os_error()),
    }
}
