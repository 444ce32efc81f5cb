//! `main` returns an `ExitCode`.

#![deny(warnings)]

use std::process::ExitCode;

#[gocoro::go_main()]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
