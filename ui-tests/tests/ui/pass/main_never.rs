//! `main` never returns.

#![deny(warnings)]

#[gocoro::go_main]
fn main() -> ! {
    std::process::exit(0)
}
