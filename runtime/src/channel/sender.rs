//! The sending side.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arm::SendArm;
use super::chan::{Chan, Failure};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::future::SendFuture;
use crate::park;
use crate::waiters::Limit;

/// The sending side of a channel. It can be cloned and shared.
///
/// # Examples
///
/// ```
/// use gocoro::channel::unbounded;
/// use gocoro::go;
///
/// let (sender, receiver) = unbounded();
/// for number in 1..=2 {
///     go!(clone(sender) => { sender.send(number) });
/// }
/// drop(sender);
/// assert_eq!(receiver.iter().sum::<i32>(), 3);
/// ```
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    /// The first sender of a channel, which counts it.
    pub(super) fn new(chan: Arc<Chan<T>>) -> Sender<T> {
        Sender { chan }
    }

    /// Shows the channel, for the `Debug` of whatever contains a sender.
    pub(crate) fn describe<'a, 'b, 'f>(
        &self,
        shown: &'a mut fmt::DebugStruct<'b, 'f>,
    ) -> &'a mut fmt::DebugStruct<'b, 'f> {
        self.chan.describe(shown)
    }

    pub(super) fn chan(&self) -> &Arc<Chan<T>> {
        &self.chan
    }

    /// Sends a message, waiting for room. On a channel of capacity zero, waits until it is
    /// received.
    ///
    /// # Parks
    ///
    /// While the channel is full. On a plain thread it blocks the thread. Unwinds if the task is
    /// cancelled before there is room; then the message is dropped and has not been sent.
    ///
    /// # Errors
    ///
    /// No receiver is left; the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{SendError, bounded};
    ///
    /// let (sender, receiver) = bounded(1);
    /// assert_eq!(sender.send(1), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// ```
    #[inline]
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.chan.send(message, Limit::Never).map_err(|(message, _)| SendError(message))
    }

    /// A future that sends a message, as [`Sender::send`] does, for any executor.
    ///
    /// # Errors
    ///
    /// The future's output is an error if no receiver is left; the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::bounded;
    /// use gocoro::future;
    ///
    /// let (sender, receiver) = bounded(0);
    /// let meeting = gocoro::go!(receiver.recv());
    /// assert_eq!(future::wait(sender.send_async('x')), Ok(()));
    /// assert_eq!(meeting.wait(), Ok('x'));
    /// ```
    pub fn send_async(&self, message: T) -> SendFuture<'_, T> {
        SendFuture::new(&self.chan, message)
    }

    /// Sends a message if that needs no waiting.
    ///
    /// On a channel of capacity zero a receiver has to be waiting.
    ///
    /// # Parks
    ///
    /// Never for room. As every operation, it gives way when many have been done in a row, which is
    /// a cancel point.
    ///
    /// # Errors
    ///
    /// The channel is full, or no receiver is left; the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{TrySendError, bounded};
    ///
    /// let (sender, receiver) = bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.chan.send(message, Limit::Now).map_err(|(message, failure)| match failure {
            Failure::Time => TrySendError::Full(message),
            Failure::Closed => TrySendError::Disconnected(message),
        })
    }

    /// Sends a message as [`Sender::send`] does, but waits no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Sender::send`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up, or no receiver is left; the message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{SendTimeoutError, bounded};
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = bounded(0);
    /// let sent = sender.send_timeout('x', Duration::from_millis(5));
    /// assert_eq!(sent, Err(SendTimeoutError::Timeout('x')));
    /// ```
    pub fn send_timeout(&self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_within(message, Limit::within(timeout))
    }

    /// Sends a message as [`Sender::send`] does, but does not wait beyond `deadline`.
    ///
    /// # Parks
    ///
    /// As [`Sender::send`], up to `deadline`.
    ///
    /// # Errors
    ///
    /// As [`Sender::send_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::bounded;
    /// use std::time::Instant;
    ///
    /// let (sender, _receiver) = bounded(1);
    /// assert_eq!(sender.send_deadline('x', Instant::now()), Ok(()));
    /// assert!(sender.send_deadline('y', Instant::now()).unwrap_err().is_timeout());
    /// ```
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_within(message, Limit::Until(deadline))
    }

    fn send_within(&self, message: T, limit: Limit) -> Result<(), SendTimeoutError<T>> {
        self.chan.send(message, limit).map_err(|(message, failure)| match failure {
            Failure::Time => SendTimeoutError::Timeout(message),
            Failure::Closed => SendTimeoutError::Disconnected(message),
        })
    }

    /// Whether the channel holds no message. A channel of capacity zero holds one only if a
    /// [`SelectedOperation`](super::SelectedOperation) that had received it was undone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a send would have to wait for room. A channel of capacity zero is always full.
    pub fn is_full(&self) -> bool {
        park::looked();
        !self.chan.lock().has_room()
    }

    /// How many messages the channel holds. Those that a
    /// [`SelectedOperation`](super::SelectedOperation) had received and gave back count beyond the
    /// capacity.
    pub fn len(&self) -> usize {
        park::looked();
        self.chan.lock().len()
    }

    /// How many messages the channel has room for; `None` if it has no bound.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{bounded, unbounded};
    ///
    /// assert_eq!(bounded::<i32>(5).0.capacity(), Some(5));
    /// assert_eq!(unbounded::<i32>().0.capacity(), None);
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.chan.capacity()
    }

    /// Whether both senders send to one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// This sender as an arm of `select!`.
    #[doc(hidden)]
    pub fn arm(&self) -> SendArm<'_, T> {
        SendArm::new(&self.chan)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.chan.add_sender();
        Sender { chan: self.chan.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(&mut f.debug_struct("Sender")).finish()
    }
}
