//! Why a semaphore gave no permit.

use std::fmt;

/// [`Semaphore::acquire`](super::Semaphore::acquire) got no permit, because the semaphore is
/// closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcquireError;

/// Why [`Semaphore::try_acquire`](super::Semaphore::try_acquire) got no permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TryAcquireError {
    /// No permit is free now, or too few are.
    NoPermits,
    /// The semaphore is closed.
    Closed,
}

impl From<AcquireError> for TryAcquireError {
    fn from(AcquireError: AcquireError) -> TryAcquireError {
        TryAcquireError::Closed
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore is closed")
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryAcquireError::NoPermits => f.write_str("no permit of the semaphore is free"),
            TryAcquireError::Closed => AcquireError.fmt(f),
        }
    }
}

impl std::error::Error for AcquireError {}
impl std::error::Error for TryAcquireError {}
