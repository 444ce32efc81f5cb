//! Runtimes seen from outside.

mod metrics;
