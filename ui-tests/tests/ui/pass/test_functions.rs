//! Everything that a `#[go_test]` may be.

#![deny(warnings)]
#![allow(dead_code)]

use gocoro::go_test;

#[go_test]
fn plain() {}

#[go_test(workers = 2, timeout = "500ms", crate = gocoro)]
#[ignore = "slow"]
fn result() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}

#[go_test]
#[should_panic(expected = "so")]
fn panics() {
    panic!("so");
}

#[go_test]
fn unit() -> () {}

#[go_test]
fn code() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}

fn main() {}
