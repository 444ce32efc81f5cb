//! The receiving side of a channel.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arm::RecvArm;
use super::chan::{Chan, Failure};
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::future::RecvFuture;
use super::iter::{IntoIter, Iter, TryIter};
use super::news::Listener;
use super::timed::{Timed, TimedArm};
use crate::park;
use crate::task::{Reason, Words};
use crate::waiters::{Arm, Choice, Limit, Place, Receive, Selectable};

/// The receiving side of a channel. It can be cloned and shared: each message goes to one receiver.
///
/// # Examples
///
/// ```
/// use gocoro::channel::unbounded;
///
/// let (sender, receiver) = unbounded();
/// sender.send("Hello")?;
/// drop(sender);
/// assert_eq!(receiver.recv(), Ok("Hello"));
/// assert!(receiver.recv().is_err());
/// # Ok::<(), gocoro::channel::SendError<&str>>(())
/// ```
pub struct Receiver<T> {
    flavor: Flavor<T>,
}

/// Where a receiver's messages come from.
pub(super) enum Flavor<T> {
    Chan(Arc<Chan<T>>),
    Timed(Timed<T>),
    Never,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    /// The first receiver of a channel. The channel has counted it.
    pub(super) fn of_chan(chan: Arc<Chan<T>>) -> Receiver<T> {
        Receiver { flavor: Flavor::Chan(chan) }
    }

    pub(super) fn of_time(timed: Timed<T>) -> Receiver<T> {
        Receiver { flavor: Flavor::Timed(timed) }
    }

    pub(super) const fn of_nothing() -> Receiver<T> {
        Receiver { flavor: Flavor::Never }
    }

    pub(super) fn flavor(&self) -> &Flavor<T> {
        &self.flavor
    }

    #[inline(always)]
    fn receive(&self, limit: Limit) -> Result<T, Failure> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.receive(limit),
            Flavor::Timed(timed) => timed.receive(limit),
            Flavor::Never => receive_never(limit),
        }
    }

    /// Receives a message, waiting for one.
    ///
    /// # Parks
    ///
    /// While the channel is empty. On a plain thread it blocks the thread. Unwinds if the task is
    /// cancelled before a message comes, and has not taken one then.
    ///
    /// # Errors
    ///
    /// The channel is empty, and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{RecvError, unbounded};
    ///
    /// let (sender, receiver) = unbounded();
    /// gocoro::go!(sender.send(5));
    /// assert_eq!(receiver.recv(), Ok(5));
    /// assert_eq!(receiver.recv(), Err(RecvError));
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receive(Limit::Never).map_err(|_| RecvError)
    }

    /// A future that receives a message, as [`Receiver::recv`] does, for any executor.
    ///
    /// # Errors
    ///
    /// The future's output is an error if the channel is empty and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::unbounded;
    /// use gocoro::future;
    ///
    /// let (sender, receiver) = unbounded();
    /// gocoro::go!(sender.send(5));
    /// assert_eq!(future::wait(async { receiver.recv_async().await }), Ok(5));
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(ReceiverArm::new(self))
    }

    /// Receives a message that is there. On a channel of capacity zero, receives from a sender that
    /// waits.
    ///
    /// # Parks
    ///
    /// Never for a message, with one exception. On a channel of capacity zero the receive may meet
    /// an arm `send(…)` of a `select!`, and waits while that makes its message. As every operation,
    /// it gives way when many have been done in a row, which is a cancel point.
    ///
    /// # Errors
    ///
    /// The channel is empty, and perhaps no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{TryRecvError, unbounded};
    ///
    /// let (sender, receiver) = unbounded();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(5)?;
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(5));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// # Ok::<(), gocoro::channel::SendError<i32>>(())
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receive(Limit::Now).map_err(|failure| match failure {
            Failure::Time => TryRecvError::Empty,
            Failure::Closed => TryRecvError::Disconnected,
        })
    }

    /// Receives a message as [`Receiver::recv`] does, but waits no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv`], up to `timeout`, with one exception. On a channel of capacity zero
    /// the partner may be an arm `send(…)` of a `select!`, which makes its message after the two
    /// have met. Every receive waits for such a message however long that takes, as crossbeam's
    /// does. No cancel or [`timeout`](crate::time::timeout()) cuts this wait short, since leaving
    /// would take back the partner's choice.
    ///
    /// # Errors
    ///
    /// The time was up, or the channel is empty and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{RecvTimeoutError, unbounded};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = unbounded::<i32>();
    /// let soon = Duration::from_millis(5);
    /// assert_eq!(receiver.recv_timeout(soon), Err(RecvTimeoutError::Timeout));
    /// drop(sender);
    /// assert_eq!(receiver.recv_timeout(soon), Err(RecvTimeoutError::Disconnected));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receive_within(Limit::within(timeout))
    }

    /// Receives a message as [`Receiver::recv`] does, but does not wait beyond `deadline`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv_timeout`], up to `deadline`.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_timeout`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.receive_within(Limit::Until(deadline))
    }

    fn receive_within(&self, limit: Limit) -> Result<T, RecvTimeoutError> {
        self.receive(limit).map_err(|failure| match failure {
            Failure::Time => RecvTimeoutError::Timeout,
            Failure::Closed => RecvTimeoutError::Disconnected,
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
        match &self.flavor {
            Flavor::Chan(chan) => !chan.lock().has_room(),
            Flavor::Timed(timed) => timed.is_due(),
            Flavor::Never => true,
        }
    }

    /// How many messages the channel holds. Those that a
    /// [`SelectedOperation`](super::SelectedOperation) had received and gave back count beyond the
    /// capacity.
    pub fn len(&self) -> usize {
        park::looked();
        match &self.flavor {
            Flavor::Chan(chan) => chan.lock().len(),
            Flavor::Timed(timed) => usize::from(timed.is_due()),
            Flavor::Never => 0,
        }
    }

    /// How many messages the channel has room for; `None` if it has no bound.
    pub fn capacity(&self) -> Option<usize> {
        match &self.flavor {
            Flavor::Chan(chan) => chan.capacity(),
            Flavor::Timed(_) => Some(1),
            Flavor::Never => Some(0),
        }
    }

    /// Iterates over the messages, waiting for each, until no sender is left.
    ///
    /// # Parks
    ///
    /// Never. The iterator parks, as [`Receiver::recv`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::unbounded;
    ///
    /// let (sender, receiver) = unbounded();
    /// gocoro::go!({ (1..=3).try_for_each(|n| sender.send(n)) });
    /// assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// Iterates over the messages that are there, without waiting for more.
    ///
    /// # Parks
    ///
    /// Never. The iterator parks where [`Receiver::try_recv`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::unbounded;
    ///
    /// let (sender, receiver) = unbounded();
    /// sender.send(1)?;
    /// sender.send(2)?;
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), gocoro::channel::SendError<i32>>(())
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Whether both receivers receive from one channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.flavor, &other.flavor) {
            (Flavor::Chan(one), Flavor::Chan(other)) => Arc::ptr_eq(one, other),
            (Flavor::Timed(one), Flavor::Timed(other)) => one.same(other),
            (Flavor::Never, Flavor::Never) => true,
            _ => false,
        }
    }
}

/// Waits for a message that never comes.
#[cold]
fn receive_never<T>(limit: Limit) -> Result<T, Failure> {
    park::spent();
    while !limit.is_over() {
        let _ = park::pause(Reason::Receive, limit.deadline());
    }
    Err(Failure::Time)
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        let flavor = match &self.flavor {
            Flavor::Chan(chan) => {
                chan.add_receiver();
                Flavor::Chan(chan.clone())
            }
            Flavor::Timed(timed) => Flavor::Timed(timed.clone()),
            Flavor::Never => Flavor::Never,
        };
        Receiver { flavor }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if let Flavor::Chan(chan) = &self.flavor {
            chan.remove_receiver();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Receiver");
        match &self.flavor {
            Flavor::Chan(chan) => chan.describe(&mut shown).finish(),
            Flavor::Timed(timed) => shown.field("due", &timed.due()).finish(),
            Flavor::Never => shown.finish_non_exhaustive(),
        }
    }
}

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

impl<T> crate::waiters::Sealed for &Receiver<T> {}

impl<'a, T> Selectable for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm = ReceiverArm<'a, T>;

    fn arm(self) -> ReceiverArm<'a, T> {
        ReceiverArm::new(self)
    }
}

impl<T> Receive for &Receiver<T> {}

/// A receive as an arm of `select!`, which fails by `E`.
#[doc(hidden)]
pub struct ReceiverArm<'a, T, E = RecvError>(pub(super) FlavorArm<'a, T>, PhantomData<fn() -> E>);

pub(super) enum FlavorArm<'a, T> {
    Chan(RecvArm<'a, T>),
    Timed(TimedArm<'a, T>),
    Never,
}

/// Calls the arm that a [`ReceiverArm`] is; `$never` is the answer of one that is none.
macro_rules! call {
    ($arm:expr, $method:ident($($argument:expr)?), $never:expr) => {
        match $arm {
            FlavorArm::Chan(arm) => arm.$method($($argument)?),
            FlavorArm::Timed(arm) => arm.$method($($argument)?),
            FlavorArm::Never => $never,
        }
    };
}

impl<'a, T, E> ReceiverArm<'a, T, E> {
    pub(crate) fn new(receiver: &'a Receiver<T>) -> Self {
        let arm = match &receiver.flavor {
            Flavor::Chan(chan) => FlavorArm::Chan(RecvArm::new(chan)),
            Flavor::Timed(timed) => FlavorArm::Timed(TimedArm::new(timed)),
            Flavor::Never => FlavorArm::Never,
        };
        ReceiverArm(arm, PhantomData)
    }

    pub(super) fn of_chan(chan: &'a Chan<T>) -> Self {
        ReceiverArm(FlavorArm::Chan(RecvArm::new(chan)), PhantomData)
    }

    /// What the choice received.
    pub(crate) fn received(self) -> Result<T, RecvError> {
        call!(self.0, take(), Err(RecvError))
    }
}

// SAFETY: each call goes to the arm inside, which keeps the promises of `Choice` itself.
unsafe impl<T, E> Choice for ReceiverArm<'_, T, E> {
    fn attempt(&self) -> bool {
        call!(&self.0, attempt(), false)
    }

    fn attempt_at(&self, place: Option<Place<'_>>) -> bool {
        call!(&self.0, attempt_at(place), false)
    }

    fn in_words(&self, words: &mut Words) {
        call!(&self.0, in_words(words), words.say(format_args!("{}", Reason::Receive.plain())));
    }

    fn is_ready(&self) -> bool {
        call!(&self.0, is_ready(), false)
    }

    fn link(&self, place: Place<'_>) -> bool {
        call!(&self.0, link(place), false)
    }

    fn unlink(&self) {
        call!(&self.0, unlink(), ());
    }

    fn settle(&self) -> bool {
        call!(&self.0, settle(), false)
    }

    fn is_settled(&self) -> bool {
        call!(&self.0, is_settled(), true)
    }

    fn undo(&self) {
        call!(&self.0, undo(), ());
    }

    fn has_turned(&self) -> bool {
        call!(&self.0, has_turned(), false)
    }

    fn deadline(&self) -> Option<Instant> {
        call!(&self.0, deadline(), None)
    }
}

impl<T> Arm for ReceiverArm<'_, T> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received()
    }
}

impl<T, E> fmt::Debug for ReceiverArm<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverArm").finish_non_exhaustive()
    }
}
