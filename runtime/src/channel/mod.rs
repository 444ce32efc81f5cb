//! Channels: messages from many senders to many receivers.
//!
//! Reading order: `slot` (the hand-over, and who may touch what when), `state` (the transitions),
//! `chan` (the operations), `arm` (the operations as arms of a choice). The other modules are the
//! public types on top of these.

mod arm;
pub mod broadcast;
mod chan;
mod error;
mod future;
mod iter;
mod news;
mod news_future;
pub mod oneshot;
mod receiver;
mod select;
mod sender;
mod slot;
mod state;
mod timed;
pub mod watch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::chan::Chan;
use self::state::UNBOUNDED;
use self::timed::Timed;
use crate::clock;

pub use self::arm::{Chosen, RecvArm, SendArm};
pub use self::broadcast::broadcast;
pub use self::error::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError,
    SendTimeoutError, TryReadyError, TryRecvError, TrySelectError, TrySendError,
};
pub use self::future::{RecvFuture, SendFuture};
pub use self::iter::{IntoIter, Iter, TryIter};
pub use self::news::NewsArm;
pub use self::news_future::{BroadcastFuture, ChangedFuture};
pub use self::oneshot::oneshot;
pub use self::receiver::{Receiver, ReceiverArm};
pub use self::select::{Select, SelectedOperation};
pub use self::sender::Sender;
pub use self::watch::watch;

/// Makes a channel that holds any number of messages.
///
/// Sending never waits.
///
/// # Examples
///
/// ```
/// use gocoro::channel::unbounded;
/// use gocoro::go;
///
/// let (sender, receiver) = unbounded();
/// go!(clone(sender) => { sender.send(fib(20)) });
/// assert_eq!(receiver.recv(), Ok(6765));
///
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
/// ```
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    with_capacity(UNBOUNDED)
}

/// Makes a channel that holds up to `capacity` messages.
///
/// With a capacity of zero the channel holds none: a send and a receive meet, and each waits for
/// the other. Memory is taken by messages, not by the capacity, so no capacity is too large.
/// `usize::MAX` counts as one less.
///
/// # Examples
///
/// ```
/// use gocoro::channel::{TrySendError, bounded};
///
/// let (sender, receiver) = bounded(1);
/// sender.send('a')?;
/// assert_eq!(sender.try_send('b'), Err(TrySendError::Full('b')));
/// assert_eq!(receiver.recv(), Ok('a'));
///
/// let (sender, receiver) = bounded(0);
/// let meeting = gocoro::go!(sender.send('c'));
/// assert_eq!(receiver.recv(), Ok('c'));
/// meeting.wait()?;
/// # Ok::<(), gocoro::channel::SendError<char>>(())
/// ```
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    with_capacity(capacity.min(UNBOUNDED - 1))
}

#[track_caller]
fn with_capacity<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Arc::new(Chan::new(capacity));
    (Sender::new(chan.clone()), Receiver::of_chan(chan))
}

/// Makes a receiver of one message, which is there when `duration` has passed: the instant at which
/// the message was due.
///
/// The receiver never disconnects.
///
/// # Examples
///
/// ```
/// use gocoro::channel::{after, unbounded};
/// use gocoro::select;
/// use std::time::Duration;
///
/// let (_sender, receiver) = unbounded::<i32>();
/// select! {
///     recv(receiver) -> _ => unreachable!("nobody sends"),
///     recv(after(Duration::from_millis(5))) -> _ => println!("timed out"),
/// }
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    clock::after(duration).map_or(never(), at)
}

/// Makes a receiver of one message, as [`after`] does, but takes the instant at which the message
/// is due.
///
/// # Examples
///
/// ```
/// use gocoro::channel::at;
/// use std::time::{Duration, Instant};
///
/// let due = Instant::now() + Duration::from_millis(5);
/// assert_eq!(at(due).recv(), Ok(due));
/// assert!(Instant::now() >= due);
/// ```
pub fn at(when: Instant) -> Receiver<Instant> {
    Receiver::of_time(Timed::once(when))
}

/// Makes a receiver of one message every `period`: the instant at which the message was due.
///
/// A receiver that waits for each message gets the messages a period apart, however late the wakes
/// come. There is at most one message at a time. If a message was there before it was asked for,
/// the next one is due a whole period after it was asked for. The receiver never disconnects.
///
/// # Examples
///
/// ```
/// use gocoro::channel::tick;
/// use std::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let ticks = tick(Duration::from_millis(5));
/// assert_eq!(ticks.iter().take(3).count(), 3);
/// assert!(start.elapsed() >= Duration::from_millis(15));
/// ```
pub fn tick(period: Duration) -> Receiver<Instant> {
    Timed::every(period).map_or(never(), Receiver::of_time)
}

/// Makes a receiver that never has a message, and never disconnects.
///
/// # Examples
///
/// ```
/// use gocoro::channel::{after, never, unbounded};
/// use gocoro::select;
/// use std::time::Duration;
///
/// fn receive(receiver: gocoro::channel::Receiver<i32>, timeout: Option<Duration>) -> Option<i32> {
///     select! {
///         recv(receiver) -> message => message.ok(),
///         recv(timeout.map_or(never(), after)) -> _ => None,
///     }
/// }
///
/// let (sender, receiver) = unbounded();
/// sender.send(1)?;
/// assert_eq!(receive(receiver, None), Some(1));
/// # Ok::<(), gocoro::channel::SendError<i32>>(())
/// ```
pub const fn never<T>() -> Receiver<T> {
    Receiver::of_nothing()
}
