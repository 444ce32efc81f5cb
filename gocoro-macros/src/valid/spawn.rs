//! What `go!` understands.

use proc_macro2::{Span, TokenStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Result, Token, token};

use super::header::{self, Settings};
use super::{Refusals, body};
use crate::parse::spawn::Spawn;

/// A `go!` that was accepted.
pub(crate) struct Task {
    pub(crate) facade: TokenStream,
    pub(crate) local: bool,
    /// The scope or the group that the task is spawned in.
    pub(crate) place: Option<Expr>,
    /// What the header asks for besides `local`, in the order written.
    pub(crate) steps: Vec<Step>,
    pub(crate) work: Work,
    /// Where the body begins.
    pub(crate) site: Span,
}

/// Something that the header has done before the task is spawned.
pub(crate) enum Step {
    /// Calls a method of the builder.
    Set {
        method: Ident,
        value: TokenStream,
    },
    Clone {
        mutable: Option<Token![mut]>,
        name: Ident,
        source: Expr,
    },
}

/// What the task runs.
pub(crate) enum Work {
    /// All that was written, which needs braces around it.
    Block(TokenStream),
    /// All that was written, which is one expression and needs no braces around it.
    Expr(TokenStream),
    /// One call, whose receiver and arguments are evaluated by the spawner.
    Call(Box<Call>),
}

pub(crate) struct Call {
    pub(crate) callee: Callee,
    pub(crate) parens: token::Paren,
    pub(crate) arguments: Punctuated<Expr, Token![,]>,
}

pub(crate) enum Callee {
    /// A path or a closure literal, which stays in the task.
    Kept(Expr),
    /// Any other function value, which is evaluated by the spawner.
    Bound(Expr),
    Method {
        receiver: Expr,
        bound: Bound,
        /// The tokens `.name::<T>`.
        method: TokenStream,
    },
}

/// When a receiver is put into a variable of its own.
pub(crate) enum Bound {
    /// The receiver is a value: it is evaluated in the order written.
    First,
    /// The receiver is a variable or a part of one, which the arguments may still use: it moves
    /// last.
    Last,
    /// The receiver is a static or a constant, which need not move.
    Never,
}

pub(crate) fn spawn(spawn: Spawn) -> Result<Task> {
    let mut refusals = Refusals::default();
    let Spawn { facade, header, body } = spawn;
    let arrow = header.as_ref().map(|header| header.arrow);
    let Settings { local, place, steps } = match header {
        Some(header) => header::settings(header, &mut refusals),
        None => Settings::default(),
    };
    let site = body.tokens.clone().into_iter().next().map_or_else(Span::call_site, |t| t.span());
    let refused = || Work::Block(TokenStream::new());
    let work = refusals.take(body::work(body, arrow)).unwrap_or_else(refused);
    refusals.finish(Task { facade, local, place, steps, work, site })
}

/// What the unit tests of the grammar ask.
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How a `go!` with this input is understood.
    pub(in crate::valid) fn understood(source: &str) -> String {
        let input = format!("[gocoro] {source}").parse().unwrap();
        match Spawn::parse(input).and_then(super::spawn) {
            Ok(Task { work, .. }) => match work {
                Work::Block(_) | Work::Expr(_) => "whole".to_owned(),
                Work::Call(call) => match call.callee {
                    Callee::Kept(_) => "call".to_owned(),
                    Callee::Bound(_) => "call of a value".to_owned(),
                    Callee::Method { bound, .. } => match bound {
                        Bound::First => "method of a value".to_owned(),
                        Bound::Last => "method of a place".to_owned(),
                        Bound::Never => "method of an item".to_owned(),
                    },
                },
            },
            Err(error) => format!("refused: {error}"),
        }
    }

    #[track_caller]
    pub(in crate::valid) fn refused(source: &str, why: &str) {
        let understood = understood(source);
        assert!(understood.starts_with("refused") && understood.contains(why), "{understood}");
    }
}
