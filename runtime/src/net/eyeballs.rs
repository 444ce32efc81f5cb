//! Connecting to whichever of several addresses answers first (RFC 8305, "happy eyeballs").
//!
//! A host may have addresses of both families, and one family may lead nowhere from here: nothing
//! is refused, nothing answers, and an attempt takes minutes to fail. So the next attempt begins
//! [`CONNECT_STAGGER`] after the one before, or at once if that has failed, and the first
//! connection wins. The others are closed.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use std::vec;

use super::addr::no_address;
use super::connect::{self, Attempt};
use super::socket::Socket;
use crate::clock;
use crate::limits::CONNECT_STAGGER;
use crate::reactor::{Direction, ReadyArm};
use crate::waiters::{Aim, Arm, Limit, choose};

/// Connects a stream to one of the addresses.
///
/// # Errors
///
/// That of the attempt that failed last, or `InvalidInput` if there is no address.
pub(super) fn connect(mut addrs: impl Iterator<Item = SocketAddr>) -> io::Result<Socket> {
    let first = addrs.next().ok_or_else(no_address)?;
    let Some(second) = addrs.next() else {
        return connect::connect(&first.into(), None);
    };
    let mut addrs = alternating([first, second].into_iter().chain(addrs));
    let mut pending = Vec::new();
    let mut last = no_address();
    loop {
        match addrs.next().map(|addr| connect::begin(&addr.into(), None)) {
            Some(Ok(Attempt::Done(socket))) => return Ok(socket),
            Some(Ok(Attempt::Pending(socket))) => pending.push(socket),
            Some(Err(error)) => {
                last = error;
                continue;
            }
            None if pending.is_empty() => return Err(last),
            None => {}
        }
        let next = (addrs.len() > 0).then(|| clock::now() + CONNECT_STAGGER);
        if let Some(number) = first_ready(&pending, next)? {
            match connect::finish(pending.swap_remove(number)) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
    }
}

/// The number of the attempt that is decided first; `None`: the time came before.
fn first_ready(pending: &[Socket], until: Option<Instant>) -> io::Result<Option<usize>> {
    let mut arms: Vec<_> =
        pending.iter().map(|socket| ReadyArm::new(socket.source(), Direction::Write)).collect();
    let mut numbers: Vec<_> = (0..arms.len()).collect();
    let limit = until.map_or(Limit::Never, Limit::Until);
    let Some(number) = choose(&|number| &arms[number], &mut numbers, false, limit, Aim::Take)
    else {
        return Ok(None);
    };
    // An arm that may not wait, because of a cancel or a deadline, is chosen too, and says so.
    arms.swap_remove(number).take()?;
    Ok(Some(number))
}

/// The addresses in their order, but with the families taking turns.
fn alternating(addrs: impl Iterator<Item = SocketAddr>) -> vec::IntoIter<SocketAddr> {
    let mut addrs = addrs.peekable();
    let first_is_v6 = addrs.peek().is_some_and(SocketAddr::is_ipv6);
    let (same, other): (Vec<_>, Vec<_>) = addrs.partition(|addr| addr.is_ipv6() == first_is_v6);
    let mut sorted = Vec::with_capacity(same.len() + other.len());
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    while same.len() + other.len() > 0 {
        sorted.extend(same.next());
        sorted.extend(other.next());
    }
    sorted.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns_and_keep_their_order() {
        let addrs = ["[::1]:1", "[::1]:2", "[::1]:3", "127.0.0.1:4", "127.0.0.1:5", "[::1]:6"];
        let addrs = addrs.map(|addr| addr.parse().unwrap());
        let ports = alternating(addrs.into_iter()).map(|addr| addr.port());
        assert!(ports.eq([1, 4, 2, 5, 3, 6]));
        assert!(alternating(addrs[3..].iter().copied()).map(|addr| addr.port()).eq([4, 6, 5]));
    }
}
