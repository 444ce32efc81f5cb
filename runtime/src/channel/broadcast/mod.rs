//! Channels that give every message to every receiver.
//!
//! ```
//! use gocoro::channel::broadcast;
//! use gocoro::go;
//!
//! let (news, first) = broadcast(16);
//! let second = news.subscribe();
//! let readers = [first, second].map(|reader| go!({ [reader.recv(), reader.recv()] }));
//! news.send("one").unwrap();
//! news.send("two").unwrap();
//! for reader in readers {
//!     assert_eq!(reader.wait(), [Ok("one"), Ok("two")]);
//! }
//! ```
//!
//! A channel keeps a number of the newest messages. A receiver that is slower than that loses the
//! oldest, and is told how many it has lost.

mod error;

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::error::SendError;
use super::news::{self, Listener, News, NewsArm};
use super::news_future::BroadcastFuture;
use crate::clock;
use crate::park;
use crate::task::Words;
use crate::unwind;
use crate::waiters::{Arm, Queue, Receive, Selectable};

pub use self::error::{RecvError, RecvTimeoutError, TryRecvError};

/// Makes a channel that gives every message to every receiver, and keeps the last `capacity`
/// messages for receivers that are slow.
///
/// Sending never waits.
///
/// # Panics
///
/// If `capacity` is zero.
///
/// # Examples
///
/// ```
/// use gocoro::channel::broadcast;
/// use gocoro::channel::broadcast::RecvError;
///
/// let (sender, first) = broadcast(2);
/// let second = sender.subscribe();
/// for number in 1..=3 {
///     sender.send(number)?;
/// }
/// assert_eq!(first.recv(), Err(RecvError::Lagged(1)));
/// assert_eq!(first.recv(), Ok(2));
///
/// drop(sender);
/// assert_eq!(first.recv(), Ok(3));
/// assert_eq!(first.recv(), Err(RecvError::Closed));
/// assert_eq!(second.recv(), Err(RecvError::Lagged(1)));
/// # Ok::<(), gocoro::channel::SendError<i32>>(())
/// ```
#[track_caller]
pub fn broadcast<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel needs room for one message at least");
    let state = State {
        capacity,
        kept: VecDeque::new(),
        next: 0,
        senders: 1,
        receivers: 1,
        positions: vec![Some(0)],
        site: Location::caller(),
    };
    let shared = Arc::new(Queue::with(state));
    (Sender { shared: shared.clone() }, Receiver { shared, number: 0 })
}

pub(super) struct State<T> {
    capacity: usize,
    /// The newest messages, as far as some receiver has not received them.
    kept: VecDeque<Kept<T>>,
    /// The number of the next message that is sent.
    next: u64,
    senders: usize,
    receivers: usize,
    /// The number of each receiver's next message. `None`: no receiver has this place.
    positions: Vec<Option<u64>>,
    /// Where the channel was created.
    site: &'static Location<'static>,
}

/// A message, shared until the last receiver takes it.
struct Kept<T> {
    message: Option<Arc<T>>,
    /// How many receivers have not received the message.
    left: usize,
}

impl<T> News for State<T> {
    fn newest(&self) -> u64 {
        if self.senders == 0 { u64::MAX } else { self.next }
    }
}

impl<T> State<T> {
    /// The number of the oldest message in `kept`.
    fn oldest(&self) -> u64 {
        self.next - self.kept.len() as u64
    }

    fn position(&mut self, receiver: usize) -> &mut u64 {
        self.positions[receiver].as_mut().expect("a receiver has a position while it is there")
    }

    /// Adds a receiver that begins with the next message, and returns its place in `positions`.
    fn subscribe(&mut self) -> usize {
        let position = self.next;
        self.receivers += 1;
        match self.positions.iter().position(Option::is_none) {
            Some(free) => {
                self.positions[free] = Some(position);
                free
            }
            None => {
                self.positions.push(Some(position));
                self.positions.len() - 1
            }
        }
    }

    /// What a receiver finds. `None`: nothing yet.
    fn receive(&mut self, receiver: usize) -> Option<Result<Arc<T>, RecvError>> {
        let oldest = self.oldest();
        let position = *self.position(receiver);
        if position < oldest {
            *self.position(receiver) = oldest;
            return Some(Err(RecvError::Lagged(oldest - position)));
        }
        if position == self.next {
            return (self.senders == 0).then_some(Err(RecvError::Closed));
        }
        *self.position(receiver) += 1;
        let message = self.take((position - oldest) as usize);
        Some(Ok(message.expect("a message is kept for those who have not received it")))
    }

    /// Takes a kept message for one receiver. The last receiver takes it out, and messages that all
    /// have received are no longer kept.
    fn take(&mut self, index: usize) -> Option<Arc<T>> {
        let kept = &mut self.kept[index];
        kept.left -= 1;
        let message = match kept.left {
            0 => kept.message.take(),
            _ => kept.message.clone(),
        };
        while self.kept.front().is_some_and(|kept| kept.left == 0) {
            self.kept.pop_front();
        }
        message
    }
}

/// The sending side of a broadcast channel. It can be cloned and shared.
pub struct Sender<T> {
    shared: Arc<Queue<u64, State<T>>>,
}

/// A receiving side, which gets every message that is sent while it is there.
pub struct Receiver<T> {
    shared: Arc<Queue<u64, State<T>>>,
    /// The receiver's place in `positions`.
    number: usize,
}

impl<T> Sender<T> {
    /// Sends a message to all receivers, and returns how many there are.
    ///
    /// If `capacity` messages are kept, the oldest is dropped to make room.
    ///
    /// # Parks
    ///
    /// Never for room. As every operation, it gives way when many have been done in a row, which is
    /// a cancel point.
    ///
    /// # Errors
    ///
    /// There is no receiver, and the message comes back. There may be a receiver again later.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        park::spent();
        let mut state = self.shared.lock();
        let receivers = state.receivers;
        if receivers == 0 {
            drop(state);
            return Err(SendError(message));
        }
        let full = state.kept.len() == state.capacity;
        let lost = full.then(|| state.kept.pop_front());
        state.kept.push_back(Kept { message: Some(Arc::new(message)), left: receivers });
        state.next += 1;
        let news = state.next;
        drop(state);
        news::tell(&self.shared, news);
        // The lost message's destructor is a user's code: it runs without the lock, and after the
        // wakes.
        drop(lost);
        Ok(receivers)
    }

    /// Makes a receiver of the messages that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        subscribe(&self.shared)
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        park::looked();
        self.shared.lock().receivers
    }

    /// How many messages are kept for receivers.
    pub fn len(&self) -> usize {
        park::looked();
        self.shared.lock().kept.len()
    }

    /// Whether every receiver has received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both senders send to one channel.
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

fn subscribe<T>(shared: &Arc<Queue<u64, State<T>>>) -> Receiver<T> {
    let number = shared.lock().subscribe();
    Receiver { shared: shared.clone(), number }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next message, waiting for it.
    ///
    /// # Parks
    ///
    /// While there is no message. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] says how many messages were lost since the last receive; the next
    /// receive finds the oldest that is still there. [`RecvError::Closed`]: no sender is left, and
    /// every message was received.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::broadcast;
    /// use gocoro::go;
    ///
    /// let (sender, receiver) = broadcast(8);
    /// let other = sender.subscribe();
    /// let doubled = go!({ other.recv().map(|number: i32| 2 * number) });
    /// sender.send(4)?;
    /// assert_eq!(receiver.recv(), Ok(4));
    /// assert_eq!(doubled.wait(), Ok(8));
    /// # Ok::<(), gocoro::channel::SendError<i32>>(())
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        park::spent();
        news::receive(self, None).unwrap_or(Err(RecvError::Closed)).map(own)
    }

    /// A future that receives the next message, as [`Receiver::recv`] does, for any executor.
    ///
    /// # Errors
    ///
    /// The future's output is an error where [`Receiver::recv`] returns one.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = gocoro::channel::broadcast(8);
    /// gocoro::go!(sender.send(4));
    /// assert_eq!(gocoro::future::wait(receiver.recv_async()), Ok(4));
    /// ```
    pub fn recv_async(&self) -> BroadcastFuture<'_, T> {
        BroadcastFuture::new(self)
    }

    /// Receives the next message if it is there.
    ///
    /// # Parks
    ///
    /// Never for the message. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// The message is not there yet, or the errors of [`Receiver::recv`].
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        park::spent();
        let found = self.shared.lock().receive(self.number);
        Ok(own(found.ok_or(TryRecvError::Empty)??))
    }

    /// Receives the next message, waiting no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::recv`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`], or the errors of [`Receiver::recv`].
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        park::spent();
        let found = news::receive(self, clock::after(timeout));
        Ok(own(found.ok_or(RecvTimeoutError::Timeout)??))
    }
}

/// The message itself. It is cloned, unless this is the last reference to it.
fn own<T: Clone>(message: Arc<T>) -> T {
    Arc::unwrap_or_clone(message)
}

impl<T> Receiver<T> {
    /// Makes another receiver of the messages that are sent from now on.
    pub fn resubscribe(&self) -> Receiver<T> {
        subscribe(&self.shared)
    }

    /// How many messages this receiver has not received, those that it has lost included.
    pub fn len(&self) -> usize {
        park::looked();
        self.unread()
    }

    fn unread(&self) -> usize {
        let mut state = self.shared.lock();
        (state.next - *state.position(self.number)) as usize
    }

    /// Whether there is nothing to receive now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receivers receive from one channel.
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        let last = state.senders == 0;
        drop(state);
        if last {
            news::tell(&self.shared, u64::MAX);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut unread = Vec::new();
        let mut state = self.shared.lock();
        state.receivers -= 1;
        let position = state.positions[self.number].take();
        let from = position.map_or(0, |position| position.saturating_sub(state.oldest())) as usize;
        // The newest message goes first, since `take` removes messages that all have received from
        // the front, which would move the others.
        for index in (from..state.kept.len()).rev() {
            unread.extend(state.take(index));
        }
        drop(state);
        unwind::drop_each(unread);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(&self.shared, &mut f.debug_struct("Sender"))
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = self.unread();
        describe(&self.shared, f.debug_struct("Receiver").field("unread", &unread))
    }
}

/// Shows a channel. The lock is released before that, since the writer is a user's code.
fn describe<T>(shared: &Queue<u64, State<T>>, shown: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
    let state = shared.lock();
    let counts = [state.kept.len(), state.capacity, state.senders, state.receivers];
    drop(state);
    for (name, count) in ["kept", "capacity", "senders", "receivers"].into_iter().zip(counts) {
        shown.field(name, &count);
    }
    shown.finish()
}

impl<T: Clone> crate::waiters::Sealed for &Receiver<T> {}

impl<'a, T: Clone> Selectable for &'a Receiver<T> {
    type Output = Result<T, RecvError>;
    type Arm = NewsArm<'a, Receiver<T>, Result<Arc<T>, RecvError>>;

    fn arm(self) -> Self::Arm {
        NewsArm::new(self)
    }
}

impl<T: Clone> Receive for &Receiver<T> {}

impl<T> Listener for Receiver<T> {
    type State = State<T>;
    type Received = Result<Arc<T>, RecvError>;

    const PLAIN: &'static str = "recv on a broadcast channel";

    fn queue(&self) -> &Queue<u64, State<T>> {
        &self.shared
    }

    fn try_receive(&self, state: &mut State<T>) -> Option<Result<Arc<T>, RecvError>> {
        state.receive(self.number)
    }

    fn is_told(&self, state: &mut State<T>) -> bool {
        state.senders == 0 || *state.position(self.number) < state.next
    }

    fn in_words(&self, words: &mut Words) {
        words.created("recv on a broadcast channel", self.shared.lock().site);
    }
}

impl<T: Clone> Arm for NewsArm<'_, Receiver<T>, Result<Arc<T>, RecvError>> {
    type Output = Result<T, RecvError>;

    fn take(self) -> Result<T, RecvError> {
        self.received().expect("the arm was chosen").map(own)
    }
}
