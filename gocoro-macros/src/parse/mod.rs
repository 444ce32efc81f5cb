//! Reading what was written, before anything is judged.

pub(crate) mod entry;
pub(crate) mod select;
pub(crate) mod spawn;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::parse::ParseStream;
use syn::{Error, Expr, Result, Token};

/// Splits a function-like macro's input into the facade's `$crate` and the user's tokens.
///
/// The wrappers in the facade write `[$crate]` first, so that the expansion finds gocoro under
/// whatever name its user gave it.
pub(crate) fn split_facade(input: TokenStream) -> (TokenStream, TokenStream) {
    let mut tokens = input.into_iter();
    match tokens.next() {
        Some(TokenTree::Group(facade)) => (facade.stream(), tokens.collect()),
        first => (TokenStream::new(), first.into_iter().chain(tokens).collect()),
    }
}

/// Whether the token is this character of punctuation.
pub(crate) fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

/// Whether the tokens at `at` are `=>`.
pub(crate) fn is_fat_arrow(tokens: &[TokenTree], at: usize) -> bool {
    is_joint(tokens.get(at), '=') && is_punct(tokens.get(at + 1), '>')
}

/// Whether the token is this character, written together with the punctuation behind it.
pub(crate) fn is_joint(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct))
        if punct.as_char() == char && punct.spacing() == Spacing::Joint)
}

/// Where the header of a `go!` ends: at the first `=>` outside of delimiters, since no body can
/// have one there.
pub(crate) fn header_end(tokens: &[TokenTree]) -> Option<usize> {
    (0..tokens.len()).find(|&at| is_fat_arrow(tokens, at))
}

/// The value of a setting, behind its `=`.
fn value(equals: &Token![=], input: ParseStream<'_>) -> Result<Expr> {
    match input.is_empty() || input.peek(Token![,]) {
        true => Err(Error::new(equals.span, "a value is expected behind this `=`")),
        false => input.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(source: &str) -> Option<String> {
        let tokens: Vec<_> = source.parse::<TokenStream>().unwrap().into_iter().collect();
        let end = header_end(&tokens)?;
        Some(tokens[..end].iter().cloned().collect::<TokenStream>().to_string())
    }

    #[test]
    fn a_header_ends_at_the_first_arrow_outside_delimiters() {
        assert_eq!(header("local => f(x)").as_deref(), Some("local"));
        assert_eq!(header("name = n, daemon => { g() }").as_deref(), Some("name = n , daemon"));
        assert_eq!(header("=> f()").as_deref(), Some(""));
        assert_eq!(header("local => match x { _ => y }").as_deref(), Some("local"));
    }

    #[test]
    fn a_body_has_no_arrow_of_its_own() {
        assert_eq!(header("f(x)"), None);
        assert_eq!(header("match x { A => 1, B => 2 }"), None);
        assert_eq!(header("f(|x| -> u8 { match x { y => y } })"), None);
        assert_eq!(header("a >= b; c = d"), None);
    }

    #[test]
    fn the_facade_comes_first_and_in_brackets() {
        let (facade, rest) = split_facade("[a::b] f(x)".parse().unwrap());
        assert_eq!(facade.to_string(), "a :: b");
        assert_eq!(rest.to_string(), "f (x)");
    }
}
