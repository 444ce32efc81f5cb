//! Channels for one message: an answer to somebody who waits for it.
//!
//! ```
//! use gocoro::channel::{oneshot, unbounded};
//! use gocoro::go;
//!
//! let (questions, inbox) = unbounded::<(u32, oneshot::Sender<u32>)>();
//! go!({
//!     for (number, answer) in inbox {
//!         answer.send(number * 2).ok(); // whoever asked may be gone
//!     }
//! });
//!
//! let (sender, answer) = oneshot();
//! questions.send((21, sender)).unwrap();
//! assert_eq!(answer.recv(), Ok(42));
//! ```
//!
//! Sending never waits. A sender that is dropped tells the receiver that nothing will come.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arm::RecvArm;
use super::chan::{Chan, Failure};
use super::error::{RecvError, RecvTimeoutError, TryRecvError};
use super::future::RecvFuture;
use super::receiver::ReceiverArm;
use crate::park;
use crate::waiters::{Limit, Receive, Selectable};

/// Makes a channel for one message.
///
/// # Examples
///
/// ```
/// use gocoro::channel::oneshot;
///
/// let (sender, receiver) = oneshot();
/// gocoro::go!({ sender.send("done") });
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
#[track_caller]
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let chan = Arc::new(Chan::new(1));
    (Sender { chan: chan.clone() }, Receiver { chan })
}

/// The sending side of a channel for one message.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// The receiving side of a channel for one message.
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends the message. It never waits.
    ///
    /// # Parks
    ///
    /// Never for the receiver. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// The receiver is gone. The message comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = gocoro::channel::oneshot();
    /// drop(receiver);
    /// assert_eq!(sender.send('x'), Err('x'));
    /// ```
    pub fn send(self, message: T) -> Result<(), T> {
        self.chan.send(message, Limit::Now).map_err(|(message, _)| message)
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        park::looked();
        self.chan.lock().is_closed_for_sending()
    }
}

impl<T> Receiver<T> {
    /// Receives the message, waiting for it.
    ///
    /// # Parks
    ///
    /// Until the message is sent or the sender is gone. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// The sender is gone and has sent nothing, or the message was received before, by a method
    /// that borrows the receiver.
    pub fn recv(self) -> Result<T, RecvError> {
        self.chan.receive(Limit::Never).map_err(|_| RecvError)
    }

    /// A future that receives the message, as [`Receiver::recv`] does, for any executor.
    ///
    /// # Errors
    ///
    /// The future's output is an error where [`Receiver::recv`] returns one.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = gocoro::channel::oneshot();
    /// gocoro::go!({ sender.send("done") });
    /// assert_eq!(gocoro::future::wait(receiver.recv_async()), Ok("done"));
    /// ```
    pub fn recv_async(&self) -> RecvFuture<'_, T> {
        RecvFuture::new(ReceiverArm::of_chan(&self.chan))
    }

    /// Receives the message if it is there.
    ///
    /// # Parks
    ///
    /// Never for the message. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// The message is not there yet, or will never be.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{TryRecvError, oneshot};
    ///
    /// let (sender, receiver) = oneshot();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1)?;
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// # Ok::<(), i32>(())
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.chan.receive(Limit::Now).map_err(|failure| match failure {
            Failure::Time => TryRecvError::Empty,
            Failure::Closed => TryRecvError::Disconnected,
        })
    }

    /// Receives the message, waiting no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up, or the sender is gone and has sent nothing.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receive(Limit::within(timeout))
    }

    /// Receives the message, but does not wait beyond `deadline`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv`], up to `deadline`.
    ///
    /// # Errors
    ///
    /// As [`Receiver::recv_timeout`].
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.receive(Limit::Until(deadline))
    }

    fn receive(&self, limit: Limit) -> Result<T, RecvTimeoutError> {
        self.chan.receive(limit).map_err(|failure| match failure {
            Failure::Time => RecvTimeoutError::Timeout,
            Failure::Closed => RecvTimeoutError::Disconnected,
        })
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.remove_sender();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.chan.remove_receiver();
    }
}

impl<T> crate::waiters::Sealed for &Receiver<T> {}

impl<'a, T> Selectable for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm = RecvArm<'a, T>;

    fn arm(self) -> RecvArm<'a, T> {
        RecvArm::new(&self.chan)
    }
}

impl<T> Receive for &Receiver<T> {}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = self.chan.lock().is_closed_for_sending();
        f.debug_struct("Sender").field("closed", &closed).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.chan.lock();
        let (sent, closed) = (state.len() > 0, state.is_closed_for_receiving());
        drop(state);
        f.debug_struct("Receiver").field("sent", &sent).field("closed", &closed).finish()
    }
}
