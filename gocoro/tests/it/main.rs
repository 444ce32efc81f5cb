//! The integration tests, through the public face only; a module a theme.

#![allow(
    clippy::iter_next_slice,
    clippy::let_unit_value,
    clippy::map_identity,
    clippy::never_loop,
    clippy::type_complexity,
    clippy::useless_vec,
    reason = "the forms are what the tests are about"
)]

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
mod stress;
mod support;
mod sync;
mod task_local;
mod tcp;
mod timeout;
mod tracing;
mod traits;
mod unwinding;
