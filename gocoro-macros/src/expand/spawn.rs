//! `go!(…)`: what the spawner does first, then the spawn of a closure.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use crate::valid::spawn::{Bound, Call, Callee, Step, Task, Work};
use crate::valid::ungroup;

pub(crate) fn spawn(task: Task) -> TokenStream {
    let Task { facade, local, place, steps, work, site } = task;
    let site = Span::mixed_site().located_at(site);
    let facade = located_at(facade, site);
    let builder = Ident::new("builder", site);
    let has_options = steps.iter().any(|step| !matches!(step, Step::Clone { .. }));
    let needs_builder = has_options || place.is_some();
    let spawn = match (needs_builder, local) {
        (false, false) => quote_spanned!(site=> #facade::task::spawn),
        (false, true) => quote_spanned!(site=> #facade::task::spawn_local),
        (true, false) => quote_spanned!(site=> #facade::__private::spawn_with),
        (true, true) => quote_spanned!(site=> #facade::__private::spawn_local_with),
    };
    let clones: Vec<Ident> = steps.iter().filter_map(cloned).collect();
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
            let (bindings, call) = bind(*call, &clones, site);
            before.extend(bindings);
            call
        }
    };
    let (task, value) = (Ident::new("task", site), Ident::new("value", site));
    let builder = needs_builder.then(|| quote_spanned!(site=> #builder,));
    let checked = quote_spanned! {site=>
        #facade::__private::not_a_future(|| #facade::__private::used(#value));
        #task
    };
    let Some(place) = place else {
        return quote_spanned! {site=> {
            #before
            let #task = #spawn(#builder move || #body);
            let #value = #facade::__private::value_of(&#task);
            #checked
        }};
    };
    let at = Span::mixed_site().located_at(place.span());
    let method = Ident::new(if local { "spawn_local_with" } else { "spawn_with" }, at);
    let bound = Ident::new("place", at);
    let place = quote_spanned!(at=> #facade::__private::place(&#place));
    // The place is evaluated before the clones, one of which may be of a shared group. A `match`
    // keeps the place's temporaries.
    quote_spanned! {site=>
        match #place {
            #bound => {
                #before
                let (#task, #value) = #bound.#method(#builder move || #body);
                #checked
            }
        }
    }
}

/// The name of the clone that the step makes, if it makes one.
fn cloned(step: &Step) -> Option<Ident> {
    match step {
        Step::Clone { name, .. } => Some(name.clone()),
        Step::Set { .. } => None,
    }
}

/// Whether the argument borrows one of the clones, which belong to the task.
fn borrows_clone(argument: &Expr, clones: &[Ident]) -> bool {
    fn root(expr: &Expr) -> Option<&Ident> {
        match ungroup(expr) {
            Expr::Path(path) => path.path.get_ident(),
            Expr::Field(field) => root(&field.base),
            Expr::Paren(paren) => root(&paren.expr),
            _ => None,
        }
    }
    match argument {
        Expr::Reference(borrow) => root(&borrow.expr).is_some_and(|name| clones.contains(name)),
        _ => false,
    }
}

/// The path, with its own meaning, located at the user's code.
fn located_at(path: TokenStream, site: Span) -> TokenStream {
    path.into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(site));
            token
        })
        .collect()
}

/// The expression as the operand of a method call.
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

/// Whether it does not matter when the argument is evaluated: it is a variable, a literal or the
/// like.
fn is_plain(argument: &Expr, clones: &[Ident]) -> bool {
    match ungroup(argument) {
        Expr::Lit(_) => true,
        Expr::Path(path) => path.path.get_ident().is_some_and(|name| {
            // An upper-case name may be a static, which may change until the task reads it.
            !name.to_string().contains(char::is_uppercase)
        }),
        other => borrows_clone(other, clones),
    }
}

/// A call's receiver and arguments in variables, and the call with these variables. An argument
/// that borrows a clone stays in the call: the clone moves into the task, and could not if it were
/// borrowed before.
///
/// A variable that may be called through `&mut` is declared `mut`, whether or not it is then called
/// so. The underscore in front of its name keeps the compiler from mentioning an unused `mut`.
fn bind(call: Call, clones: &[Ident], site: Span) -> (TokenStream, TokenStream) {
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
    // With nothing to evaluate, the closure captures the variables themselves, so that what the
    // compiler proposes to write goes where the argument is.
    let plain = arguments.iter().all(|argument| is_plain(argument, clones));
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
            argument if plain || borrows_clone(&argument, clones) => {
                argument.to_tokens(&mut passed);
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

/// The expression without the parentheses that a call or a method call needed.
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
