//! The programs of this folder as they are: on the standard library, with threads.
//!
//!     cargo run -p gocoro-examples --bin ported_std -- tee copy.txt

#![allow(clippy::disallowed_methods, reason = "these are threads, which may sleep")]

mod programs;

mod alarm {
    include!("alarm.rs");
    crate::programs::entry!();
}

mod chat {
    include!("chat.rs");
    crate::programs::entry!();
}

mod fetch {
    include!("fetch.rs");
    crate::programs::entry!();
}

mod grep {
    include!("grep.rs");
    crate::programs::entry!();
}

mod make {
    include!("make.rs");
    crate::programs::entry!();
}

mod mirror {
    include!("mirror.rs");
    crate::programs::entry!();
}

mod pipe {
    include!("pipe.rs");
    crate::programs::entry!();
}

mod pool {
    include!("pool.rs");
    crate::programs::entry!();
}

mod respond {
    include!("respond.rs");
    crate::programs::entry!();
}

mod store {
    include!("store.rs");
    crate::programs::entry!();
}

mod supervise {
    include!("supervise.rs");
    crate::programs::entry!();
}

mod tee {
    include!("tee.rs");
    crate::programs::entry!();
}

fn main() -> std::process::ExitCode {
    programs::pick(&[
        ("alarm", alarm::entry),
        ("chat", chat::entry),
        ("fetch", fetch::entry),
        ("grep", grep::entry),
        ("make", make::entry),
        ("mirror", mirror::entry),
        ("pipe", pipe::entry),
        ("pool", pool::entry),
        ("respond", respond::entry),
        ("store", store::entry),
        ("supervise", supervise::entry),
        ("tee", tee::entry),
    ])
}
