//! `go!(header => body)`: reads the header's settings and the body's statements, as written.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Block, Error, Expr, Ident, Result, Stmt, Token, token};

/// The input of `go!`.
pub(crate) struct Spawn {
    /// The path of the facade.
    pub(crate) facade: TokenStream,
    /// What stands before the `=>`. `None`: there is no `=>`.
    pub(crate) header: Option<Header>,
    pub(crate) body: Body,
}

/// What stands before the `=>`.
pub(crate) struct Header {
    pub(crate) arrow: Span,
    pub(crate) settings: Vec<Setting>,
}

/// One item of a header.
pub(crate) struct Setting {
    pub(crate) key: Ident,
    pub(crate) value: Value,
}

/// What follows a setting's name.
pub(crate) enum Value {
    Nothing,
    Expr(Token![=], Expr),
    /// A value without a `=`, as `in` has it.
    Place(Expr),
    List(token::Paren, TokenStream),
}

/// What the task is to run, as tokens and as statements.
pub(crate) struct Body {
    pub(crate) tokens: TokenStream,
    pub(crate) statements: Vec<Stmt>,
}

/// An item of `clone(…)`: a name, or a name and what to clone under it.
pub(crate) struct Cloned {
    pub(crate) mutable: Option<Token![mut]>,
    pub(crate) source: Expr,
    pub(crate) renamed: Option<Ident>,
}

impl Spawn {
    pub(crate) fn parse(input: TokenStream) -> Result<Self> {
        let (facade, tokens) = super::split_facade(input);
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (header, body) = match super::header_end(&tokens) {
            Some(end) => {
                let settings = tokens[..end].iter().cloned().collect();
                let header =
                    Header { arrow: tokens[end].span(), settings: Setting::parse_all(settings)? };
                (Some(header), &tokens[end + 2..])
            }
            None => (None, &tokens[..]),
        };
        let body = Body::parse(body.iter().cloned().collect())?;
        Ok(Self { facade, header, body })
    }
}

impl Setting {
    fn parse_all(tokens: TokenStream) -> Result<Vec<Self>> {
        let parser = Punctuated::<Self, Token![,]>::parse_terminated;
        parser.parse2(tokens).map(|settings| settings.into_iter().collect())
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error(
                "an option is expected before `=>`: `name = …`, `stack_size = …`, `local`, \
                 `daemon`, `clone(…)` or `in …`",
            ));
        }
        let key = input.call(Ident::parse_any)?;
        let ends = input.is_empty() || input.peek(Token![,]) || input.peek(Token![=]);
        let value = if key == "in" && !ends {
            Value::Place(input.parse()?)
        } else if input.peek(Token![=]) {
            let equals = input.parse()?;
            let value = super::value(&equals, input)?;
            Value::Expr(equals, value)
        } else if input.peek(token::Paren) {
            let list;
            Value::List(syn::parenthesized!(list in input), list.parse()?)
        } else {
            Value::Nothing
        };
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error(
                "options are separated by `,` and end with `=>`, as in `go!(local, name = \"x\" => f())`",
            ));
        }
        Ok(Self { key, value })
    }
}

impl Cloned {
    pub(crate) fn parse_all(tokens: TokenStream) -> Result<Vec<Self>> {
        let parser = Punctuated::<Self, Token![,]>::parse_terminated;
        parser.parse2(tokens).map(|clones| clones.into_iter().collect())
    }
}

impl Parse for Cloned {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mutable = input.parse()?;
        let renamed = match input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==])
        {
            true => {
                let name = input.parse()?;
                input.parse::<Token![=]>()?;
                Some(name)
            }
            false => None,
        };
        Ok(Self { mutable, source: input.parse()?, renamed })
    }
}

impl Body {
    fn parse(tokens: TokenStream) -> Result<Self> {
        let mut start = tokens.clone().into_iter();
        if let (Some(TokenTree::Ident(word)), Some(TokenTree::Group(_))) =
            (start.next(), start.next())
            && word == "move"
        {
            return Err(Error::new(
                word.span(),
                "a block needs no `move`: a task takes what it captures by value; write \
                 `go!({ … })`",
            ));
        }
        match Block::parse_within.parse2(tokens.clone()) {
            Ok(statements) => Ok(Self { tokens, statements }),
            Err(error) => Err(misplaced_comma.parse2(tokens).unwrap_or(error)),
        }
    }
}

/// The error for `first, second`, where `first` reads as a body.
fn misplaced_comma(input: ParseStream<'_>) -> Result<Error> {
    input.parse::<Expr>()?;
    let error = input.error(
        "a body is one call or one block: end options with `=>`, as in `go!(local => f())`, and \
         run several things with `go!({ f(); g() })`",
    );
    input.parse::<Token![,]>()?;
    input.parse::<TokenStream>()?;
    Ok(error)
}
