//! Boundaries: what bounds or shields the waits of a task or a plain thread.
//!
//! A boundary is a record on the stack of the function that opened it, so opening one allocates
//! nothing. Open boundaries form a list, innermost first, in the [`Waits`] of the task or the
//! thread. A throw leads to the outermost boundary that has run out and that no shield hides. If
//! the
//! task is cancelled, the throw leads to the task's root, unless a shield hides the cancel.
//!
//! This module knows neither tasks nor workers. Whoever opens a timeout in a task sets a timer,
//! which
//! marks the timeout as expired. A plain thread marks its own, by the clock.

mod record;
mod waits;

pub(crate) use record::Boundary;
pub(crate) use waits::{Mark, Waits};
