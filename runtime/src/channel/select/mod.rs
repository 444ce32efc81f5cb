//! A choice whose operations are known only when the program runs.

mod ends;

use std::fmt;
use std::mem;
use std::time::{Duration, Instant};

use self::ends::{End, Held, Token};
use super::arm::Chosen;
use super::chan::Right;
use super::error::{
    ReadyTimeoutError, RecvError, SelectTimeoutError, SendError, TryReadyError, TrySelectError,
};
use super::receiver::{Flavor, Receiver};
use super::sender::Sender;
use crate::waiters::{Aim, Choice, Limit, choose};

/// Waits on a set of channel operations, of which it chooses one: `select!` for sets that are made
/// while the program runs.
///
/// Operations are added by [`Select::send`] and [`Select::recv`], which give each its index. Then
/// [`Select::select`] waits until one can be done and chooses it, and the operation is completed
/// through the [`SelectedOperation`]; or [`Select::ready`] waits until one can be done and chooses
/// nothing.
///
/// A set of many operations is better made once and used again.
///
/// # Examples
///
/// ```
/// use gocoro::channel::{Receiver, RecvError, Select, unbounded};
///
/// fn recv_any<T>(receivers: &[Receiver<T>]) -> Result<T, RecvError> {
///     let mut select = Select::new();
///     for receiver in receivers {
///         select.recv(receiver);
///     }
///     let chosen = select.select();
///     let index = chosen.index();
///     chosen.recv(&receivers[index])
/// }
///
/// let (quiet, loud) = (unbounded(), unbounded());
/// loud.0.send(10)?;
/// assert_eq!(recv_any(&[quiet.1, loud.1]), Ok(10));
/// # Ok::<(), gocoro::channel::SendError<i32>>(())
/// ```
pub struct Select<'a> {
    /// The operations by their indices. A removed one leaves `None`.
    operations: Vec<Option<Operation<'a>>>,
    /// The indices that are in use.
    order: Vec<usize>,
    biased: bool,
}

struct Operation<'a> {
    end: &'a (dyn End + 'a),
    arm: Box<dyn Held + 'a>,
}

// SAFETY: arms are touched by `&mut self` only, and between two calls they are linked nowhere and
// hold nothing. The ends are channels, which many threads may use at once. Their messages need not
// be `Send`: a choice moves a message from place to place inside its channel, and neither looks at
// it nor drops it. Whoever takes the message out needs the end itself, which is shared only if
// messages are `Send`.
unsafe impl Send for Select<'_> {}
// SAFETY: a shared set can be cloned and shown, which reads the ends and the order, and no arm.
unsafe impl Sync for Select<'_> {}

impl<'a> Select<'a> {
    /// Makes an empty set. If several operations can be done, any of them may be chosen.
    pub fn new() -> Select<'a> {
        Select { operations: Vec::new(), order: Vec::new(), biased: false }
    }

    /// Makes an empty set. If several operations can be done, the one added first is chosen.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{Select, unbounded};
    ///
    /// let (first, second) = (unbounded(), unbounded());
    /// second.0.send(2)?;
    /// first.0.send(1)?;
    /// let mut select = Select::new_biased();
    /// select.recv(&first.1);
    /// select.recv(&second.1);
    /// let chosen = select.select();
    /// assert_eq!(chosen.index(), 0);
    /// assert_eq!(chosen.recv(&first.1), Ok(1));
    /// # Ok::<(), gocoro::channel::SendError<i32>>(())
    /// ```
    pub fn new_biased() -> Select<'a> {
        Select { biased: true, ..Select::new() }
    }

    /// Adds a send and returns its index.
    pub fn send<T>(&mut self, sender: &'a Sender<T>) -> usize {
        self.add(sender)
    }

    /// Adds a receive and returns its index.
    pub fn recv<T>(&mut self, receiver: &'a Receiver<T>) -> usize {
        self.add(receiver)
    }

    fn add(&mut self, end: &'a (dyn End + 'a)) -> usize {
        let index = self.operations.len();
        self.operations.push(Some(Operation { end, arm: end.arm() }));
        self.order.push(index);
        index
    }

    /// Takes an operation out of the set. The others keep their indices.
    ///
    /// # Panics
    ///
    /// If no operation has this index.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{Select, unbounded};
    ///
    /// let (_sender, receiver) = unbounded::<i32>();
    /// let mut select = Select::new();
    /// let index = select.recv(&receiver);
    /// select.remove(index);
    /// assert!(select.try_select().is_err());
    /// ```
    pub fn remove(&mut self, index: usize) {
        let operation = self.operations.get_mut(index).and_then(Option::take);
        assert!(operation.is_some(), "no operation with this index");
        self.order.retain(|&other| other != index);
    }

    /// Chooses an operation that can be done at once.
    ///
    /// # Parks
    ///
    /// Never for an operation, but for a message that is being made, as [`Receiver::try_recv`]. As
    /// every operation, it gives way when many have been done in a row, which is a cancel point.
    ///
    /// # Errors
    ///
    /// No operation can be done at once.
    pub fn try_select(&mut self) -> Result<SelectedOperation<'a>, TrySelectError> {
        self.choose(Limit::Now).ok_or(TrySelectError)
    }

    /// Waits until an operation can be done and chooses it.
    ///
    /// # Parks
    ///
    /// Until an operation can be done. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// If the set is empty.
    pub fn select(&mut self) -> SelectedOperation<'a> {
        self.choose(Limit::Never).expect("without a limit something is chosen")
    }

    /// Chooses an operation as [`Select::select`] does, but waits no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Select::select`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up.
    ///
    /// # Panics
    ///
    /// If the set is empty and `timeout` is longer than an [`Instant`] can tell: the wait would
    /// never end.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{Select, unbounded};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = unbounded();
    /// let mut select = Select::new();
    /// select.recv(&receiver);
    /// assert!(select.select_timeout(Duration::from_millis(5)).is_err());
    ///
    /// gocoro::go!(clone(sender) => { sender.send(1) });
    /// let chosen = select.select_timeout(Duration::MAX)?;
    /// assert_eq!(chosen.recv(&receiver), Ok(1));
    /// # Ok::<(), gocoro::channel::SelectTimeoutError>(())
    /// ```
    pub fn select_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(Limit::within(timeout)).ok_or(SelectTimeoutError)
    }

    /// Chooses an operation as [`Select::select`] does, but does not wait beyond `deadline`.
    ///
    /// # Parks
    ///
    /// As [`Select::select`], up to `deadline`.
    ///
    /// # Errors
    ///
    /// The time was up.
    pub fn select_deadline(
        &mut self,
        deadline: Instant,
    ) -> Result<SelectedOperation<'a>, SelectTimeoutError> {
        self.choose(Limit::Until(deadline)).ok_or(SelectTimeoutError)
    }

    /// Finds an operation that can be done at once.
    ///
    /// Another task or thread may be faster, so the operation is best done with `try_recv` or
    /// `try_send`.
    ///
    /// # Parks
    ///
    /// Never for an operation. As every operation, it gives way when many have been done in a row,
    /// which is a cancel point.
    ///
    /// # Errors
    ///
    /// No operation can be done at once.
    pub fn try_ready(&mut self) -> Result<usize, TryReadyError> {
        self.find(Limit::Now, Aim::Watch).ok_or(TryReadyError)
    }

    /// Waits until an operation can be done, and returns its index.
    ///
    /// The answer may be wrong, and another task or thread may be faster. So the operation is best
    /// done with `try_recv` or `try_send`, in a loop.
    ///
    /// # Parks
    ///
    /// Until an operation can be done. On a plain thread it blocks the thread.
    ///
    /// # Panics
    ///
    /// If the set is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{Select, unbounded};
    ///
    /// let (sender, receiver) = unbounded();
    /// gocoro::go!(sender.send(1));
    /// let mut select = Select::new();
    /// select.recv(&receiver);
    /// let message = loop {
    ///     select.ready();
    ///     match receiver.try_recv() {
    ///         Err(error) if error.is_empty() => continue,
    ///         message => break message,
    ///     }
    /// };
    /// assert_eq!(message, Ok(1));
    /// ```
    pub fn ready(&mut self) -> usize {
        self.find(Limit::Never, Aim::Watch).expect("without a limit something is found")
    }

    /// Finds an operation as [`Select::ready`] does, but waits no longer than `timeout`.
    ///
    /// # Parks
    ///
    /// As [`Select::ready`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The time was up.
    ///
    /// # Panics
    ///
    /// If the set is empty and `timeout` is longer than an [`Instant`] can tell: the wait would
    /// never end.
    pub fn ready_timeout(&mut self, timeout: Duration) -> Result<usize, ReadyTimeoutError> {
        self.find(Limit::within(timeout), Aim::Watch).ok_or(ReadyTimeoutError)
    }

    /// Finds an operation as [`Select::ready`] does, but does not wait beyond `deadline`.
    ///
    /// # Parks
    ///
    /// As [`Select::ready`], up to `deadline`.
    ///
    /// # Errors
    ///
    /// The time was up.
    pub fn ready_deadline(&mut self, deadline: Instant) -> Result<usize, ReadyTimeoutError> {
        self.find(Limit::Until(deadline), Aim::Watch).ok_or(ReadyTimeoutError)
    }

    fn find(&mut self, limit: Limit, aim: Aim) -> Option<usize> {
        let ends = limit != Limit::Never || !self.order.is_empty();
        assert!(ends, "no operations have been added to `Select`");
        let operations = &self.operations;
        let arm = |index: usize| -> &dyn Choice { &*operation(operations, index).arm };
        choose(&arm, &mut self.order, !self.biased, limit, aim)
    }

    fn choose(&mut self, limit: Limit) -> Option<SelectedOperation<'a>> {
        let index = self.find(limit, Aim::Take)?;
        let Operation { end, arm } = operation(&self.operations, index);
        Some(SelectedOperation { index, end: *end, token: arm.hold() })
    }
}

fn operation<'s, 'a>(operations: &'s [Option<Operation<'a>>], index: usize) -> &'s Operation<'a> {
    operations[index].as_ref().expect("an index in use")
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl<'a> Clone for Select<'a> {
    fn clone(&self) -> Select<'a> {
        let operations = self.operations.iter().map(|operation| {
            let end: &'a (dyn End + 'a) = operation.as_ref()?.end;
            Some(Operation { end, arm: end.arm() })
        });
        Select { operations: operations.collect(), order: self.order.clone(), biased: self.biased }
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("operations", &self.order.len())
            .field("biased", &self.biased)
            .finish()
    }
}

/// An operation that a [`Select`] chose. It is completed by [`SelectedOperation::send`] or
/// [`SelectedOperation::recv`], with the sender or receiver that was added.
///
/// If it is dropped instead, the operation is undone: a message that it received stands in front of
/// the channel again, and a place that it had for a message is free.
#[must_use = "a chosen operation that is not completed is undone"]
pub struct SelectedOperation<'a> {
    index: usize,
    end: &'a (dyn End + 'a),
    token: Token,
}

impl SelectedOperation<'_> {
    /// The index of the operation.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Completes a send.
    ///
    /// # Errors
    ///
    /// No receiver is left. The message comes back.
    ///
    /// # Panics
    ///
    /// If the operation was not added with this sender.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::channel::{Select, bounded};
    ///
    /// let (sender, receiver) = bounded(1);
    /// let mut select = Select::new();
    /// select.send(&sender);
    /// select.select().send(&sender, 5)?;
    /// assert_eq!(receiver.recv(), Ok(5));
    /// # Ok::<(), gocoro::channel::SendError<i32>>(())
    /// ```
    #[track_caller]
    pub fn send<T>(mut self, sender: &Sender<T>, message: T) -> Result<(), SendError<T>> {
        let same = std::ptr::addr_eq(self.end, sender);
        assert!(same, "passed a sender that wasn't selected");
        let right = match mem::replace(&mut self.token, Token::Used) {
            Token::Reserved => Right::Reserved,
            Token::Partner(node) => Right::Partner(node.cast()),
            _ => Right::Closed,
        };
        Chosen::new(sender.chan(), right).send(message)
    }

    /// Completes a receive.
    ///
    /// # Errors
    ///
    /// The channel was empty, and no sender was left.
    ///
    /// # Panics
    ///
    /// If the operation was not added with this receiver.
    ///
    /// # Examples
    ///
    /// See [`Select`].
    #[track_caller]
    pub fn recv<T>(mut self, receiver: &Receiver<T>) -> Result<T, RecvError> {
        let same = std::ptr::addr_eq(self.end, receiver);
        assert!(same, "passed a receiver that wasn't selected");
        match (mem::replace(&mut self.token, Token::Used), receiver.flavor()) {
            (Token::Message(ticket), Flavor::Chan(chan)) => chan.redeem(ticket).ok_or(RecvError),
            (Token::Time(at), Flavor::Timed(timed)) => Ok(timed.message(at)),
            _ => Err(RecvError),
        }
    }
}

impl Drop for SelectedOperation<'_> {
    fn drop(&mut self) {
        self.end.undo(self.token);
    }
}

impl fmt::Debug for SelectedOperation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectedOperation").field("index", &self.index).finish_non_exhaustive()
    }
}
