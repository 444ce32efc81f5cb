//! `gocoro::thread` does what `std::thread` is documented to do.

mod documented;
mod ends;
mod local;
mod scope;
mod stacks;
mod who;

/// Makes tests of functions that are compiled twice: with std's `thread` and `thread_local!`, on
/// plain threads, and with gocoro's, in tasks and on plain threads. So what they assert is what std
/// does, too. Both modules' names come out of a macro, so `thread_local!` is called by its path.
macro_rules! twice {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        mod with_std {
            #[allow(unused_imports)]
            use super::*;
            #[allow(unused_imports)]
            use std::{thread, thread_local};
            $(
                $(#[$attribute])*
                #[allow(clippy::disallowed_methods)]
                pub(super) fn $name() $body
            )*
        }

        mod with_gocoro {
            #[allow(unused_imports)]
            use super::*;
            #[allow(unused_imports)]
            use gocoro::{thread, thread_local};
            $(
                $(#[$attribute])*
                pub(super) fn $name() $body
            )*
        }

        $(
            #[test]
            fn $name() {
                crate::support::bounded(with_std::$name);
                crate::support::in_both_colours(with_gocoro::$name);
            }
        )*
    };
}
use twice;

/// The text of a panic.
fn text(payload: &(dyn std::any::Any + Send)) -> String {
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => payload.downcast_ref::<&str>().unwrap().to_string(),
    }
}
