//! The facade under another name, where only the attribute needs to be told.

#![deny(warnings)]

extern crate gocoro as g;

use g::{colorless, go, go_main};

colorless! {
    fn one() -> u32 {
        go!< local_sum(1) >.wait() + g::go!< { 0 } >.wait()
    }
}

fn local_sum(n: u32) -> u32 {
    n
}

#[go_main(crate = g)]
fn main() {
    assert_eq!(one(), 1);
    assert_eq!(go!(name = "renamed" => local_sum(2)).wait(), 2);
}
