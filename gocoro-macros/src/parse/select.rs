//! `select! { operation -> pattern => body, … }`: reads the arms, as written.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, Pat, Result, Token, token};

/// The input of `select!`.
pub(crate) struct Select {
    /// The path of the facade.
    pub(crate) facade: TokenStream,
    /// Whether this is a `select_biased!`.
    pub(crate) biased: bool,
    pub(crate) arms: Vec<Arm>,
}

/// An arm: `operation(arguments) -> pattern => body`.
pub(crate) struct Arm {
    pub(crate) operation: Ident,
    pub(crate) arguments: Option<(Span, Vec<Expr>)>,
    pub(crate) pattern: Option<(Span, Pat)>,
    pub(crate) guard: Option<Span>,
    pub(crate) arrow: Span,
    pub(crate) body: Expr,
}

/// The form to write, for those who wrote the form of another library.
const FORM: &str = "an arm names its operation: write `recv(r) -> v => …`, `send(s, v) -> r => …`, \
                    `join(&mut handle) -> r => …`, `wait(x) -> v => …`, `readable(io) => …`, \
                    `writable(io) => …` or `default => …`";

const NO_ARROW: &str = "`=>` and the arm's body are expected here";

impl Select {
    pub(crate) fn parse(input: TokenStream, biased: bool) -> Result<Self> {
        let (facade, tokens) = super::split_facade(input);
        let arms = arms.parse2(tokens)?;
        Ok(Self { facade, biased, arms })
    }
}

fn arms(input: ParseStream<'_>) -> Result<Vec<Arm>> {
    let mut arms = Vec::new();
    while !input.is_empty() {
        let arm: Arm = input.parse()?;
        let needs_comma = !is_block_like(&arm.body);
        arms.push(arm);
        if input.is_empty() {
            break;
        }
        if needs_comma && !input.peek(Token![,]) {
            return Err(input.error("arms are separated by `,`"));
        }
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(arms)
}

/// Whether an arm with this body needs no comma behind it, as in a `match`.
fn is_block_like(body: &Expr) -> bool {
    matches!(
        body,
        Expr::Block(_)
            | Expr::If(_)
            | Expr::Match(_)
            | Expr::Loop(_)
            | Expr::While(_)
            | Expr::ForLoop(_)
            | Expr::Unsafe(_)
    )
}

impl Parse for Arm {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        foreign(input)?;
        let operation = input.call(Ident::parse_any)?;
        let arguments = if input.peek(token::Paren) {
            let list;
            let parens = syn::parenthesized!(list in input);
            let arguments = Punctuated::<Expr, Token![,]>::parse_terminated(&list)?;
            Some((parens.span.join(), arguments.into_iter().collect()))
        } else {
            None
        };
        let pattern = if input.peek(Token![->]) {
            let arrow: Token![->] = input.parse()?;
            if input.peek(Token![=>]) {
                return Err(Error::new(
                    arrow.spans[0],
                    "a pattern is expected behind this `->`: a name, or `_`",
                ));
            }
            body_without_arrow(input)?;
            Some((arrow.spans[0], input.call(Pat::parse_multi_with_leading_vert)?))
        } else {
            None
        };
        let guard = guard(input)?;
        if !input.peek(Token![=>]) {
            return Err(input.error(NO_ARROW));
        }
        let arrow: Token![=>] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(Error::new(arrow.spans[0], "a body is expected behind this `=>`"));
        }
        let body = input.call(Expr::parse_with_earlier_boundary_rule)?;
        let arrow = arrow.spans[0];
        Ok(Self { operation, arguments, pattern, guard, arrow, body })
    }
}

/// Refuses what is no arm of `select!`, but of another library's macro.
fn foreign(input: ParseStream<'_>) -> Result<()> {
    if input.peek(Token![else]) {
        return Err(input.error("for what to do while no arm is ready, write `default => …`"));
    }
    let ahead = input.fork();
    if let Ok(word) = ahead.call(Ident::parse_any)
        && word == "biased"
        && ahead.peek(Token![;])
    {
        return Err(input.error("for a choice in the order listed, write `select_biased! { … }`"));
    }
    let ahead: TokenStream = input.fork().parse()?;
    let tokens: Vec<TokenTree> = ahead.into_iter().collect();
    let named = matches!(
        (tokens.first(), tokens.get(1)),
        (Some(TokenTree::Ident(_)), Some(TokenTree::Group(_)))
    );
    let end = super::header_end(&tokens).unwrap_or(tokens.len());
    let assigns = (0..end).any(|at| {
        super::is_punct(tokens.get(at), '=')
            && !super::is_fat_arrow(&tokens, at)
            && !at.checked_sub(1).is_some_and(|before| {
                "=!<>+-*/%^&|".chars().any(|char| super::is_joint(tokens.get(before), char))
            })
    });
    let default = matches!(tokens.first(), Some(TokenTree::Ident(word)) if word == "default");
    if assigns || !(named || default) {
        return Err(input.error(FORM));
    }
    Ok(())
}

/// Refuses `name { body }`, which reads as the pattern of a struct.
fn body_without_arrow(input: ParseStream<'_>) -> Result<()> {
    if !(input.peek(Ident) && input.peek2(token::Brace)) {
        return Ok(());
    }
    let ahead = input.fork();
    ahead.parse::<Ident>()?;
    let place = ahead.span();
    ahead.parse::<TokenTree>()?;
    match ahead.is_empty() || ahead.peek(Token![,]) {
        true => Err(Error::new(place, NO_ARROW)),
        false => Ok(()),
    }
}

/// The place of an `if` guard, as `match` and tokio have it.
fn guard(input: ParseStream<'_>) -> Result<Option<Span>> {
    if input.peek(Token![,]) && input.peek2(Token![if]) {
        input.parse::<Token![,]>()?;
    }
    if !input.peek(Token![if]) {
        return Ok(None);
    }
    let guard: Token![if] = input.parse()?;
    input.call(Expr::parse_without_eager_brace)?;
    Ok(Some(guard.span))
}
