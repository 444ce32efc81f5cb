//! `select! { … }`: the sources, the choice, and a `match` whose arms are the bodies.
//!
//! The arms' state lives in the `match`'s operand and is gone when a body runs. So a body may use what
//! the sources were made from, and `?`, `break`, `continue` and `return` in it mean what they say.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::valid::select::{Choice, Default, Operation, Source};

pub(crate) fn select(choice: Choice) -> TokenStream {
    let Choice { facade, biased, operations, default } = choice;
    let site = Span::mixed_site();
    let select = quote!(#facade::__private::select);
    // Items have no hygiene: a name that nobody else has.
    let selected = Ident::new("__GocoroSelected", site);
    let count = operations.len();
    let (mut sources, mut arms) = (TokenStream::new(), TokenStream::new());
    let (mut references, mut outcomes) = (TokenStream::new(), TokenStream::new());
    let (mut variants, mut bodies) = (Vec::new(), TokenStream::new());
    for (number, operation) in operations.into_iter().enumerate() {
        let Operation { name, source, message, pattern, body } = operation;
        let variant = format_ident!("Arm{number}", span = site);
        let (bound, arm) = (variable("source", number), variable("arm", number));
        let (place, binding) = match &source {
            Source::Shared(source) => (source.span(), quote!(let #bound = &#source;)),
            Source::Unique(source) => (source.span(), quote!(let #bound: &mut _ = #source;)),
        };
        sources.extend(binding);
        // Located at the source, so that what is wrong with it is said there.
        let place = Span::mixed_site().located_at(place);
        let passed = Ident::new(&bound.to_string(), place);
        let make = Ident::new(&name.to_string(), Span::mixed_site().located_at(name.span()));
        arms.extend(quote_spanned!(place=> let #arm = #select::#make(#passed);));
        references.extend(quote!(&#arm,));
        // The last number needs no test, unless the default has it.
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
        let pattern = pattern.map_or_else(|| quote!(_), |pattern| quote!(#pattern));
        bodies.extend(quote_spanned!(site=>
            #selected::#variant(#outcome) => {
                let #outcome = #select::outcome(#outcome);
                let #pattern = #value;
                #body
            }
        ));
        variants.push(variant);
    }
    let time = Ident::new("time", site);
    let limit = match &default {
        None => quote_spanned!(site=> #select::Time::ENDLESS),
        Some(Default { timeout: None, .. }) => quote_spanned!(site=> #select::Time::NONE),
        Some(Default { timeout: Some(timeout), .. }) => {
            let place = Span::mixed_site().located_at(timeout.span());
            quote_spanned!(place=> #select::Time::within(#timeout))
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
    let generics = &variants;
    let held = quote!(#select::Taken);
    quote_spanned! {site=> {
        enum #selected<#(#generics),*> { #(#variants(#held<#variants>),)* #default_variant }
        #sources
        let #time = #limit;
        match {
            #arms
            let selected = match #select::run([#references], #order, #time) { #outcomes };
            selected
        } {
            #bodies
        }
    }}
}

fn variable(name: &str, number: usize) -> Ident {
    format_ident!("{name}{number}", span = Span::mixed_site())
}
