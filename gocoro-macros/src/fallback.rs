//! What stands in for refused input: the errors, and code that the rest of the program can be
//! checked with, so that one mistake gives one message.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, FnArg};

use crate::parse::entry::Function;
use crate::valid::entry::Kind;

/// A block of errors, which the compiler takes for a value of any type.
pub(crate) fn spawn(refusals: Error) -> TokenStream {
    let errors = refusals.into_iter().map(Error::into_compile_error);
    quote!({ #(#errors)* })
}

/// The function as it was written, next to a `main` for the compiler, or inside a function that
/// takes its place.
pub(crate) fn entry(kind: Kind, function: Function, refusals: Error) -> TokenStream {
    let errors = refusals.into_compile_error();
    let Function { attributes: _, visibility, mut signature, body } = function;
    let name = match kind {
        Kind::Main => Ident::new("main", Span::call_site()),
        Kind::Test => signature.ident.clone(),
    };
    let takes_self = signature.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_)));
    let original = (!takes_self && signature.variadic.is_none()).then(|| {
        signature.constness = None;
        quote!(#[allow(dead_code)] #visibility #signature #body)
    });
    let site = Span::mixed_site().located_at(signature.ident.span());
    match name == signature.ident {
        true => quote_spanned! {site=>
            #errors
            #[allow(dead_code)]
            #visibility fn #name() {
                #original
            }
        },
        // A function that is not named `main` keeps its name, since other code may call it.
        false => quote!(#errors #original #[allow(dead_code)] fn #name() {}),
    }
}

/// The error for `#[gocoro::main]`, as other libraries call their attribute, and the item.
pub(crate) fn not_main(item: TokenStream) -> TokenStream {
    let error = Error::new(
        Span::call_site(),
        "gocoro's attribute is called `go_main`: write `#[gocoro::go_main]`, on a `main` without \
         `async`",
    );
    match Function::parse(&item) {
        Ok(function) => entry(Kind::Main, function, error),
        Err(_) => {
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

/// The item as it was written, with an error on its first token.
pub(crate) fn not_a_function(kind: Kind, item: TokenStream) -> TokenStream {
    let first = item.clone().into_iter().next();
    let site = first.map_or_else(Span::call_site, |token| token.span());
    let attribute = kind.attribute();
    let what = match kind {
        Kind::Main => "`fn main() { … }`",
        Kind::Test => "a function with a body",
    };
    let error = Error::new(site, format!("`{attribute}` belongs on {what}")).into_compile_error();
    quote!(#error #item)
}
