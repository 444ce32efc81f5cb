//! Why a receiver of a broadcast channel received nothing.

use std::error::Error;
use std::fmt;

/// No message was received.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum RecvError {
    /// No sender is left, and every message was received.
    Closed,
    /// This many messages were lost, because the receiver was slow.
    Lagged(u64),
}

/// No message was received at once.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum TryRecvError {
    /// There is no message yet.
    Empty,
    /// No sender is left, and every message was received.
    Closed,
    /// This many messages were lost, because the receiver was slow.
    Lagged(u64),
}

/// No message was received in time.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum RecvTimeoutError {
    /// The time was up.
    Timeout,
    /// No sender is left, and every message was received.
    Closed,
    /// This many messages were lost, because the receiver was slow.
    Lagged(u64),
}

impl From<RecvError> for TryRecvError {
    fn from(error: RecvError) -> TryRecvError {
        match error {
            RecvError::Closed => TryRecvError::Closed,
            RecvError::Lagged(count) => TryRecvError::Lagged(count),
        }
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> RecvTimeoutError {
        match error {
            RecvError::Closed => RecvTimeoutError::Closed,
            RecvError::Lagged(count) => RecvTimeoutError::Lagged(count),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecvError::Closed => "receiving on an empty and disconnected channel".fmt(f),
            RecvError::Lagged(count) => write!(f, "receiving too slowly: {count} messages lost"),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryRecvError::Empty => "receiving on an empty channel".fmt(f),
            TryRecvError::Closed => RecvError::Closed.fmt(f),
            TryRecvError::Lagged(count) => RecvError::Lagged(count).fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RecvTimeoutError::Timeout => "timed out waiting on receive operation".fmt(f),
            RecvTimeoutError::Closed => RecvError::Closed.fmt(f),
            RecvTimeoutError::Lagged(count) => RecvError::Lagged(count).fmt(f),
        }
    }
}

impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}
