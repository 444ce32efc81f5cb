//! The integration tests, through the public face only; a module a theme.

mod cancel;
mod channel;
mod combinators;
mod group;
mod join;
mod macros;
mod panic;
mod park;
mod process;
mod regressions;
mod runtime;
mod scheduler;
mod scope;
mod select;
mod shield;
mod spawn;
mod storm;
mod stress;
mod support;
mod sync;
mod task_local;
mod tcp;
mod timeout;
mod tracing;
mod traits;
mod unwinding;
