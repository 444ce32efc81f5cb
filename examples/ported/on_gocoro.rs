//! The programs of this folder with one line more: on gocoro, with tasks.
//!
//!     cargo run -p gocoro-examples --bin ported_gocoro -- tee copy.txt

mod programs;

mod alarm {
    use gocoro::std;
    include!("alarm.rs");
    crate::programs::entry!();
}

mod chat {
    use gocoro::std;
    include!("chat.rs");
    crate::programs::entry!();
}

mod fetch {
    use gocoro::std;
    include!("fetch.rs");
    crate::programs::entry!();
}

mod grep {
    use gocoro::std;
    include!("grep.rs");
    crate::programs::entry!();
}

mod make {
    use gocoro::std;
    include!("make.rs");
    crate::programs::entry!();
}

mod mirror {
    use gocoro::std;
    include!("mirror.rs");
    crate::programs::entry!();
}

mod pipe {
    use gocoro::std;
    include!("pipe.rs");
    crate::programs::entry!();
}

mod pool {
    use gocoro::std;
    use gocoro::thread_local; // a macro is no path, so it needs a line of its own
    include!("pool.rs");
    crate::programs::entry!();
}

mod respond {
    use gocoro::std;
    include!("respond.rs");
    crate::programs::entry!();
}

mod store {
    use gocoro::std;
    include!("store.rs");
    crate::programs::entry!();
}

mod supervise {
    use gocoro::std;
    include!("supervise.rs");
    crate::programs::entry!();
}

mod tee {
    use gocoro::std;
    include!("tee.rs");
    crate::programs::entry!();
}

#[gocoro::go_main]
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
