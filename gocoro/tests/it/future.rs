//! Futures both ways: waiting for them, and being one.

mod awaited;
mod dropped;
mod executor;
mod readiness;
mod readiness_wakers;
mod storm;
mod waits;
mod wakers;
