//! What `#[go_main]` and `#[go_test]` refuse of their options.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Result, UnOp};

use super::entry::Kind;
use super::{Refusals, ungroup};
use crate::parse::entry::Setting;

/// An attribute's options.
pub(crate) struct Options {
    /// The path of the facade.
    pub(crate) facade: TokenStream,
    /// `.method(value)` for each option given.
    pub(crate) calls: TokenStream,
}

/// The method that sets an option, and its value. Without a method, the value is the facade's path.
type Read = Result<(Option<Ident>, TokenStream)>;

pub(super) fn options(kind: Kind, settings: Vec<Setting>, refusals: &mut Refusals) -> Options {
    let mut options = Options { facade: quote!(::gocoro), calls: TokenStream::new() };
    let mut seen = Vec::<Ident>::new();
    for Setting { key, value } in settings {
        if seen.contains(&key) {
            refusals.add(Error::new(key.span(), format!("`{key}` is given twice; remove one")));
            continue;
        }
        seen.push(key.clone());
        let name = key.to_string();
        let read: fn(&Ident, &Expr) -> Read = match (kind, &*name) {
            (_, "workers") => workers,
            (_, "crate") => facade,
            (Kind::Main, "stack_size" | "main_stack_size") => stack_size,
            (Kind::Main, "on_exit") => on_exit,
            (Kind::Main, "grace") => grace,
            (Kind::Main, "on_panic") => on_panic,
            (Kind::Main, "ctrl_c") => ctrl_c,
            (Kind::Main, "sigquit") => sigquit,
            (Kind::Main, "deadlock") => deadlock,
            (Kind::Main, "record") => record,
            (Kind::Main, "stall") => stall,
            (Kind::Test, "timeout") => timeout,
            _ => {
                refusals.add(unknown(kind, &key));
                continue;
            }
        };
        let Some(value) = value else {
            refusals
                .add(Error::new(key.span(), format!("`{key}` needs a value: {}", example(&name))));
            continue;
        };
        match refusals.take(read(&key, &value)) {
            Some((Some(method), value)) => {
                let site = Span::mixed_site().located_at(key.span());
                options.calls.extend(quote_spanned!(site=> .#method(#value)));
            }
            Some((None, path)) => options.facade = path,
            None => {}
        }
    }
    options
}

fn unknown(kind: Kind, key: &Ident) -> Error {
    let attribute = kind.attribute();
    let keys = match kind {
        Kind::Main => {
            "`workers`, `stack_size`, `main_stack_size`, `on_exit`, `on_panic`, `ctrl_c`, `sigquit`, `deadlock`, `record`, `stall`, `grace` and `crate`"
        }
        Kind::Test => "`workers`, `timeout` and `crate`",
    };
    let mut why = format!("unknown option `{key}`; the options of `{attribute}` are {keys}");
    if key == "worker_threads" {
        why = "unknown option `worker_threads`; write `workers = …`".to_owned();
    }
    Error::new(key.span(), why)
}

fn example(key: &str) -> &'static str {
    match key {
        "workers" => "`workers = 4`",
        "stack_size" => "`stack_size = 64 * 1024`",
        "main_stack_size" => "`main_stack_size = 16 * 1024 * 1024`",
        "on_exit" => "`on_exit = \"wait\"` or `on_exit = \"cancel\"`",
        "deadlock" => "`deadlock = \"report\"`, `\"abort\"` or `\"off\"`",
        "stall" => "`stall = \"100ms\"`, `\"2s\"` or `\"off\"`",
        "on_panic" => "`on_panic = \"report\"`, `\"abort\"` or `\"cancel\"`",
        "ctrl_c" => "`ctrl_c = \"cancel\"`",
        "sigquit" => "`sigquit = \"dump\"` or `sigquit = \"off\"`",
        "record" => "`record = \"/tmp/record.json\"`",
        "grace" => "`grace = \"5s\"`, `\"500ms\"` or `\"1m\"`",
        "timeout" => "`timeout = \"30s\"`, `\"500ms\"` or `\"1m\"`",
        _ => "`crate = path::to::gocoro`",
    }
}

fn wrong(key: &Ident, value: &Expr, kind: &str) -> Error {
    let why = format!("`{key}` takes {kind}: {}", example(&key.to_string()));
    Error::new_spanned(value, why)
}

fn workers(key: &Ident, value: &Expr) -> Read {
    if let Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) = ungroup(value)
        && number.base10_digits() == "0"
    {
        let why = "a runtime needs a worker; leave `workers` out for one on each core";
        return Err(Error::new(number.span(), why));
    }
    Ok((Some(key.clone()), number(key, value, "a number of threads")?))
}

fn stack_size(key: &Ident, value: &Expr) -> Read {
    Ok((Some(key.clone()), number(key, value, "a number of bytes")?))
}

/// A literal number that fits, or an expression that the compiler checks.
fn number(key: &Ident, value: &Expr, kind: &str) -> Result<TokenStream> {
    match ungroup(value) {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if is_usize(number) => {}
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            return Err(wrong(key, value, kind));
        }
        Expr::Lit(_)
        | Expr::Array(_)
        | Expr::Tuple(_)
        | Expr::Closure(_)
        | Expr::Range(_)
        | Expr::Reference(_)
        | Expr::Struct(_) => return Err(wrong(key, value, kind)),
        _ => {}
    }
    Ok(value.to_token_stream())
}

fn is_usize(number: &LitInt) -> bool {
    matches!(number.suffix(), "" | "usize") && number.base10_parse::<usize>().is_ok()
}

fn on_exit(key: &Ident, value: &Expr) -> Read {
    let cancel = match text(value).map(|text| text.value()).as_deref() {
        Some("cancel") => true,
        Some("wait") => false,
        Some(_) => return Err(wrong(key, value, "one of two words")),
        None => return Err(wrong(key, value, "a string")),
    };
    Ok((Some(format_ident!("on_exit_cancel")), cancel.to_token_stream()))
}

fn on_panic(key: &Ident, value: &Expr) -> Read {
    let (method, set) = match text(value).map(|text| text.value()).as_deref() {
        Some("report") => ("on_panic_abort", false),
        Some("abort") => ("on_panic_abort", true),
        Some("cancel") => ("on_panic_cancel", true),
        Some(_) => return Err(wrong(key, value, "one of three words")),
        None => return Err(wrong(key, value, "a string")),
    };
    Ok((Some(format_ident!("{method}")), set.to_token_stream()))
}

fn deadlock(key: &Ident, value: &Expr) -> Read {
    let (method, set) = match text(value).map(|text| text.value()).as_deref() {
        Some("report") => ("deadlock_abort", false),
        Some("abort") => ("deadlock_abort", true),
        Some("off") => ("deadlock_off", true),
        Some(_) => return Err(wrong(key, value, "one of three words")),
        None => return Err(wrong(key, value, "a string")),
    };
    Ok((Some(format_ident!("{method}")), set.to_token_stream()))
}

fn ctrl_c(key: &Ident, value: &Expr) -> Read {
    match text(value).map(|text| text.value()).as_deref() {
        Some("cancel") => Ok((Some(format_ident!("ctrl_c_cancel")), quote!(true))),
        Some(_) => Err(wrong(key, value, "one word, or is left out")),
        None => Err(wrong(key, value, "a string")),
    }
}

fn sigquit(key: &Ident, value: &Expr) -> Read {
    let dump = match text(value).map(|text| text.value()).as_deref() {
        Some("dump") => true,
        Some("off") => false,
        Some(_) => return Err(wrong(key, value, "one of two words")),
        None => return Err(wrong(key, value, "a string")),
    };
    Ok((Some(format_ident!("sigquit_dump")), dump.to_token_stream()))
}

fn record(key: &Ident, value: &Expr) -> Read {
    match text(value) {
        Some(path) if !path.value().is_empty() => Ok((Some(key.clone()), path.to_token_stream())),
        _ => Err(wrong(key, value, "the path of a file, in quotes")),
    }
}

fn stall(key: &Ident, value: &Expr) -> Read {
    if text(value).is_some_and(|text| text.value() == "off") {
        return Ok((Some(format_ident!("stall_off")), quote!(true)));
    }
    match text(value).map(|text| parse_millis(&text.value())) {
        Some(Some(0)) => Err(wrong(key, value, "some time, or \"off\"")),
        Some(Some(millis)) => Ok((Some(format_ident!("stall_millis")), millis.to_token_stream())),
        _ => Err(wrong(key, value, "a whole number with a unit, in quotes, or \"off\"")),
    }
}

fn grace(key: &Ident, value: &Expr) -> Read {
    Ok((Some(format_ident!("grace_millis")), millis(key, value)?.to_token_stream()))
}

fn timeout(key: &Ident, value: &Expr) -> Read {
    match millis(key, value)? {
        0 => Err(Error::new_spanned(value, "a test needs some time; write `timeout = \"30s\"`")),
        millis => Ok((Some(format_ident!("timeout_millis")), millis.to_token_stream())),
    }
}

fn millis(key: &Ident, value: &Expr) -> Result<u64> {
    text(value)
        .and_then(|text| parse_millis(&text.value()))
        .ok_or_else(|| wrong(key, value, "a whole number with a unit, in quotes"))
}

/// The milliseconds of `"20ms"`, `"5s"` or `"1m"`.
fn parse_millis(text: &str) -> Option<u64> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn facade(key: &Ident, value: &Expr) -> Read {
    match ungroup(value) {
        Expr::Path(path) if path.qself.is_none() => Ok((None, path.to_token_stream())),
        Expr::Lit(_) => Err(wrong(key, value, "a path, without quotes")),
        _ => Err(wrong(key, value, "a path")),
    }
}

fn text(value: &Expr) -> Option<&LitStr> {
    match ungroup(value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_millis("250ms"), Some(250));
        assert_eq!(parse_millis("5 s"), Some(5_000));
        assert_eq!(parse_millis("2m"), Some(120_000));
        for text in ["", "5", "s", "1.5s", "-1s", "5h", "5 S", " 5s", "99999999999999999999s"] {
            assert_eq!(parse_millis(text), None, "{text:?}");
        }
        assert_eq!(parse_millis("18446744073709551615m"), None);
    }
}
