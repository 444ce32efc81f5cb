//! Futures both ways: waiting for them, and being one.

mod awaited;
mod dropped;
mod executor;
mod storm;
mod waits;
mod wakers;
