//! `#[go_main(settings)] fn main() { … }`: reads the settings and the function, as written.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, Result, Signature, Token, Visibility, token};

/// One setting of an attribute.
pub(crate) struct Setting {
    pub(crate) key: Ident,
    pub(crate) value: Option<Expr>,
}

/// A function, with its body as mere tokens.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: TokenStream,
}

impl Setting {
    pub(crate) fn parse_all(tokens: TokenStream) -> Result<Vec<Self>> {
        let parser = Punctuated::<Self, Token![,]>::parse_terminated;
        parser.parse2(tokens).map(|settings| settings.into_iter().collect())
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("an option is expected, as in `workers = 4`"));
        }
        let key = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(equals) => Some(super::value(&equals, input)?),
            None => None,
        };
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error(format!("write the value behind `=`: `{key} = …`")));
        }
        Ok(Self { key, value })
    }
}

impl Function {
    pub(crate) fn parse(item: &TokenStream) -> Result<Self> {
        syn::parse2(item.clone())
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        if !input.peek(token::Brace) {
            return Err(input.error("the function's body is expected"));
        }
        Ok(Self { attributes, visibility, signature, body: input.parse()? })
    }
}
