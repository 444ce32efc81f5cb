//! `colorless! { … }`: finds each `go!< body >` and writes `go!( body )` in its place.
//!
//! All other tokens stay as they came, so that errors, `line!()` and breakpoints stay where they
//! are. The new delimiters take the place of the closing `>`.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Block;
use syn::parse::Parser;

use crate::parse::{header_end, is_joint, is_punct};

/// Rewrites each `go!< … >` in the items, at any depth.
pub(crate) fn rewrite(items: TokenStream) -> TokenStream {
    rewrite_changed(items.clone()).unwrap_or(items)
}

/// The rewritten tokens, or `None` if nothing had to be rewritten. A group that is made anew has
/// one span for both its delimiters, so groups without changes are left alone.
fn rewrite_changed(tokens: TokenStream) -> Option<TokenStream> {
    let mut changed = false;
    let tokens: Vec<TokenTree> = tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => match rewrite_changed(group.stream()) {
                Some(stream) => {
                    changed = true;
                    group_at(group.delimiter(), stream, group.span())
                }
                None => TokenTree::Group(group),
            },
            other => other,
        })
        .collect();
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if !opens(&tokens, at) {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        }
        changed = true;
        match close(&tokens, at + OPEN, false) {
            Ok(found) => {
                out.extend(found.call(&tokens, at));
                at = found.end + 1;
            }
            Err(unmatched) => {
                out.extend(unmatched.call(&tokens, at));
                at = statement_end(&tokens, at);
            }
        }
    }
    changed.then(|| out.into_iter().collect())
}

/// The number of tokens in `go!<`.
const OPEN: usize = 3;

fn opens(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(name)) if name == "go")
        && is_punct(tokens.get(at + 1), '!')
        && is_punct(tokens.get(at + 2), '<')
}

/// A `go!<` that found its `>`.
struct Closed {
    body: Vec<TokenTree>,
    end: usize,
}

/// The place of a `<` without its `>`.
struct Unmatched(Span);

impl Closed {
    /// `go!( body )` for the `go!<` at `at`.
    fn call(&self, tokens: &[TokenTree], at: usize) -> [TokenTree; 3] {
        let body = self.body.iter().cloned().collect();
        let group = group_at(Delimiter::Parenthesis, body, tokens[self.end].span());
        [tokens[at].clone(), tokens[at + 1].clone(), group]
    }
}

impl Unmatched {
    /// `go!( error )` for the `go!<` at `at`.
    fn call(&self, tokens: &[TokenTree], at: usize) -> [TokenTree; 3] {
        const WHY: &str = "no `>` ends this `go!<`: it ends a complete body, and `.`, `?`, `,`, \
                           `;`, `{`, `else` or a closing delimiter follows it";
        let error = quote_spanned!(self.0=> ::core::compile_error!(#WHY));
        let group = group_at(Delimiter::Parenthesis, error, self.0);
        [tokens[at].clone(), tokens[at + 1].clone(), group]
    }
}

/// Finds the `>` that ends the body which begins at `start`: the first one before which the body is
/// complete and after which no operand can follow.
///
/// A body that cannot be read, such as one with `$( … )*` in it, ends at the first `>` after which
/// no operand can follow, unless there is a `;` before that.
fn close(tokens: &[TokenTree], start: usize, nested: bool) -> Result<Closed, Unmatched> {
    let mut body = Vec::new();
    let (mut unread, mut statements) = (None, false);
    let mut at = start;
    while at < tokens.len() {
        if opens(tokens, at) {
            let inner = close(tokens, at + OPEN, true)?;
            body.extend(inner.call(tokens, at));
            at = inner.end + 1;
            continue;
        }
        if is_closing(tokens, at) && ends_operand(tokens, at + 1, nested) {
            if is_complete(&body) {
                return Ok(Closed { body, end: at });
            }
            if !statements && !body.is_empty() && unread.is_none() {
                unread = Some(Closed { body: body.clone(), end: at });
            }
        }
        statements |= is_punct(tokens.get(at), ';');
        body.push(tokens[at].clone());
        at += 1;
    }
    unread.ok_or_else(|| Unmatched(tokens[start - 1].span()))
}

/// Whether the token at `at` is a `>` that is not part of `->` or `=>`.
fn is_closing(tokens: &[TokenTree], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    is_punct(tokens.get(at), '>') && !is_joint(before, '-') && !is_joint(before, '=')
}

/// Whether no operand of a `>` can begin at `at`.
fn ends_operand(tokens: &[TokenTree], at: usize, nested: bool) -> bool {
    match tokens.get(at) {
        None => true,
        Some(TokenTree::Punct(punct)) => match punct.as_char() {
            '.' | '?' | ',' | ';' => true,
            '>' => nested,
            _ => false,
        },
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(TokenTree::Ident(ident)) => ident == "else",
        Some(TokenTree::Literal(_)) => false,
    }
}

/// Whether the tokens, behind a header if there is one, read as statements.
fn is_complete(tokens: &[TokenTree]) -> bool {
    let body = header_end(tokens).map_or(0, |end| end + 2);
    let body = readable(tokens[body..].iter().cloned());
    Block::parse_within.parse2(body).is_ok_and(|statements| !statements.is_empty())
}

/// The tokens, with `name` in place of each `$name`, which stands for something complete.
fn readable(tokens: impl Iterator<Item = TokenTree>) -> TokenStream {
    let mut tokens = tokens.peekable();
    let mut out = Vec::new();
    while let Some(token) = tokens.next() {
        let is_dollar = is_punct(Some(&token), '$');
        match (token, tokens.peek()) {
            (_, Some(TokenTree::Ident(_))) if is_dollar => {}
            (TokenTree::Group(group), _) => {
                let stream = readable(group.stream().into_iter());
                out.push(group_at(group.delimiter(), stream, group.span()));
            }
            (other, _) => out.push(other),
        }
    }
    out.into_iter().collect()
}

fn group_at(delimiter: Delimiter, stream: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(delimiter, stream);
    group.set_span(span);
    TokenTree::Group(group)
}

/// The place of the next `;` outside of delimiters, or of the end.
fn statement_end(tokens: &[TokenTree], at: usize) -> usize {
    let semicolon = (at..tokens.len()).find(|&at| is_punct(tokens.get(at), ';'));
    semicolon.unwrap_or(tokens.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn becomes(source: &str, expected: &str) {
        let normal = |source: &str| source.parse::<TokenStream>().unwrap().to_string();
        let rewritten = rewrite(source.parse().unwrap()).to_string();
        assert_eq!(normal(&rewritten), normal(expected), "{source}");
    }

    #[track_caller]
    fn is_unmatched(source: &str) {
        let rewritten = rewrite(source.parse().unwrap()).to_string();
        assert!(rewritten.contains("no `>` ends this"), "{rewritten}");
    }

    #[test]
    fn a_body_ends_where_nothing_can_follow() {
        becomes("go!< f(x) >;", "go!(f(x));");
        becomes("go!<f(x)>.wait()", "go!(f(x)).wait()");
        becomes("go!<f(x)>?", "go!(f(x))?");
        becomes("[go!< f() >, go!< g() >]", "[go!(f()), go!(g())]");
        becomes("match go!< f() > { _ => {} }", "match go!(f()) { _ => {} }");
        becomes(
            "let Some(x) = go!< f() > else { return };",
            "let Some(x) = go!(f()) else { return };",
        );
        becomes("a::go!< f() >", "a::go!(f())");
    }

    #[test]
    fn generics_and_arrows_do_not_end_it() {
        becomes("go!< f::<Vec<u8>>(x) >;", "go!(f::<Vec<u8>>(x));");
        becomes("go!<<T as U<V>>::f(x)>;", "go!(<T as U<V>>::f(x));");
        becomes("go!< { let a: Vec<u8> = b; f(a) } >;", "go!({ let a: Vec<u8> = b; f(a) });");
        becomes("go!< let a: Vec<u8>; a = b; f(a) >;", "go!(let a: Vec<u8>; a = b; f(a));");
        becomes("go!< let a = b as C<D>; f(a) >;", "go!(let a = b as C<D>; f(a));");
        becomes("go!< f(|x| -> u8 { x }) >;", "go!(f(|x| -> u8 { x }));");
        becomes(
            "go!< local, name = n::<A, B>() => f() >;",
            "go!(local, name = n::<A, B>() => f());",
        );
        becomes("go!< |x| -> Vec<u8> { x } >;", "go!(|x| -> Vec<u8> { x });");
    }

    #[test]
    fn operators_do_not_end_it() {
        becomes("go!< if a > b { f() } else { g() } >;", "go!(if a > b { f() } else { g() });");
        becomes("go!< if a > { b } { f() } >;", "go!(if a > { b } { f() });");
        becomes("go!< while a >> 1 > b {} >;", "go!(while a >> 1 > b {});");
        becomes("go!< f(a > b, c >= d) >;", "go!(f(a > b, c >= d));");
        becomes("go!< let a = b >= c; f(a) >;", "go!(let a = b >= c; f(a));");
        becomes("go!< a > b >;", "go!(a > b);");
    }

    #[test]
    fn inner_ones_come_first() {
        becomes("go!< { go!< f() >; go!< g() > } >;", "go!({ go!(f()); go!(g()) });");
        becomes("go!< f(); go!< g() > >;", "go!(f(); go!(g()));");
        becomes("go!< go!< go!< f() >>>;", "go!(go!(go!(f())));");
        becomes("go!< f(go!< g::<Vec<u8>>() >) >;", "go!(f(go!(g::<Vec<u8>>())));");
    }

    #[test]
    fn macro_rules_bodies_are_read_as_far_as_they_go() {
        becomes("go!< $e >;", "go!($e);");
        becomes("go!< $f::<$t>($x) >;", "go!($f::<$t>($x));");
        becomes("go!< let a = $e; $crate::f(a) >;", "go!(let a = $e; $crate::f(a));");
        becomes("go!< f($($x),*) >;", "go!(f($($x),*));");
    }

    #[test]
    fn only_go_is_rewritten() {
        for source in ["other!< f() >;", "go < f() >;", "go!(f());", "a < b > ::c", "go != b"] {
            becomes(source, source);
        }
    }

    #[test]
    fn an_unmatched_one_is_an_error() {
        is_unmatched("go!< f(x);");
        is_unmatched("{ a::b::go!< f(x) } g();");
        is_unmatched("go!< go!< f(x) >;");
        is_unmatched("go!< f(x) > + 1;");
        is_unmatched("go!< >;");
    }

    #[test]
    fn untouched_groups_are_left_alone() {
        assert!(rewrite_changed("fn f() { g(a > b) }".parse().unwrap()).is_none());
    }
}
