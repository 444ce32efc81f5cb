//! `?` in `main`.

#![deny(warnings)]

use gocoro::{go, go_main};

#[go_main(on_exit = "cancel", grace = "500ms")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = go!("12".parse()).wait()?;
    assert_eq!(n, 12);
    Ok(())
}
