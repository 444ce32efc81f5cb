//! `select! { … }`: a `match` on each source, and inside of these the choice, a `match` whose arms
//! are the bodies.
//!
//! A source is the operand of a `match`, so its temporaries live on to the end. The arms' state is
//! in the operand of the innermost `match`, and is gone when a body runs. So a body may use what
//! the sources were made from, and `?`, `break`, `continue` and `return` in a body mean what they
//! say.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Pat};

use crate::valid::select::{Choice, Default, Operation, Source};

pub(crate) fn select(choice: Choice) -> TokenStream {
    let Choice { facade, biased, operations, default } = choice;
    let site = Span::mixed_site();
    let select = quote!(#facade::__private::select);
    // Items have no hygiene, so the name is one that nobody else has.
    let selected = Ident::new("__GocoroSelected", site);
    let count = operations.len();
    let (mut sources, mut arms) = (Vec::new(), TokenStream::new());
    let (mut references, mut outcomes) = (TokenStream::new(), TokenStream::new());
    let (mut variants, mut bodies) = (Vec::new(), TokenStream::new());
    for (number, operation) in operations.into_iter().enumerate() {
        let Operation { name, source, message, pattern, body } = operation;
        let variant = format_ident!("Arm{number}", span = site);
        let (bound, arm) = (variable("source", number), variable("arm", number));
        // The arm is located at its source, so that errors about the source point there.
        let place = match &source {
            Source::Shared(source) | Source::Unique(source) => source.span(),
        };
        let place = Span::mixed_site().located_at(place);
        let passed = Ident::new(&bound.to_string(), place);
        let make = Ident::new(&name.to_string(), Span::mixed_site().located_at(name.span()));
        arms.extend(quote_spanned!(place=> let #arm = #select::#make(#passed);));
        references.extend(quote!(&#arm,));
        // The last number needs no test, unless `default` has it.
        let pattern_of_number = match number + 1 == count && default.is_none() {
            true => quote!(_),
            false => quote!(#number),
        };
        outcomes.extend(quote_spanned!(site=>
            #pattern_of_number => #selected::#variant(#select::take(#arm)),
        ));
        let outcome = Ident::new("outcome", site);
        let value = match message {
            Some(message) => {
                let place = Span::mixed_site().located_at(message.span());
                quote_spanned!(place=> #outcome.send(#message))
            }
            None => quote!(#outcome),
        };
        let pattern = match pattern {
            None => quote!(_),
            // An or-pattern without a `match` around it needs parentheses.
            Some(pattern @ Pat::Or(_)) => quote!((#pattern)),
            Some(pattern) => quote!(#pattern),
        };
        bodies.extend(quote_spanned!(site=>
            #selected::#variant(#outcome) => {
                let #outcome = #select::outcome(#outcome);
                let #pattern = #value;
                #body
            }
        ));
        variants.push(variant);
        sources.push((bound, place, source));
    }
    let limit = Ident::new("limit", site);
    let value_of_limit = match &default {
        None => quote_spanned!(site=> #select::Limit::Never),
        Some(Default { timeout: None, .. }) => quote_spanned!(site=> #select::Limit::Now),
        Some(Default { timeout: Some(timeout), .. }) => {
            let place = Span::mixed_site().located_at(timeout.span());
            quote_spanned!(place=> #select::Limit::within(#timeout))
        }
    };
    let order = match biased {
        true => quote!(#select::Order::Listed),
        false => quote!(#select::Order::Fair),
    };
    let default_variant = default.as_ref().map(|_| quote!(Default,));
    if let Some(Default { body, .. }) = default {
        outcomes.extend(quote_spanned!(site=> _ => #selected::Default,));
        bodies.extend(quote_spanned!(site=> #selected::Default => #body,));
    }
    let chosen = quote_spanned! {site=> {
        let #limit = #value_of_limit;
        match {
            #arms
            let selected = match #select::run([#references], #order, #limit) { #outcomes };
            selected
        } {
            #bodies
        }
    }};
    let bound =
        sources.into_iter().rev().fold(chosen, |inner, (name, place, source)| match source {
            Source::Shared(source) if ends_in_block(&source) => {
                quote_spanned!(site=> { let #name = &#source; #inner })
            }
            Source::Shared(source) => quote_spanned!(site=> match &#source { #name => #inner }),
            Source::Unique(source) => {
                let source = quote_spanned!(place=> #select::unique(#source));
                quote_spanned!(site=> match #source { #name => #inner })
            }
        });
    let generics = &variants;
    let held = quote!(#select::Taken);
    quote_spanned! {site=> {
        enum #selected<#(#generics),*> { #(#variants(#held<#variants>),)* #default_variant }
        #bound
    }}
}

/// Whether the source may have temporaries at the end of a block, which only a `let` keeps: as in
/// `if open { &r } else { &never() }`.
fn ends_in_block(source: &Expr) -> bool {
    match source {
        Expr::Group(inner) => ends_in_block(&inner.expr),
        Expr::Paren(inner) => ends_in_block(&inner.expr),
        Expr::Reference(inner) => ends_in_block(&inner.expr),
        Expr::Block(_) | Expr::If(_) | Expr::Match(_) | Expr::Unsafe(_) => true,
        _ => false,
    }
}

fn variable(name: &str, number: usize) -> Ident {
    format_ident!("{name}{number}", span = Span::mixed_site())
}
