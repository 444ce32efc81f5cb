//! What `#[go_main]` and `#[go_test]` refuse of their functions.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Error, Result, Signature};

use super::Refusals;
use super::options::{self, Options};
use crate::parse::entry::{Function, Setting};

/// Which of the two attributes is meant.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Main,
    Test,
}

impl Kind {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Kind::Main => "#[go_main]",
            Kind::Test => "#[go_test]",
        }
    }

    fn function(self) -> &'static str {
        match self {
            Kind::Main => "`main`",
            Kind::Test => "a test",
        }
    }
}

pub(crate) fn entry(kind: Kind, settings: Vec<Setting>, function: &Function) -> Result<Options> {
    let mut refusals = Refusals::default();
    signature(kind, &function.signature, &mut refusals);
    if kind == Kind::Test {
        for attribute in &function.attributes {
            if attribute.path().is_ident("test") {
                refusals.add(Error::new_spanned(
                    attribute,
                    "`#[go_test]` makes a test already; remove this attribute",
                ));
            }
        }
    }
    let options = options::options(kind, settings, &mut refusals);
    refusals.finish(options)
}

fn signature(kind: Kind, signature: &Signature, refusals: &mut Refusals) {
    let what = kind.function();
    let mut refuse = |at: &dyn ToTokens, why: String| {
        refusals.add(Error::new_spanned(at.to_token_stream(), why));
    };
    if let Some(token) = &signature.constness {
        refuse(token, format!("{what} cannot be `const`; remove it"));
    }
    if let Some(token) = &signature.asyncness {
        refuse(
            token,
            format!(
                "{what} is plain code, and plain functions may wait anywhere in it; remove `async`; \
                 `future::wait(…)` waits for a future"
            ),
        );
    }
    if let Some(token) = &signature.unsafety {
        refuse(token, format!("{what} cannot be `unsafe`; write an `unsafe` block in its body"));
    }
    if let Some(abi) = &signature.abi {
        refuse(abi, format!("{what} cannot be `extern`; remove it"));
    }
    if kind == Kind::Main && signature.ident != "main" {
        let name = &signature.ident;
        refuse(
            name,
            format!(
                "`#[go_main]` belongs on `fn main`; call `{name}` there, or spawn it with `go!({name}())`"
            ),
        );
    }
    if !signature.generics.params.is_empty() {
        refuse(&signature.generics, format!("{what} cannot be generic; remove the parameters"));
    }
    if let Some(clause) = &signature.generics.where_clause {
        refuse(clause, format!("{what} cannot have a `where` clause; remove it"));
    }
    if !signature.inputs.is_empty() || signature.variadic.is_some() {
        let fix = match kind {
            Kind::Main => "read the program's arguments with `std::env::args()`",
            Kind::Test => "make what it needs in its body",
        };
        let parameters = (&signature.inputs, &signature.variadic);
        let parameters = [parameters.0.to_token_stream(), parameters.1.to_token_stream()];
        refuse(
            &parameters.into_iter().collect::<TokenStream>(),
            format!("{what} takes no parameters; {fix}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, options: &str, function: &str) -> String {
        let settings = Setting::parse_all(options.parse().unwrap()).unwrap();
        let function = Function::parse(&function.parse().unwrap()).unwrap();
        match entry(kind, settings, &function) {
            Ok(options) => format!("{} {}", options.facade, options.calls).replace(' ', ""),
            Err(errors) => {
                errors.into_iter().map(|e| e.to_string()).collect::<Vec<_>>().join(" | ")
            }
        }
    }

    #[test]
    fn options_become_calls() {
        let options = "workers = 2, stack_size = 4 * K, on_exit = \"cancel\", grace = \"1m\"";
        assert_eq!(
            read(Kind::Main, options, "fn main() {}"),
            "::gocoro.workers(2).stack_size(4*K).on_exit_cancel(true).grace_millis(60000u64)"
        );
        assert_eq!(
            read(Kind::Test, "timeout = \"20ms\", crate = crate::g,", "fn t() {}"),
            "crate::g.timeout_millis(20u64)"
        );
    }

    #[test]
    fn main_has_a_stack_size_of_its_own() {
        let read = |options| read(Kind::Main, options, "fn main() {}");
        assert_eq!(read("main_stack_size = 1 << 20"), "::gocoro.main_stack_size(1<<20)");
        assert!(read("main_stack_size = \"1M\"").contains("a number of bytes"));
    }

    #[test]
    fn what_a_panic_does_is_one_of_three_words() {
        let read = |word: &str| read(Kind::Main, &format!("on_panic = {word}"), "fn main() {}");
        assert_eq!(read("\"report\""), "::gocoro.on_panic_abort(false)");
        assert_eq!(read("\"abort\""), "::gocoro.on_panic_abort(true)");
        assert_eq!(read("\"cancel\""), "::gocoro.on_panic_cancel(true)");
        assert!(read("\"exit\"").contains("one of three words"));
        assert!(read("true").contains("a string"));
    }

    #[test]
    fn what_a_deadlock_does_is_one_of_three_words() {
        let read = |word: &str| read(Kind::Main, &format!("deadlock = {word}"), "fn main() {}");
        assert_eq!(read("\"report\""), "::gocoro.deadlock_abort(false)");
        assert_eq!(read("\"abort\""), "::gocoro.deadlock_abort(true)");
        assert_eq!(read("\"off\""), "::gocoro.deadlock_off(true)");
        assert!(read("\"exit\"").contains("one of three words"));
        assert!(read("true").contains("a string"));
    }

    #[test]
    fn ctrl_c_takes_one_word() {
        let read = |kind, word: &str| read(kind, &format!("ctrl_c = {word}"), "fn main() {}");
        assert_eq!(read(Kind::Main, "\"cancel\""), "::gocoro.ctrl_c_cancel(true)");
        assert!(read(Kind::Main, "\"off\"").contains("one word, or is left out"));
        assert!(read(Kind::Main, "cancel").contains("a string"));
        assert!(read(Kind::Test, "\"cancel\"").contains("unknown option"));
    }

    #[test]
    fn sigquit_takes_two_words() {
        let read = |kind, word: &str| read(kind, &format!("sigquit = {word}"), "fn main() {}");
        assert_eq!(read(Kind::Main, "\"dump\""), "::gocoro.sigquit_dump(true)");
        assert_eq!(read(Kind::Main, "\"off\""), "::gocoro.sigquit_dump(false)");
        assert!(read(Kind::Main, "\"core\"").contains("one of two words"));
        assert!(read(Kind::Main, "false").contains("a string"));
        assert!(read(Kind::Test, "\"off\"").contains("unknown option"));
    }

    #[test]
    fn record_takes_a_path() {
        let read = |kind, path: &str| read(kind, &format!("record = {path}"), "fn main() {}");
        assert_eq!(read(Kind::Main, "\"/tmp/a\""), "::gocoro.record(\"/tmp/a\")");
        assert!(read(Kind::Main, "\"\"").contains("the path of a file"));
        assert!(read(Kind::Main, "true").contains("the path of a file"));
        assert!(read(Kind::Test, "\"/tmp/a\"").contains("unknown option"));
    }

    #[test]
    fn a_stall_takes_a_time_or_a_word() {
        let read = |kind, value: &str| read(kind, &format!("stall = {value}"), "fn main() {}");
        assert_eq!(read(Kind::Main, "\"100ms\""), "::gocoro.stall_millis(100u64)");
        assert_eq!(read(Kind::Main, "\"2s\""), "::gocoro.stall_millis(2000u64)");
        assert_eq!(read(Kind::Main, "\"off\""), "::gocoro.stall_off(true)");
        assert!(read(Kind::Main, "\"0s\"").contains("some time"));
        for value in ["\"on\"", "100", "off"] {
            assert!(read(Kind::Main, value).contains("a whole number with a unit"), "{value}");
        }
        assert!(read(Kind::Test, "\"off\"").contains("unknown option"));
    }

    #[test]
    fn refusals_come_together() {
        let read = read(Kind::Main, "wrokers = 2, grace = 5", "async fn run(a: u8) {}");
        assert_eq!(read.split(" | ").count(), 5, "{read}");
    }
}
