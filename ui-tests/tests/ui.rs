//! What the compiler says to gocoro's users: one scenario a file, its message beside it.
//!
//! The messages are those of one toolchain, the pinned one. To record them anew, run
//! `TRYBUILD=overwrite cargo test -p ui-tests --test ui`, and read the difference.

use std::process::Command;

/// The toolchain that the messages were recorded with.
const TOOLCHAIN: &str = "rustc 1.95.";

#[test]
fn ui() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.starts_with(TOOLCHAIN) {
        println!("skipped: the messages are those of {TOOLCHAIN}x, and this is {}", version.trim());
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/pass/*.rs");
    tests.compile_fail("tests/ui/fail/*.rs");
}
