//! A panic in a task, or in `main`, ends the process.

use std::{env, panic};

use gocoro::{go, go_main};

fn fail() {
    panic!("expected")
}

#[go_main(workers = 1)]
fn main() {
    let who = env::args().nth(1).unwrap_or_default();
    if who == "silent" {
        panic::set_hook(Box::new(|_| {}));
    }
    if who == "main" {
        fail();
    }
    let failed = go!(name = "unlucky" => fail()).join();
    let _: Result<(), _> = failed;
}
