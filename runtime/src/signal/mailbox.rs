//! Where the signals of one [`Signals`](super::Signals) arrive.
//!
//! A handler notes its signal's number and then writes a byte into a socket. Whoever looks for
//! signals reads all bytes, and then collects all numbers, so no number stays behind unseen.
//! Several may wait for the bytes, each as one waits for any descriptor, and the one that reads
//! them may take a single number of several. So this rule holds outside of the lock:
//!
//! **While there is a number to take, or nothing will come any more, the socket is readable.**
//!
//! Whoever leaves numbers behind writes a byte again, and nobody reads bytes of a closed mailbox. A
//! byte that nobody needs wakes those who wait once, for nothing.

use std::ffi::c_int;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use signal_hook_registry::FORBIDDEN;
use socket2::SockRef;

use super::{quit, sys};
use crate::reactor::Source;

/// The end of the sockets that is waited for.
type Reader = Arc<UnixStream>;

pub(super) struct Mailbox {
    state: Mutex<State>,
    source: Source<Reader>,
    /// The other end, from which the handlers write as well.
    waker: UnixStream,
}

struct State {
    /// What the handlers write to. Without it, the mailbox is closed.
    ///
    /// Dropped before the ends of the sockets: a handler never writes to a socket that nobody
    /// reads.
    delivery: Option<SignalDelivery<Reader, SignalOnly>>,
    numbers: Numbers,
}

/// What there is when one looks for signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Signal(c_int),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come any more.
    Closed,
}

/// A set of signals' numbers.
#[derive(Clone, Copy, Default)]
struct Numbers(u128);

impl Numbers {
    fn insert(&mut self, number: c_int) {
        self.0 |= 1 << number;
    }

    /// Takes the lowest number out that is at least `least`.
    fn take(&mut self, least: c_int) -> Option<c_int> {
        let least = least as u32;
        let number = least + self.0.checked_shr(least)?.trailing_zeros();
        self.0 ^= 1_u128.checked_shl(number)?;
        Some(number as c_int)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// An error if there is no such signal, or nobody can listen for it.
fn check(signal: c_int) -> io::Result<()> {
    if FORBIDDEN.contains(&signal) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "signal {signal} cannot be listened for: the system lets no program handle it, or it \
                 reports a fault in the code that runs"
            ),
        ));
    }
    let in_range = (0..u128::BITS as c_int).contains(&signal);
    match sys::check(signal) {
        Ok(()) if in_range => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("there is no signal {signal} that a program could listen for"),
        )),
    }
}

/// What an operation says that needs signals to come.
pub(super) fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the signals were closed: none will come any more")
}

impl Mailbox {
    pub(super) fn new(signals: &[c_int]) -> io::Result<Mailbox> {
        // Before any of them has a handler, which it would keep.
        signals.iter().try_for_each(|&signal| check(signal))?;
        signals.iter().for_each(|&signal| quit::is_listened_for(signal));
        let (reader, writer) = UnixStream::pair()?;
        let (reader, waker) = (Arc::new(reader), writer.try_clone()?);
        let delivery = SignalDelivery::with_pipe(reader.clone(), writer, SignalOnly, signals)?;
        signals.iter().try_for_each(|&signal| sys::use_alternate_stack(signal))?;
        let state = State { delivery: Some(delivery), numbers: Numbers::default() };
        Ok(Mailbox { state: Mutex::new(state), source: Source::new(reader), waker })
    }

    pub(super) fn source(&self) -> &Source<Reader> {
        &self.source
    }

    pub(super) fn add_signal(&self, signal: c_int) -> io::Result<()> {
        check(signal)?;
        // Not under the lock, since this waits for handlers that run. If the mailbox is closed
        // meanwhile, the handle is the last to hold the handlers, and takes them away again.
        let handle = self.lock().delivery.as_ref().ok_or_else(closed)?.handle();
        quit::is_listened_for(signal);
        handle.add_signal(signal)?;
        sys::use_alternate_stack(signal)
    }

    /// Ends the arrival of signals. What has come can still be taken.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.collect();
        let delivery = state.delivery.take();
        // Under the lock: whoever looks later finds the mailbox closed, and leaves the byte.
        self.wake();
        drop(state);
        // This waits for handlers that run.
        drop(delivery);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().delivery.is_none()
    }

    /// Takes the lowest signal that has come.
    pub(super) fn take(&self) -> Found {
        self.take_from(0)
    }

    /// Takes the lowest signal that has come and has at least this number.
    pub(super) fn take_from(&self, least: c_int) -> Found {
        self.collected(|state| match state.numbers.take(least) {
            Some(number) => Found::Signal(number),
            None => state.nothing(),
        })
    }

    /// Whether [`Mailbox::take`] would find something.
    pub(super) fn has_some(&self) -> bool {
        self.collected(|state| !state.numbers.is_empty() || state.nothing() == Found::Closed)
    }

    /// Collects signals, lends the state, and sees to it that those who wait hear of what is left.
    fn collected<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        state.collect();
        let result = f(&mut state);
        if state.delivery.is_some() && !state.numbers.is_empty() {
            self.wake();
        }
        result
    }

    /// Makes the socket readable.
    fn wake(&self) {
        // An error is that of a full socket, which is readable.
        let _ = SockRef::from(&self.waker).send_with_flags(&[0], libc::MSG_DONTWAIT);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Reads the bytes, and then collects the numbers. Nothing comes to a closed mailbox.
    fn collect(&mut self) {
        if let Some(delivery) = &mut self.delivery {
            delivery.pending().for_each(|number| self.numbers.insert(number));
        }
    }

    fn nothing(&self) -> Found {
        if self.delivery.is_some() { Found::Nothing } else { Found::Closed }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::AsFd;

    use signal_hook::low_level::raise;

    use super::*;
    use crate::reactor::{self, Direction};

    #[test]
    fn numbers_are_taken_from_the_lowest_on() {
        let mut numbers = Numbers::default();
        [127, 2, 15].into_iter().for_each(|number| numbers.insert(number));
        assert_eq!(numbers.take(3), Some(15));
        assert_eq!(numbers.take(16), Some(127));
        assert_eq!(numbers.take(3), None);
        numbers.insert(127);
        assert_eq!(numbers.take(127), Some(127));
        assert_eq!(numbers.take(128), None);
        assert_eq!(numbers.take(0), Some(2));
        assert!(numbers.is_empty() && numbers.take(0).is_none());
    }

    fn is_readable(mailbox: &Mailbox) -> bool {
        reactor::is_ready(mailbox.source().fd().as_fd(), Direction::Read).unwrap()
    }

    #[test]
    fn the_socket_is_readable_as_long_as_there_is_something() {
        let mailbox = Mailbox::new(&[libc::SIGURG, libc::SIGIO]).unwrap();
        assert!(!is_readable(&mailbox));
        raise(libc::SIGURG).unwrap();
        raise(libc::SIGIO).unwrap();
        assert!(mailbox.has_some() && is_readable(&mailbox), "looking takes nothing");
        assert_eq!(mailbox.take(), Found::Signal(libc::SIGURG));
        assert!(is_readable(&mailbox), "one is left");
        raise(libc::SIGIO).unwrap();
        assert_eq!(mailbox.take(), Found::Signal(libc::SIGIO), "once for both times");
        assert_eq!(mailbox.take(), Found::Nothing);
        assert!(!is_readable(&mailbox) && !mailbox.has_some());

        raise(libc::SIGIO).unwrap();
        assert!(mailbox.has_some());
        raise(libc::SIGURG).unwrap();
        mailbox.close();
        assert!(mailbox.is_closed() && is_readable(&mailbox));
        assert_eq!(mailbox.take(), Found::Signal(libc::SIGURG), "it had come before");
        assert_eq!(mailbox.take(), Found::Signal(libc::SIGIO), "so had this");
        for _ in 0..2 {
            assert_eq!(mailbox.take(), Found::Closed);
            assert!(mailbox.has_some() && is_readable(&mailbox));
        }
        raise(libc::SIGIO).unwrap();
        assert_eq!(mailbox.take(), Found::Closed);
    }

    /// More bytes than the socket has room for.
    #[test]
    fn a_flood_blocks_nobody_and_is_one_signal() {
        let mailbox = Mailbox::new(&[libc::SIGWINCH]).unwrap();
        for _ in 0..2 {
            for _ in 0..10_000 {
                mailbox.wake();
                raise(libc::SIGWINCH).unwrap();
            }
            assert_eq!(mailbox.take(), Found::Signal(libc::SIGWINCH));
            assert_eq!(mailbox.take(), Found::Nothing);
            assert!(!is_readable(&mailbox));
        }
    }
}
