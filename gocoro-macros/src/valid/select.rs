//! What `select!` understands.

use proc_macro2::{Span, TokenStream};
use syn::{Error, Expr, Ident, Pat, Result};

use super::{Refusals, ungroup};
use crate::parse::select::{Arm, Select};

/// A `select!` that was accepted.
pub(crate) struct Choice {
    pub(crate) facade: TokenStream,
    pub(crate) biased: bool,
    pub(crate) operations: Vec<Operation>,
    pub(crate) default: Option<Default>,
}

/// An arm that may be chosen.
pub(crate) struct Operation {
    /// The function that makes the arm.
    pub(crate) name: Ident,
    pub(crate) source: Source,
    /// The value that a `send` sends.
    pub(crate) message: Option<Expr>,
    pub(crate) pattern: Option<Pat>,
    pub(crate) body: Expr,
}

/// What an arm waits for, and how it is bound.
pub(crate) enum Source {
    /// The arm takes the source by reference.
    Shared(Expr),
    /// The source is a `&mut` itself, and is reborrowed.
    Unique(Expr),
}

/// The arm `default`.
pub(crate) struct Default {
    pub(crate) timeout: Option<Expr>,
    pub(crate) body: Expr,
}

pub(crate) fn select(select: Select) -> Result<Choice> {
    let mut refusals = Refusals::default();
    let Select { facade, biased, arms } = select;
    let (mut operations, mut default) = (Vec::new(), None);
    if arms.is_empty() {
        refusals.add(Error::new(
            Span::call_site(),
            "a choice of nothing would wait for ever: write an arm, such as `recv(r) -> v => …`",
        ));
    }
    for arm in arms {
        if let Some(span) = arm.guard {
            refusals.add(Error::new(
                span,
                "arms have no `if` guards: make the source depend on the condition, as in \
                 `recv(if open { &r } else { &channel::never() }) -> v => …`",
            ));
        }
        if arm.operation == "default" {
            if default.is_some() {
                let text = "there can be one `default` only";
                refusals.add(Error::new(arm.operation.span(), text));
            }
            default = refusals.take(default_arm(arm)).or(default);
        } else {
            operations.extend(refusals.take(operation(arm)));
        }
    }
    refusals.finish(Choice { facade, biased, operations, default })
}

fn default_arm(arm: Arm) -> Result<Default> {
    if let Some((span, _)) = arm.pattern {
        return Err(Error::new(span, "`default` has nothing to name: write `default => …`"));
    }
    let (span, mut arguments) = arm.arguments.unwrap_or((arm.arrow, Vec::new()));
    if arguments.len() > 1 {
        return Err(Error::new(span, "write `default => …` or `default(timeout) => …`"));
    }
    Ok(Default { timeout: arguments.pop(), body: arm.body })
}

fn operation(arm: Arm) -> Result<Operation> {
    let Arm { operation: name, arguments, pattern, arrow, body, .. } = arm;
    let (form, names) = match &*name.to_string() {
        "recv" => ("recv(r) -> v => …", true),
        "send" => ("send(s, v) -> r => …", true),
        "join" => ("join(&mut handle) -> r => …", true),
        "wait" => ("wait(x) -> v => …", false),
        "readable" => ("readable(io) => …", false),
        "writable" => ("writable(io) => …", false),
        other => return Err(unknown(&name, other)),
    };
    let (span, arguments) = arguments.unwrap_or((name.span(), Vec::new()));
    let wanted = if name == "send" { 2 } else { 1 };
    if arguments.len() != wanted {
        return Err(Error::new(span, format!("write `{form}`")));
    }
    if names && pattern.is_none() {
        return Err(Error::new(arrow, format!("the outcome needs a name, or `_`: write `{form}`")));
    }
    if let (Some((_, pattern)), true) = (&pattern, name != "wait") {
        whole(pattern, &name)?;
    }
    let mut arguments = arguments.into_iter();
    let source = arguments.next().expect("it was counted");
    let unique = name == "join"
        || name == "wait"
            && matches!(ungroup(&source), Expr::Reference(place) if place.mutability.is_some());
    let source = if unique { Source::Unique(source) } else { Source::Shared(source) };
    let pattern = pattern.map(|(_, pattern)| pattern);
    Ok(Operation { name, source, message: arguments.next(), pattern, body })
}

/// The refusal of an unknown operation, with the one that was perhaps meant.
fn unknown(name: &Ident, word: &str) -> Error {
    let meant = match word {
        "timeout" | "sleep" => {
            "write `default(timeout) => …` for when nothing else can be done in time; a time that \
             other arms do not put off is a channel: `recv(after(timeout)) -> _ => …`"
        }
        "after" | "at" | "tick" | "never" => {
            "write `recv(…) -> _ => …` around it: it makes a channel"
        }
        "read" | "accept" => "write `readable(io) => …`, and read in the arm's body",
        "write" => "write `writable(io) => …`, and write in the arm's body",
        "receive" => "write `recv(r) -> v => …`",
        _ => "there are `recv`, `send`, `join`, `wait`, `readable`, `writable` and `default`",
    };
    Error::new(name.span(), format!("`{name}` is no operation: {meant}"))
}

/// Refuses a pattern that leaves out a part of the `Result` that an operation gives.
fn whole(pattern: &Pat, operation: &Ident) -> Result<()> {
    let Pat::TupleStruct(variant) = pattern else {
        return Ok(());
    };
    let why = match variant.path.get_ident().map(Ident::to_string).as_deref() {
        Some("Ok") => "it may be an `Err`",
        Some("Err") => "it may be an `Ok`",
        Some("Some") => "it is a `Result`",
        _ => return Ok(()),
    };
    let arguments = match operation == "send" {
        true => "s, v",
        false => "x",
    };
    Err(Error::new_spanned(
        pattern,
        format!(
            "the arm is chosen whatever its outcome is, and {why}: name it, and look at it in the body: \
             `{operation}({arguments}) -> r => match r {{ Ok(v) => …, Err(e) => … }}`"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(source: &str) -> String {
        let input = format!("[gocoro] {source}").parse().unwrap();
        match Select::parse(input, false).and_then(select) {
            Ok(choice) => {
                let mut names: Vec<_> =
                    choice.operations.iter().map(|arm| arm.name.to_string()).collect();
                names.extend(choice.default.map(|default| match default.timeout {
                    Some(_) => "default(timeout)".to_owned(),
                    None => "default".to_owned(),
                }));
                names.join(" ")
            }
            Err(error) => format!("refused: {error}"),
        }
    }

    #[track_caller]
    fn refused(source: &str, why: &str) {
        let understood = understood(source);
        assert!(understood.starts_with("refused") && understood.contains(why), "{understood}");
    }

    #[test]
    fn arms_are_written_as_in_crossbeam() {
        assert_eq!(understood("recv(r) -> v => f(v), default => {}"), "recv default");
        assert_eq!(
            understood("send(s, 1) -> _ => {} recv(r) -> Ok(_) | Err(_) => {}"),
            "send recv"
        );
        assert_eq!(understood("default(d) => ()"), "default(timeout)");
        assert_eq!(understood("default() => ()"), "default");
        assert_eq!(
            understood(
                "wait(e) => {}, join(&mut h) -> r => r, readable(io) => {}, writable(io) -> _ => {}"
            ),
            "wait join readable writable"
        );
        assert_eq!(understood("recv(a[i == 0]) -> v => { x = v }"), "recv");
    }

    #[test]
    fn tokios_forms_are_refused() {
        refused("v = r.recv() => {}", "names its operation");
        refused("Some(v) = r.recv() => {}", "names its operation");
        refused("_ = sleep(d) => {}", "names its operation");
        refused("biased; recv(r) -> v => {}", "select_biased!");
        refused("else => {}", "default =>");
        refused("recv(r) -> v, if open => {}", "guards");
        refused("recv(r) -> v if open => {}", "guards");
    }

    #[test]
    fn an_outcome_is_named_whole() {
        refused("recv(r) -> Ok(v) => {}", "it may be an `Err`: name it");
        refused("send(s, 1) -> Err(e) => {}", "it may be an `Ok`: name it");
        refused("join(&mut h) -> Some(v) => {}", "it is a `Result`: name it");
        assert_eq!(understood("recv(r) -> Ok(_) | Err(_) => {}"), "recv");
        assert_eq!(understood("wait(x) -> Ok(v) => {}"), "wait");
    }

    #[test]
    fn what_is_missing_is_named() {
        refused("", "wait for ever");
        refused("recv(r) => {}", "needs a name");
        refused("recv(r) -> => {}", "a pattern is expected");
        refused("recv(r) -> v =>", "a body is expected");
        refused("recv(r) -> v", "`=>` and the arm's body");
        refused("recv() -> v => {}", "write `recv(r)");
        refused("send(s) -> r => {}", "write `send(s, v)");
        refused("f() recv(r)", "`=>` and the arm's body");
        refused("receive(r) -> v => {}", "write `recv(r) -> v");
        refused("poll(r) -> v => {}", "there are `recv`");
        refused("timeout(d) => {}", "`default(timeout) => …`");
        refused("after(d) => {}", "write `recv(…)");
        refused("accept(l) -> v => {}", "`readable(io)");
        refused("default => {}, default => {}", "one `default`");
        refused("recv(r) -> v => f(v) default => {}", "separated by `,`");
    }
}
