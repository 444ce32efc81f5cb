//! `main` says only that its result can end a program.

#![deny(warnings)]

#[gocoro::go_main(workers = 1)]
fn main() -> impl std::process::Termination {
    Ok::<_, std::fmt::Error>(())
}
