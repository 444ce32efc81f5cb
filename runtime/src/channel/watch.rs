//! Channels of one value, of which receivers see the latest: a configuration, a state, a progress.
//!
//! ```
//! use gocoro::channel::watch;
//! use gocoro::go;
//!
//! let (level, seen) = watch(1);
//! let reader = go!({
//!     while *seen.borrow() < 3 {
//!         seen.changed().unwrap(); // waits for a value that it has not seen
//!     }
//!     *seen.borrow()
//! });
//! level.send(2).unwrap();
//! level.send(3).unwrap();
//! assert_eq!(reader.wait(), 3);
//! ```
//!
//! A receiver that comes late misses what was overwritten, and nothing else. Sending never waits.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::error::{RecvError, RecvTimeoutError, SendError};
use super::news::{self, Listener, News, NewsArm};
use super::news_future::ChangedFuture;
use crate::clock;
use crate::park;
use crate::task::Words;
use crate::waiters::{Arm, Locked, Queue, Selectable};

/// Makes a channel of one value, of which receivers see the latest.
///
/// # Examples
///
/// ```
/// use gocoro::channel::watch;
///
/// let (sender, receiver) = watch("starting");
/// assert_eq!(*receiver.borrow(), "starting");
///
/// gocoro::go!({ sender.send("running") });
/// receiver.changed()?;
/// assert_eq!(receiver.get(), "running");
/// # Ok::<(), gocoro::channel::RecvError>(())
/// ```
#[track_caller]
pub fn watch<T>(initial: T) -> (Sender<T>, Receiver<T>) {
    let (value, site) = (Arc::new(initial), Location::caller());
    let state = State { value, version: 0, senders: 1, receivers: 1, site };
    let shared = Arc::new(Queue::with(state));
    (Sender { shared: shared.clone() }, Receiver { shared, seen: AtomicU64::new(0) })
}

pub(super) struct State<T> {
    value: Arc<T>,
    version: u64,
    senders: usize,
    receivers: usize,
    /// Where the channel was created.
    site: &'static Location<'static>,
}

impl<T> News for State<T> {
    fn newest(&self) -> u64 {
        if self.senders == 0 { u64::MAX } else { self.version }
    }
}

/// The side of a watch channel that changes the value. It can be cloned and shared.
pub struct Sender<T> {
    shared: Arc<Queue<u64, State<T>>>,
}

/// The side of a watch channel that sees the value.
pub struct Receiver<T> {
    shared: Arc<Queue<u64, State<T>>>,
    /// The newest version that this receiver has acknowledged.
    seen: AtomicU64,
}

/// The value as it was when somebody looked at it. It holds no lock: the channel's value may change
/// meanwhile, and this one stays what it is.
pub struct Ref<T>(Arc<T>);

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Sender<T> {
    /// Changes the value, and wakes all who wait for that.
    ///
    /// # Parks
    ///
    /// Never for a receiver. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// There is no receiver. The new value comes back, and the old one stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{SendError, watch};
    ///
    /// let (sender, receiver) = watch(0);
    /// assert_eq!(sender.send(1), Ok(()));
    /// drop(receiver);
    /// assert_eq!(sender.send(2), Err(SendError(2)));
    /// assert_eq!(*sender.borrow(), 1);
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        park::spent();
        let state = self.shared.lock();
        if state.receivers == 0 {
            drop(state);
            return Err(SendError(value));
        }
        drop(self.replace(state, value));
        Ok(())
    }

    /// Changes the value, whether there is a receiver or not, and returns the old one.
    ///
    /// # Parks
    ///
    /// As [`Sender::send`].
    pub fn send_replace(&self, value: T) -> Ref<T> {
        park::spent();
        Ref(self.replace(self.shared.lock(), value))
    }

    fn replace(&self, mut state: Locked<'_, u64, State<T>>, value: T) -> Arc<T> {
        let before = std::mem::replace(&mut state.value, Arc::new(value));
        state.version += 1;
        let version = state.version;
        drop(state);
        news::tell(&self.shared, version);
        before
    }

    /// The current value.
    pub fn borrow(&self) -> Ref<T> {
        park::looked();
        Ref(self.shared.lock().value.clone())
    }

    /// Makes a receiver that has seen the current value.
    pub fn subscribe(&self) -> Receiver<T> {
        let mut state = self.shared.lock();
        state.receivers += 1;
        let seen = AtomicU64::new(state.version);
        drop(state);
        Receiver { shared: self.shared.clone(), seen }
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        park::looked();
        self.shared.lock().receivers
    }

    /// Whether there is no receiver.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }
}

impl<T> Receiver<T> {
    /// The current value. [`Receiver::borrow_and_update`] also marks it seen.
    pub fn borrow(&self) -> Ref<T> {
        park::looked();
        Ref(self.shared.lock().value.clone())
    }

    /// The current value, which is marked seen.
    pub fn borrow_and_update(&self) -> Ref<T> {
        park::looked();
        let state = self.shared.lock();
        self.seen.store(state.version, Relaxed);
        Ref(state.value.clone())
    }

    /// A clone of the current value.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        T::clone(&self.borrow())
    }

    /// Waits until there is a value that this receiver has not seen, and marks it seen.
    ///
    /// # Parks
    ///
    /// Until there is such a value. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// There is no such value, and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::watch;
    ///
    /// let (sender, receiver) = watch(1);
    /// let setting = gocoro::go!({ sender.send(2) });
    /// receiver.changed()?;
    /// assert_eq!(*receiver.borrow(), 2);
    ///
    /// setting.wait().ok();
    /// assert!(receiver.changed().is_err(), "its sender is gone");
    /// # Ok::<(), gocoro::channel::RecvError>(())
    /// ```
    pub fn changed(&self) -> Result<(), RecvError> {
        park::spent();
        news::receive(self, None).unwrap_or(Err(RecvError))
    }

    /// A future that waits for a new value, as [`Receiver::changed`] does, for any executor.
    ///
    /// # Errors
    ///
    /// The future's output is an error where [`Receiver::changed`] returns one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::watch;
    /// use gocoro::future;
    ///
    /// let (sender, receiver) = watch(1);
    /// gocoro::go!({ sender.send(2) });
    /// future::wait(receiver.changed_async())?;
    /// assert_eq!(*receiver.borrow(), 2);
    /// # Ok::<(), gocoro::channel::RecvError>(())
    /// ```
    pub fn changed_async(&self) -> ChangedFuture<'_, T> {
        ChangedFuture::new(self)
    }

    /// Waits for a new value as [`Receiver::changed`] does, but no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Receiver::changed`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up, or there is no new value and no sender is left.
    pub fn changed_timeout(&self, timeout: Duration) -> Result<(), RecvTimeoutError> {
        park::spent();
        Ok(news::receive(self, clock::after(timeout)).ok_or(RecvTimeoutError::Timeout)??)
    }

    /// Waits until `such` accepts the value, which it may do at once.
    ///
    /// # Parks
    ///
    /// As [`Receiver::changed`].
    ///
    /// # Errors
    ///
    /// `such` does not accept the value, and no sender is left.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = gocoro::channel::watch(0);
    /// gocoro::go!({ (1..=9).try_for_each(|count| sender.send(count)) });
    /// assert!(*receiver.wait_for(|&count| count >= 5)? >= 5);
    /// # Ok::<(), gocoro::channel::RecvError>(())
    /// ```
    pub fn wait_for(&self, mut such: impl FnMut(&T) -> bool) -> Result<Ref<T>, RecvError> {
        loop {
            let value = self.borrow_and_update();
            if such(&value) {
                return Ok(value);
            }
            self.changed()?;
        }
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// No sender is left.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        park::looked();
        self.changes()
    }

    fn changes(&self) -> Result<bool, RecvError> {
        let state = self.shared.lock();
        match state.senders {
            0 => Err(RecvError),
            _ => Ok(state.version > self.seen.load(Relaxed)),
        }
    }

    /// Whether both receivers see one value.
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

impl<T> Clone for Receiver<T> {
    /// Makes a receiver that has seen what this one has seen.
    fn clone(&self) -> Receiver<T> {
        self.shared.lock().receivers += 1;
        let seen = AtomicU64::new(self.seen.load(Relaxed));
        Receiver { shared: self.shared.clone(), seen }
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
        self.shared.lock().receivers -= 1;
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, receivers) = (self.borrow(), self.receiver_count());
        f.debug_struct("Sender").field("value", &value).field("receivers", &receivers).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, changed) = (self.borrow(), self.changes());
        f.debug_struct("Receiver").field("value", &value).field("changed", &changed).finish()
    }
}

impl<T> crate::waiters::Sealed for &Receiver<T> {}

impl<'a, T> Selectable for &'a Receiver<T> {
    type Output = Result<(), RecvError>;
    type Arm = NewsArm<'a, Receiver<T>, Result<(), RecvError>>;

    fn arm(self) -> Self::Arm {
        NewsArm::new(self)
    }
}

impl<T> Listener for Receiver<T> {
    type State = State<T>;
    type Received = Result<(), RecvError>;

    const PLAIN: &'static str = "change of a watch channel";

    fn queue(&self) -> &Queue<u64, State<T>> {
        &self.shared
    }

    /// Marks the current value seen, if it is new.
    fn try_receive(&self, state: &mut State<T>) -> Option<Result<(), RecvError>> {
        if state.version > self.seen.load(Relaxed) {
            self.seen.store(state.version, Relaxed);
            return Some(Ok(()));
        }
        (state.senders == 0).then_some(Err(RecvError))
    }

    fn is_told(&self, state: &mut State<T>) -> bool {
        state.senders == 0 || state.version > self.seen.load(Relaxed)
    }

    fn in_words(&self, words: &mut Words) {
        words.created("change of a watch channel", self.shared.lock().site);
    }
}

impl<T> Arm for NewsArm<'_, Receiver<T>, Result<(), RecvError>> {
    type Output = Result<(), RecvError>;

    fn take(self) -> Result<(), RecvError> {
        self.received().expect("the arm was chosen")
    }
}
