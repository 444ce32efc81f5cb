//! Runtimes seen from outside.

mod deadlock;
mod debuggers;
mod events;
#[cfg(feature = "inspect")]
mod inspect;
mod metrics;
mod recorder;
mod stacks;
mod stall;
