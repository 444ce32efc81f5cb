//! The integration tests, through the public face only; a module a theme.

mod macros;
mod support;
mod sync;
mod tcp;
