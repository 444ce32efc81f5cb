//! How a plain thread waits for descriptors and for a wake at once: by `poll(2)`, with a pipe
//! through which the wake arrives.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::clock;
use crate::parker::Parker;

/// How often a thread looks for a wake, if it could get no pipe for it, and at descriptors, if they
/// are too many to wait for.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Waits for the parker's token, an event of a descriptor, or the deadline; it may also return for
/// no reason. `true`: a descriptor has an event.
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
        // The descriptors are more than the process may have open (RLIMIT_NOFILE), or more than the
        // kernel has memory for.
        Err(_) => look_in_parts(&mut polled) || nap(left),
    };
    drop(listening);
    if bell.is_some() {
        polled.pop();
    }
    events && polled.iter().any(|fd| fd.revents != 0)
}

/// Looks at the descriptors in parts that are small enough for the system. A descriptor that the
/// system does not even take alone counts as ready: the operation on it will say what is wrong.
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
            // Both halves are looked at even if the first has events: the look also overwrites what
            // an earlier call has left in the entries.
            look_in_parts(first) | look_in_parts(rest)
        }
    }
}

/// A pause before the next look at descriptors that cannot be waited for. It is no event.
fn nap(left: Option<Duration>) -> bool {
    let pause = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
    let _ = poll(&mut [], millis(pause));
    false
}

/// A timeout for `poll(2)`. Rounded up, because rounded down the wait would spin for the last
/// millisecond.
pub(crate) fn millis(left: Duration) -> i32 {
    i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// Calls `poll(2)`; `true`: a descriptor has an event.
pub(crate) fn poll(polled: &mut [libc::pollfd], millis: i32) -> io::Result<bool> {
    let count = polled.len() as libc::nfds_t;
    // SAFETY: `polled` has `count` valid entries, and is borrowed exclusively during the call.
    match unsafe { libc::poll(polled.as_mut_ptr(), count, millis) } {
        count if count >= 0 => Ok(count > 0),
        _ => Err(io::Error::last_os_error()),
    }
}
