//! The code that accepted input becomes.
//!
//! Names of gocoro are absolute, behind the facade's path. Names that the expansion makes up have
//! mixed-site hygiene, which hides them from the user's code. They are located where the user's own
//! tokens are, so that messages point there.

pub(crate) mod entry;
pub(crate) mod select;
pub(crate) mod spawn;
