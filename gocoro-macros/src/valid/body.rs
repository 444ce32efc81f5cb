//! What `go!` refuses of a body.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Ident, Result, Stmt, UnOp};

use super::spawn::{Bound, Call, Callee, Work};
use super::{Refusals, ungroup};
use crate::parse::is_punct;
use crate::parse::spawn::Body;

const BLOCK: &str = "write `go!({ … })`";

pub(super) fn work(body: Body, arrow: Option<Span>) -> Result<Work> {
    let Body { tokens, mut statements } = body;
    if statements.is_empty() {
        return Err(Error::new(
            arrow.unwrap_or_else(Span::call_site),
            "nothing to run: write a call, as in `go!(serve(conn))`, or a block, as in \
             `go!({ … })`",
        ));
    }
    let expr = match (statements.pop(), statements.is_empty()) {
        (Some(Stmt::Expr(expr, None)), true) => expr,
        _ => return no_await(tokens.clone()).map(|()| Work::Block(tokens)),
    };
    if let Expr::Await(wait) = ungroup(&expr) {
        return Err(Error::new(wait.await_token.span, NO_AWAIT));
    }
    if let Expr::Async(body) = ungroup(&expr) {
        return Err(Error::new(body.async_token.span, NO_ASYNC));
    }
    no_await(tokens.clone())?;
    sole(expr, tokens)
}

/// A body that is one expression.
fn sole(expr: Expr, tokens: TokenStream) -> Result<Work> {
    Ok(match expr {
        Expr::Group(group) => {
            let inner = group.expr.to_token_stream();
            return sole(*group.expr, inner);
        }
        Expr::Paren(paren) => {
            let inner = paren.expr.to_token_stream();
            match ungroup(&paren.expr) {
                Expr::Call(_) | Expr::MethodCall(_) | Expr::Paren(_) => {
                    return sole(*paren.expr, inner);
                }
                _ => Work::Expr(inner),
            }
        }
        Expr::Call(call) => {
            no_attributes(&call.attrs)?;
            let callee = match ungroup(&call.func) {
                Expr::Path(_) => Callee::Kept(*call.func),
                Expr::Paren(paren) if matches!(*paren.expr, Expr::Closure(_)) => {
                    Callee::Kept(*call.func)
                }
                _ => Callee::Bound(*call.func),
            };
            Work::Call(Box::new(Call { callee, parens: call.paren_token, arguments: call.args }))
        }
        Expr::MethodCall(call) => {
            no_attributes(&call.attrs)?;
            no_chain(&call.receiver, &call.method)?;
            let (dot, name, generics) = (call.dot_token, call.method, call.turbofish);
            let mut method = dot.into_token_stream();
            name.to_tokens(&mut method);
            generics.to_tokens(&mut method);
            let callee =
                Callee::Method { bound: bound(&call.receiver), receiver: *call.receiver, method };
            Work::Call(Box::new(Call { callee, parens: call.paren_token, arguments: call.args }))
        }
        Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => Work::Expr(tokens),
        Expr::If(body) if body.attrs.is_empty() => Work::Expr(tokens),
        Expr::Match(body) if body.attrs.is_empty() => Work::Expr(tokens),
        Expr::Unsafe(body) if body.attrs.is_empty() => Work::Expr(tokens),
        other => match incomplete(&other) {
            Some(refusal) => return Err(refusal),
            None => Work::Block(tokens),
        },
    })
}

/// Why an expression is neither a call nor complete in itself.
fn incomplete(expr: &Expr) -> Option<Error> {
    let operator = |span: Span| {
        Some(Error::new(
            span,
            format!(
                "an operator expression is neither one call nor a block; {BLOCK} to run all of it \
                 in the task"
            ),
        ))
    };
    let idle = |fix: &str| {
        Some(Error::new_spanned(
            expr,
            format!("nothing is called here; write {fix}, or `go!({{ … }})`"),
        ))
    };
    match expr {
        Expr::Binary(binary) => operator(binary.op.span()),
        Expr::Unary(unary) => operator(unary.op.span()),
        Expr::Range(range) => operator(range.limits.span()),
        Expr::Cast(cast) => operator(cast.as_token.span),
        Expr::Reference(reference) => operator(reference.and_token.span),
        Expr::RawAddr(address) => operator(address.and_token.span),
        Expr::Assign(assign) => Some(Error::new(
            assign.eq_token.span,
            format!(
                "an assignment is neither one call nor a block; {BLOCK}; options end with `=>`, \
                 as in `go!(name = \"x\" => f())`"
            ),
        )),
        Expr::Try(attempt) => Some(Error::new(
            attempt.question_token.span,
            "`?` would end the task, not the function that spawns it; write `go!(…).wait()?`, or \
             `go!({ … })` with a `Result` as the block's value",
        )),
        Expr::Let(condition) => operator(condition.let_token.span),
        Expr::Closure(closure) => Some(match &closure.asyncness {
            Some(asyncness) => Error::new(asyncness.span, NO_ASYNC),
            None => Error::new(
                closure.or1_token.span,
                "nobody would call this closure; write its body, as in `go!({ … })`",
            ),
        }),
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) if name == "local" || name == "daemon" => Some(Error::new(
                name.span(),
                format!("`{name}` is an option, and options end with `=>`: `go!({name} => f())`"),
            )),
            _ => {
                let path = path.to_token_stream().to_string().replace(' ', "");
                idle(&format!("`go!({path}(…))`"))
            }
        },
        Expr::Lit(_) | Expr::Field(_) | Expr::Index(_) => idle("the call, as in `go!(f())`"),
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) | Expr::Yield(_) => {
            idle("the call, as in `go!(f())`")
        }
        _ => None,
    }
}

fn no_attributes(attributes: &[Attribute]) -> Result<()> {
    match attributes.first() {
        Some(attribute) => Err(Error::new_spanned(
            attribute,
            format!("an attribute has no place on a spawned call; {BLOCK} with the call inside"),
        )),
        None => Ok(()),
    }
}

/// Refuses `fetch(url).unwrap()` and its like, of which only the end would run in the task.
fn no_chain(receiver: &Expr, method: &Ident) -> Result<()> {
    let inner = match ungroup(receiver) {
        Expr::Paren(paren) => &paren.expr,
        Expr::Field(field) => &field.base,
        Expr::Index(index) => &index.expr,
        Expr::Unary(unary) => &unary.expr,
        Expr::Reference(reference) => &reference.expr,
        Expr::Call(_) | Expr::MethodCall(_) | Expr::Try(_) | Expr::Await(_) => {
            return Err(only_the_end(method));
        }
        Expr::Block(_) | Expr::Unsafe(_) | Expr::If(_) | Expr::Match(_) | Expr::Loop(_) => {
            return Err(only_the_end(method));
        }
        _ => return Ok(()),
    };
    no_chain(inner, method)
}

fn only_the_end(method: &Ident) -> Error {
    Error::new(
        method.span(),
        format!("only this last call would run in the task; {BLOCK} to run all of it there"),
    )
}

fn bound(receiver: &Expr) -> Bound {
    match (is_item(receiver), is_place(receiver)) {
        (true, _) => Bound::Never,
        (false, true) => Bound::Last,
        (false, false) => Bound::First,
    }
}

/// A static or a constant, as its name tells, or a field of one.
fn is_item(expr: &Expr) -> bool {
    match ungroup(expr) {
        Expr::Path(path) => path.path.get_ident().is_none_or(|name| {
            let name = name.to_string();
            name.contains(char::is_uppercase) && !name.contains(char::is_lowercase)
        }),
        Expr::Field(field) => is_item(&field.base),
        _ => false,
    }
}

fn is_place(expr: &Expr) -> bool {
    match ungroup(expr) {
        Expr::Path(_) => true,
        Expr::Field(field) => is_place(&field.base),
        Expr::Index(index) => is_place(&index.expr),
        Expr::Paren(paren) => is_place(&paren.expr),
        Expr::Unary(unary) => matches!(unary.op, UnOp::Deref(_)) && is_place(&unary.expr),
        _ => false,
    }
}

const NO_ASYNC: &str = "a task's body is plain code, and plain functions may wait anywhere in it: \
                        remove `async`; `future::wait(…)` waits for a future";
const NO_AWAIT: &str = "there is nothing to await: plain functions may wait anywhere in a task; \
                        `future::wait(…)` waits for a future";

/// Refuses `.await`. It is accepted in `async` blocks and functions, which make futures of their
/// own, and in the input of other macros, which is not gocoro's to read.
fn no_await(tokens: TokenStream) -> Result<()> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut in_async, mut refusals) = (false, Refusals::default());
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        match token {
            TokenTree::Ident(ident) if ident == "async" => in_async = true,
            TokenTree::Ident(ident) if ident == "await" && !in_async && is_punct(before, '.') => {
                refusals.add(Error::new(ident.span(), NO_AWAIT));
            }
            TokenTree::Group(group) => {
                if !in_async && !is_punct(before, '!') {
                    refusals.take(no_await(group.stream()));
                }
                if group.delimiter() == Delimiter::Brace {
                    in_async = false;
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => in_async = false,
            _ => {}
        }
    }
    refusals.finish(())
}

#[cfg(test)]
mod tests {
    use super::super::spawn::tests::{refused, understood};

    #[test]
    fn one_call_is_a_call() {
        for source in ["f()", "a::b::<T, U>(x, y)", "<T as U>::f(x)", "(f(x))", "f({ x }, || y)"] {
            assert_eq!(understood(source), "call", "{source}");
        }
        assert_eq!(understood("(|x: u8| x + 1)(2)"), "call");
        assert_eq!(understood("(self.handler)(x)"), "call of a value");
        assert_eq!(understood("handlers[0](x)"), "call of a value");
        assert_eq!(understood("make(x)(y)"), "call of a value");
    }

    #[test]
    fn a_receiver_is_a_place_or_a_value() {
        for source in ["conn.serve()", "self.a.b.run::<u8>(1)", "(*x).run()", "all[i(0)].run()"] {
            assert_eq!(understood(source), "method of a place", "{source}");
        }
        for source in ["Conn { id }.serve()", "format!(\"x\").len()", "\"x\".len()", "(a, b).eq(c)"]
        {
            assert_eq!(understood(source), "method of a value", "{source}");
        }
        for source in ["TOTAL.load(o)", "config::SERVER.run()", "STATE_2.field.run()"] {
            assert_eq!(understood(source), "method of an item", "{source}");
        }
    }

    #[test]
    fn everything_complete_is_whole() {
        for source in [
            "{ f() }",
            "unsafe { f() }",
            "if a { f() } (x)",
            "match a { _ => f() }",
            "loop {}",
            "while a {}",
            "for a in b {}",
            "println!(\"x\")",
            "f();",
            "f(); g()",
            "let a = b; f(a)",
            "(a > b)",
            "(a, b)",
            "'a: { break 'a }",
            "{ f() } -1",
            "fn f() {}",
            "const { f() }",
        ] {
            assert_eq!(understood(source), "whole", "{source}");
        }
    }

    #[test]
    fn the_rest_is_refused() {
        for source in ["a + b()", "-f()", "!f()", "&f()", "f() as u8", "a..b()", "a > b"] {
            refused(source, "operator expression");
        }
        refused("x = f()", "assignment");
        refused("f(x)?", "`?` would end the task");
        for source in
            ["f(u).unwrap()", "a.b().c()", "(f(x)).y()", "f()?.y()", "f().a.y()", "{ a }.y()"]
        {
            refused(source, "only this last call");
        }
        for source in ["f", "a.b", "1", "a[0]", "return f()"] {
            refused(source, "nothing is called here");
        }
        refused("|| f()", "nobody would call this closure");
        refused("move { f() }", "needs no `move`");
        refused("local => move { f() }", "needs no `move`");
        refused("local", "`local` is an option");
        refused("f(a), g(b)", "one call or one block");
        refused("", "nothing to run");
        refused("local =>", "nothing to run");
    }

    #[test]
    fn nothing_is_awaited_but_in_futures() {
        for source in ["f(x).await", "{ f().await; }", "f(g().await)", "{ if a { b.await } }"] {
            refused(source, "nothing to await");
        }
        refused("async { f() }", "remove `async`");
        refused("async move { f().await }", "remove `async`");
        refused("async || f()", "remove `async`");
        assert_eq!(understood("wait(async { f().await })"), "call");
        assert_eq!(understood("wait(async move { f().await })"), "call");
        assert_eq!(understood("{ async fn g() { f().await } wait(g()) }"), "whole");
        assert_eq!(understood("{ quote!(a.await) }"), "whole");
    }
}
