//! Runtimes seen from outside.

mod deadlock;
mod events;
mod metrics;
mod recorder;
mod stacks;
mod stall;
