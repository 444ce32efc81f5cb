//! Every refusal: what is read here either does what it seems to say, or is refused with the form
//! to write instead.

mod body;
pub(crate) mod entry;
mod header;
pub(crate) mod options;
pub(crate) mod select;
pub(crate) mod spawn;

use syn::{Error, Expr, Result};

/// The refusals of one input, so that they are reported together.
#[derive(Default)]
struct Refusals(Option<Error>);

impl Refusals {
    fn add(&mut self, refusal: Error) {
        match &mut self.0 {
            Some(first) => first.combine(refusal),
            none => *none = Some(refusal),
        }
    }

    /// Notes the refusal of a check, or returns what the check gave.
    fn take<T>(&mut self, checked: Result<T>) -> Option<T> {
        checked.map_err(|refusal| self.add(refusal)).ok()
    }

    /// The value, if nothing was refused; else all refusals.
    fn finish<T>(self, value: T) -> Result<T> {
        match self.0 {
            Some(refusals) => Err(refusals),
            None => Ok(value),
        }
    }
}

/// The expression in the invisible delimiters that a `macro_rules!` fragment arrives in.
pub(crate) fn ungroup(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => ungroup(&group.expr),
        other => other,
    }
}
