//! What `go!` refuses of a header.

use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, Member, Result};

use super::spawn::Step;
use super::{Refusals, ungroup};
use crate::parse::spawn::{Cloned, Header, Setting, Value};

/// What a header asks for.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) local: bool,
    pub(super) place: Option<Expr>,
    /// The other settings, in the order written.
    pub(super) steps: Vec<Step>,
}

pub(super) fn settings(header: Header, refusals: &mut Refusals) -> Settings {
    if header.settings.is_empty() {
        refusals.add(Error::new(
            header.arrow,
            "no option stands before this `=>`; write the body alone, as in `go!(f())`",
        ));
    }
    let Settings { mut local, mut place, mut steps } = Settings::default();
    let (mut seen, mut daemon) = (Vec::<Ident>::new(), None);
    for Setting { key, value } in header.settings {
        if seen.contains(&key) {
            refusals.add(Error::new(key.span(), again(&key)));
            continue;
        }
        seen.push(key.clone());
        match key.to_string().as_str() {
            "local" => local = refusals.take(no_value(&key, value)).is_some(),
            "in" => place = refusals.take(a_place(&key, value)),
            "daemon" => {
                daemon = Some(key.span());
                let set = no_value(&key, value).map(|()| quote!(true));
                steps.extend(refusals.take(set).map(|value| Step::Set { method: key, value }));
            }
            "name" | "stack_size" => {
                let set = some_value(&key, value).map(Expr::into_token_stream);
                steps.extend(refusals.take(set).map(|value| Step::Set { method: key, value }));
            }
            "clone" => clones(&key, value, &mut steps, refusals),
            _ => refusals.add(Error::new(
                key.span(),
                format!(
                    "unknown option `{key}`; the options are `name = …`, `stack_size = …`, \
                     `local`, `daemon`, `clone(…)` and `in …`"
                ),
            )),
        }
    }
    if let (Some(span), Some(_)) = (daemon, &place) {
        refusals.add(Error::new(
            span,
            "a scope or a group waits for its tasks, so none of them is a daemon; remove `daemon`",
        ));
    }
    Settings { local, place, steps }
}

fn a_place(key: &Ident, value: Value) -> Result<Expr> {
    let span = match value {
        Value::Place(place) => return Ok(place),
        Value::Expr(equals, _) => equals.span,
        Value::Nothing | Value::List(..) => key.span(),
    };
    Err(Error::new(span, "`in` takes a scope or a group, without `=`: `go!(in s => f())`"))
}

fn again(key: &Ident) -> String {
    match key == "clone" {
        true => "`clone` is given twice; write one list: `clone(a, b)`".to_owned(),
        false => format!("`{key}` is given twice; remove one"),
    }
}

fn no_value(key: &Ident, value: Value) -> Result<()> {
    let span = match value {
        Value::Nothing => return Ok(()),
        Value::Expr(equals, _) => equals.span,
        Value::List(parens, _) => parens.span.join(),
        Value::Place(place) => place.span(),
    };
    Err(Error::new(span, format!("`{key}` takes no value; write `{key}` alone, or leave it out")))
}

fn some_value(key: &Ident, value: Value) -> Result<Expr> {
    let (kind, example) = match key == "name" {
        true => ("a string", "name = format!(\"conn {peer}\")"),
        false => ("a number of bytes", "stack_size = 64 * 1024"),
    };
    let found = match value {
        Value::Expr(_, Expr::Lit(ExprLit { lit, .. })) if !is_of_kind(key, &lit) => {
            return Err(Error::new(lit.span(), format!("`{key}` takes {kind}: `{example}`")));
        }
        Value::Expr(_, value) => return Ok(value),
        Value::Nothing | Value::Place(_) => key.span(),
        Value::List(parens, _) => parens.span.join(),
    };
    Err(Error::new(found, format!("`{key}` needs a value: `{example}`")))
}

fn is_of_kind(key: &Ident, literal: &Lit) -> bool {
    match key == "name" {
        true => matches!(literal, Lit::Str(_)),
        false => matches!(literal, Lit::Int(_)),
    }
}

fn clones(key: &Ident, value: Value, steps: &mut Vec<Step>, refusals: &mut Refusals) {
    let list = match value {
        Value::List(_, list) if !list.is_empty() => list,
        Value::List(parens, _) => {
            return refusals.add(Error::new(
                parens.span.join(),
                "nothing to clone; name the variables, as in `clone(tx)`, or leave `clone` out",
            ));
        }
        Value::Nothing | Value::Place(_) => {
            return refusals.add(Error::new(key.span(), CLONE_LIST));
        }
        Value::Expr(equals, _) => return refusals.add(Error::new(equals.span, CLONE_LIST)),
    };
    let Some(clones) = refusals.take(Cloned::parse_all(list)) else {
        return;
    };
    let mut names = Vec::<Ident>::new();
    for Cloned { mutable, source, renamed } in clones {
        let name = match renamed.map_or_else(|| own_name(&source), Ok) {
            Ok(name) => name,
            Err(refusal) => {
                refusals.add(refusal);
                continue;
            }
        };
        if names.contains(&name) {
            refusals.add(Error::new(name.span(), format!("`{name}` is cloned twice; remove one")));
        }
        names.push(name.clone());
        steps.push(Step::Clone { mutable, name, source });
    }
}

const CLONE_LIST: &str =
    "`clone` takes a list: `clone(tx)` for a variable, `clone(tx = self.tx)` for anything else";

/// The name of the variable that is cloned. It is an error if the expression is no variable.
fn own_name(source: &Expr) -> Result<Ident> {
    if let Expr::Path(path) = ungroup(source)
        && let Some(name) = path.path.get_ident()
        && name != "self"
    {
        return Ok(name.clone());
    }
    let fix = match source {
        Expr::Field(field) => match &field.member {
            Member::Named(name) => {
                format!(
                    "`clone({name} = {})`",
                    source.to_token_stream().to_string().replace(' ', "")
                )
            }
            Member::Unnamed(_) => "`clone(name = …)`".to_owned(),
        },
        Expr::Path(path) if path.path.is_ident("self") => "`clone(this = self)`".to_owned(),
        Expr::Reference(reference) if own_name(&reference.expr).is_ok() => {
            format!("`clone({})`, without `&`", reference.expr.to_token_stream())
        }
        _ => "`clone(name = …)`".to_owned(),
    };
    Err(Error::new_spanned(source, format!("the clone needs a name of its own: {fix}")))
}

#[cfg(test)]
mod tests {
    use super::super::spawn::tests::{refused, understood};

    #[test]
    fn a_header_is_read_and_refused() {
        assert_eq!(understood("name = f::<A, B>(), stack_size = 1, local, daemon, => f()"), "call");
        assert_eq!(understood("clone(a, mut b, c = self.c, d = f(x)) => { a }"), "whole");
        refused("=> f()", "no option stands before");
        refused("nmae = 1 => f()", "unknown option `nmae`");
        refused("local, local => f()", "twice");
        refused("clone(a), clone(b) => f()", "write one list");
        refused("clone(a, a) => f()", "cloned twice");
        refused("local = true => f()", "takes no value");
        refused("daemon() => f()", "takes no value");
        refused("name => f()", "needs a value");
        refused("name = 1 => f()", "takes a string");
        refused("stack_size = \"1\" => f()", "number of bytes");
        refused("clone() => f()", "nothing to clone");
        refused("clone = a => f()", "takes a list");
        refused("clone(self.tx) => f()", "`clone(tx = self.tx)`");
        refused("clone(self.0) => f()", "`clone(name = …)`");
        refused("clone(&tx) => f()", "`clone(tx)`, without `&`");
        refused("clone(self) => f()", "`clone(this = self)`");
        assert_eq!(understood("in s => f()"), "call");
        assert_eq!(understood("in self.group(1), name = \"x\" => { f() }"), "whole");
        refused("in => f()", "takes a scope or a group");
        refused("in = s => f()", "takes a scope or a group");
        refused("in s, in t => f()", "twice");
        refused("in s t => f()", "separated by `,`");
        refused("daemon, in s => f()", "remove `daemon`");
        refused("in s, daemon => f()", "remove `daemon`");
        refused("local daemon => f()", "separated by `,`");
        refused("1 => f()", "an option is expected");
    }
}
