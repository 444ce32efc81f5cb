//! Boundaries: what bounds or shields the waits of a task or a plain thread.
//!
//! A boundary is a record on the stack of the function that opened it, so opening one allocates
//! nothing. Those that are open form a list, innermost first, in the [`Waits`] of the task or the
//! thread. A throw leads to the outermost boundary that has run out and that no shield hides; a
//! cancel of the task goes before all of them, to its root.
//!
//! This module knows neither tasks nor workers. Who opens a timeout for a task sets a timer that
//! marks it; a plain thread looks at the clock.

mod record;
mod waits;

pub(crate) use record::Boundary;
pub(crate) use waits::Waits;
