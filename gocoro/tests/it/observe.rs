//! Runtimes seen from outside.

mod deadlock;
mod metrics;
