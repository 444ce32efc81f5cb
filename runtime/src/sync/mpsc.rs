//! Channels with many senders and one receiver: [`std::sync::mpsc`], suspendable.
//!
//! ```
//! use gocoro::go;
//! use gocoro::sync::mpsc;
//!
//! let (sender, receiver) = mpsc::channel();
//! for n in 1..=3 {
//!     let sender = sender.clone();
//!     go!({ sender.send(n * n).unwrap() });
//! }
//! drop(sender);
//! assert_eq!(receiver.iter().sum::<i32>(), 14);
//! ```
//!
//! This is for programs that come from std, whose errors these are. `gocoro::channel` has more:
//! several receivers, timeouts for sends, and `select!` over sends too.

use std::cell::Cell;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use crate::channel::{self, ReceiverArm};
use crate::waiters::{Arm, Receive, Selectable};

pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// Makes a channel without a bound: sending never waits. As [`std::sync::mpsc::channel`].
///
/// # Examples
///
/// ```
/// use gocoro::go;
/// use gocoro::sync::mpsc::channel;
///
/// let (sender, receiver) = channel();
/// for id in 0..3 {
///     go!(clone(sender) => { sender.send(id) });
/// }
/// drop(sender);
/// let mut ids: Vec<i32> = receiver.iter().collect();
/// ids.sort();
/// assert_eq!(ids, [0, 1, 2]);
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::unbounded();
    (Sender { inner: sender }, Receiver::new(receiver))
}

/// Makes a channel that holds up to `bound` messages. With a bound of zero, a send waits until its
/// message is received. As [`std::sync::mpsc::sync_channel`].
///
/// # Examples
///
/// ```
/// use gocoro::go;
/// use gocoro::sync::mpsc::sync_channel;
///
/// let (sender, receiver) = sync_channel(1);
/// sender.send(1)?;
/// let second = go!({ sender.send(2) });         // waits
/// assert_eq!(receiver.recv(), Ok(1));
/// assert_eq!(receiver.recv(), Ok(2));
/// second.wait()?;
/// # Ok::<(), gocoro::sync::mpsc::SendError<i32>>(())
/// ```
#[track_caller]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = channel::bounded(bound);
    (SyncSender { inner: sender }, Receiver::new(receiver))
}

/// The sending side of a [`channel()`].
pub struct Sender<T> {
    inner: channel::Sender<T>,
}

/// The sending side of a [`sync_channel`].
pub struct SyncSender<T> {
    inner: channel::Sender<T>,
}

/// The receiving side of a [`channel()`] or a [`sync_channel`].
pub struct Receiver<T> {
    inner: channel::Receiver<T>,
    /// Not `Sync`, so that one thread at a time uses the receiver, as in std.
    _owned: PhantomData<Cell<()>>,
}

// As in std: a panic elsewhere leaves a channel as usable as before.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends a message. It never waits.
    ///
    /// # Parks
    ///
    /// Never for room. As every operation, it gives way when many have been done in a row, which is
    /// a cancel point.
    ///
    /// # Errors
    ///
    /// The receiver is gone. The message comes back.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.inner.send(t).map_err(|error| SendError(error.0))
    }
}

impl<T> SyncSender<T> {
    /// Sends a message, waiting for room.
    ///
    /// # Parks
    ///
    /// While the channel is full. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// The receiver is gone. The message comes back.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.inner.send(t).map_err(|error| SendError(error.0))
    }

    /// Sends a message if that needs no waiting.
    ///
    /// # Parks
    ///
    /// Never for room. As every operation, it gives way when many have been done in a row, which is
    /// a cancel point.
    ///
    /// # Errors
    ///
    /// The channel is full, or the receiver is gone. The message comes back.
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.inner.try_send(t).map_err(|error| match error {
            channel::TrySendError::Full(t) => TrySendError::Full(t),
            channel::TrySendError::Disconnected(t) => TrySendError::Disconnected(t),
        })
    }
}

impl<T> Receiver<T> {
    fn new(inner: channel::Receiver<T>) -> Receiver<T> {
        Receiver { inner, _owned: PhantomData }
    }

    /// Receives a message, waiting for one.
    ///
    /// # Parks
    ///
    /// While the channel is empty. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// The channel is empty, and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::go;
    /// use gocoro::sync::mpsc::{RecvError, channel};
    ///
    /// let (sender, receiver) = channel();
    /// go!(sender.send("Hello"));
    /// assert_eq!(receiver.recv(), Ok("Hello"));
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        self.inner.recv().map_err(|_| RecvError)
    }

    /// Receives a message that is there.
    ///
    /// # Parks
    ///
    /// Never for the message. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// The channel is empty, and perhaps no sender is left.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.inner.try_recv().map_err(|error| match error {
            channel::TryRecvError::Empty => TryRecvError::Empty,
            channel::TryRecvError::Disconnected => TryRecvError::Disconnected,
        })
    }

    /// Receives a message, waiting no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up, or the channel is empty and no sender is left.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.inner.recv_timeout(timeout).map_err(|error| match error {
            channel::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            channel::RecvTimeoutError::Disconnected => RecvTimeoutError::Disconnected,
        })
    }

    /// Iterates over the messages, waiting for each, until no sender is left.
    ///
    /// # Parks
    ///
    /// Never. The iterator parks, as [`Receiver::recv`] does.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Iterates over the messages that are there, without waiting for more.
    ///
    /// # Parks
    ///
    /// Never. The iterator parks where [`Receiver::try_recv`] does.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }
}

/// An iterator that waits for each message of a channel. See [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// An iterator over the messages of a channel that are there. See [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

/// An iterator that waits for each message of a channel, and owns the receiver.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender { inner: self.inner.clone() }
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        SyncSender { inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.describe(&mut f.debug_struct("SyncSender")).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> crate::waiters::Sealed for &Receiver<T> {}

impl<'a, T> Selectable for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm = ReceiverArm<'a, T, RecvError>;

    fn arm(self) -> Self::Arm {
        ReceiverArm::new(&self.inner)
    }
}

impl<T> Receive for &Receiver<T> {}

impl<T> Arm for ReceiverArm<'_, T, RecvError> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received().map_err(|_| RecvError)
    }
}
