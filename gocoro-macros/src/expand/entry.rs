//! `#[go_main]` and `#[go_test]`: the function becomes the inner one of two with the same name, so
//! that messages and backtraces call it what its author called it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, ReturnType, Type};

use crate::parse::entry::Function;
use crate::valid::entry::Kind;
use crate::valid::options::Options;

pub(crate) fn entry(kind: Kind, options: Options, function: &Function) -> TokenStream {
    match kind {
        Kind::Main => main(options, function),
        Kind::Test => test(options, function),
    }
}

fn main(options: Options, function: &Function) -> TokenStream {
    let Options { facade, calls } = options;
    let Function { attributes, visibility, signature, body } = function;
    let (outside, inside): (Vec<&Attribute>, Vec<&Attribute>) =
        attributes.iter().partition(|attribute| is_outside(attribute));
    let site = Span::mixed_site().located_at(returned(&signature.output));
    let report = quote_spanned!(site=> ::std::process::Termination::report);
    let name = &signature.ident;
    let inner = item(&inside, signature, body);
    let outer = Span::mixed_site().located_at(name.span());
    quote_spanned! {outer=>
        #(#outside)*
        #visibility fn #name() -> ::std::process::ExitCode {
            #inner
            #facade::__private::run_main(
                #facade::__private::MainOptions::new() #calls,
                #name,
                #report,
            )
        }
    }
}

fn test(options: Options, function: &Function) -> TokenStream {
    let Options { facade, calls } = options;
    let Function { attributes, visibility, signature, body } = function;
    let name = &signature.ident;
    let text = name.to_string();
    let text = text.trim_start_matches("r#");
    let outer = Span::mixed_site().located_at(name.span());
    let inner = item(&[], signature, body);
    // A runtime's task hands over only what is `Send`, which a test's error need not be. So the
    // task itself reports whatever is not `()`.
    let (output, run) = match is_unit(&signature.output) {
        true => (None, name.to_token_stream()),
        false => {
            let site = Span::mixed_site().located_at(returned(&signature.output));
            (
                Some(quote_spanned!(outer=> -> ::std::process::ExitCode)),
                quote_spanned!(site=> || ::std::process::Termination::report(#name())),
            )
        }
    };
    quote_spanned! {outer=>
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() #output {
            #inner
            #facade::__private::run_test(
                #facade::__private::TestOptions::new() #calls,
                ::core::concat!(::core::module_path!(), "::", #text),
                #run,
            )
        }
    }
}

/// The function as it was written.
fn item(attributes: &[&Attribute], signature: &syn::Signature, body: &TokenStream) -> TokenStream {
    quote!(#(#attributes)* #signature #body)
}

/// Whether an attribute of `main` is about the item, and not about the code in it.
fn is_outside(attribute: &Attribute) -> bool {
    const OUTSIDE: [&str; 9] =
        ["allow", "cfg", "cfg_attr", "deny", "deprecated", "doc", "expect", "forbid", "warn"];
    OUTSIDE.iter().any(|name| attribute.path().is_ident(name))
}

fn returned(output: &ReturnType) -> Span {
    match output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, returned) => returned.span(),
    }
}

fn is_unit(output: &ReturnType) -> bool {
    match output {
        ReturnType::Default => true,
        ReturnType::Type(_, returned) => {
            matches!(&**returned, Type::Tuple(tuple) if tuple.elems.is_empty())
        }
    }
}
