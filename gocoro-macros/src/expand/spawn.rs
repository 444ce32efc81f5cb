//! `go!(…)`: what the spawner does first, then the spawn of a closure.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use crate::valid::spawn::{Bound, Call, Callee, Step, Task, Work};
use crate::valid::ungroup;

pub(crate) fn spawn(task: Task) -> TokenStream {
    let Task { facade, local, steps, work, site } = task;
    let site = Span::mixed_site().located_at(site);
    let facade = located_at(facade, site);
    let builder = Ident::new("builder", site);
    let needs_builder = steps.iter().any(|step| !matches!(step, Step::Clone { .. }));
    let spawn = match (needs_builder, local) {
        (false, false) => quote_spanned!(site=> #facade::task::spawn),
        (false, true) => quote_spanned!(site=> #facade::task::spawn_local),
        (true, false) => quote_spanned!(site=> #facade::__private::spawn_with),
        (true, true) => quote_spanned!(site=> #facade::__private::spawn_local_with),
    };
    let mut before = TokenStream::new();
    if needs_builder {
        before.extend(quote_spanned!(site=> let #builder = #facade::task::Builder::new();));
    }
    for step in steps {
        before.extend(match step {
            Step::Set { method, value } => {
                let site = Span::mixed_site().located_at(method.span());
                quote_spanned!(site=> let #builder = #builder.#method(#value);)
            }
            Step::Clone { mutable, name, source } => {
                let place = Span::mixed_site().located_at(source.span());
                let source = operand(source);
                let clone = quote_spanned!(place=> #source.clone());
                quote_spanned!(site=> let #mutable #name = #clone;)
            }
        });
    }
    let body = match work {
        Work::Expr(expr) => expr,
        Work::Block(statements) => quote_spanned!(site=> { #statements }),
        Work::Call(call) => {
            let (bindings, call) = bind(*call, site);
            before.extend(bindings);
            call
        }
    };
    let builder = needs_builder.then(|| quote_spanned!(site=> #builder,));
    let spawn = quote_spanned!(site=> #spawn(#builder move || #body));
    match before.is_empty() {
        true => spawn,
        false => quote_spanned!(site=> { #before #spawn }),
    }
}

/// The path, still meaning what it means, at the place of the user's code.
fn located_at(path: TokenStream, site: Span) -> TokenStream {
    path.into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(site));
            token
        })
        .collect()
}

/// The expression where a method is called on it.
fn operand(expr: Expr) -> TokenStream {
    match ungroup(&expr) {
        Expr::Path(_)
        | Expr::Field(_)
        | Expr::Index(_)
        | Expr::Call(_)
        | Expr::MethodCall(_)
        | Expr::Macro(_)
        | Expr::Paren(_) => expr.into_token_stream(),
        _ => quote!((#expr)),
    }
}

/// A call's receiver and arguments in variables, and the call of those.
///
/// What may be called through `&mut` is `mut`, whether or not it is then; an underscore in front
/// keeps the compiler from mentioning it.
fn bind(call: Call, site: Span) -> (TokenStream, TokenStream) {
    let Call { callee, parens, arguments } = call;
    let (mut first, mut last) = (TokenStream::new(), TokenStream::new());
    let mut called = TokenStream::new();
    match callee {
        Callee::Kept(path) => path.to_tokens(&mut called),
        Callee::Bound(function) => {
            let function = bare(function);
            let name = variable("_callee", function.span());
            first.extend(quote_spanned!(site=> let mut #name = #function;));
            name.to_tokens(&mut called);
        }
        Callee::Method { receiver, bound, method } => {
            let receiver = bare(receiver);
            let name = variable("_receiver", receiver.span());
            let binding = quote_spanned!(site=> let mut #name = #receiver;);
            let receiver = match bound {
                Bound::Never => receiver.into_token_stream(),
                Bound::First => {
                    first.extend(binding);
                    name.into_token_stream()
                }
                Bound::Last => {
                    last.extend(binding);
                    name.into_token_stream()
                }
            };
            called.extend(receiver);
            called.extend(method);
        }
    }
    let mut passed = TokenStream::new();
    for (at, pair) in arguments.into_pairs().enumerate() {
        let (argument, comma) = pair.into_tuple();
        match ungrouped(argument) {
            Expr::Closure(mut closure) => {
                let start = Span::mixed_site().located_at(closure.or1_token.span);
                closure.capture.get_or_insert(syn::Token![move](start));
                closure.to_tokens(&mut passed);
            }
            Expr::Async(mut future) => {
                let start = Span::mixed_site().located_at(future.async_token.span);
                future.capture.get_or_insert(syn::Token![move](start));
                future.to_tokens(&mut passed);
            }
            value => {
                let name = variable(&format!("argument{at}"), value.span());
                first.extend(quote_spanned!(site=> let #name = #value;));
                name.to_tokens(&mut passed);
            }
        }
        comma.to_tokens(&mut passed);
    }
    first.extend(last);
    parens.surround(&mut called, |tokens| tokens.extend(passed));
    (first, called)
}

/// The expression without the parentheses that the method call or the call needed.
fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::Paren(paren) => bare(*paren.expr),
        other => other,
    }
}

/// The expression without the invisible delimiters of a `macro_rules!` fragment.
fn ungrouped(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungrouped(*group.expr),
        other => other,
    }
}

fn variable(name: &str, place: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(place))
}
