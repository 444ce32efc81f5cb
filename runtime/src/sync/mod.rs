//! What tasks and threads share and wait for: std's primitives, and a few more.
//!
//! Each primitive is an atomic word, which is enough while nobody waits, and a `Queue` for those
//! who wait. Whoever ends a wait writes the word and claims the wait under the queue's lock,
//! releases the lock, and gives the wake last.

mod holder;
mod poison;
mod raw_mutex;
mod raw_rwlock;

mod arm;

mod barrier;
mod condvar;
mod lazy_lock;
mod mutex;
mod once;
mod once_lock;
mod rwlock;

pub mod mpsc;

mod event;
mod future;
mod promise;
mod semaphore;
mod wait_group;

pub use arm::QueueArm;
pub(crate) use arm::{Grant, Queued};
pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use event::Event;
pub use future::DeferredFuture;
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
#[expect(deprecated, reason = "std has it, too")]
pub use once::ONCE_INIT;
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use promise::{AbandonedPromise, Deferred, Promise, promise};
pub(crate) use raw_mutex::RawMutex;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{AcquireError, OwnedPermit, Permit, Semaphore, TryAcquireError};
pub use wait_group::WaitGroup;
