//! How a plain thread waits for descriptors and for a wake at once: `poll(2)`, with a pipe for the
//! wake.

use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::clock;
use crate::parker::Parker;

/// How often a thread looks for a wake that no pipe could be had for.
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
    // Rounded up: rounded down it would spin for the last millisecond.
    let millis = left
        .map_or(-1, |left| i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX));
    let count = polled.len() as libc::nfds_t;
    // SAFETY: that many valid entries.
    let events = unsafe { libc::poll(polled.as_mut_ptr(), count, millis) };
    drop(listening);
    if bell.is_some() {
        polled.pop();
    }
    events > 0 && polled.iter().any(|fd| fd.revents != 0)
}
