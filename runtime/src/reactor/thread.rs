//! `poll(2)`: how a plain thread waits for a descriptor, and whether one is ready now.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Instant;

use super::Direction;
use crate::clock;
use crate::waiters;

/// Waits until the descriptor may be ready; `false`: the deadline came first.
pub(super) fn wait(
    fd: BorrowedFd<'_>,
    direction: Direction,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    loop {
        let millis = match deadline {
            None => -1,
            Some(at) => {
                let left = at.saturating_duration_since(clock::now());
                if left.is_zero() {
                    return Ok(false);
                }
                waiters::millis(left)
            }
        };
        match poll(fd, events(direction), millis) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What `poll(2)` calls the direction.
pub(super) fn events(direction: Direction) -> i16 {
    match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    }
}

/// Whether an operation in this direction would return at once, be it with an error.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, direction: Direction) -> io::Result<bool> {
    has_now(fd, events(direction))
}

/// Whether the receiving half of a socket is shut down.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_shut(fd: BorrowedFd<'_>) -> io::Result<bool> {
    has_now(fd, libc::POLLRDHUP)
}

fn has_now(fd: BorrowedFd<'_>, events: i16) -> io::Result<bool> {
    loop {
        match poll(fd, events, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            has => return has,
        }
    }
}

fn poll(fd: BorrowedFd<'_>, events: i16, millis: i32) -> io::Result<bool> {
    let entry = libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
    waiters::poll(&mut [entry], millis)
}
