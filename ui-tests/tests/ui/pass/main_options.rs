//! Every option of `#[go_main]`, with constants, and attributes that stay.

#![deny(warnings)]

const STACK: usize = 64;

/// Documented.
#[gocoro::go_main(
    workers = 2,
    stack_size = STACK * 1024,
    main_stack_size = 2 * STACK * 1024,
    on_exit = "wait",
    ctrl_c = "cancel",
    sigquit = "off",
    grace = "1m",
    crate = ::gocoro,
)]
#[allow(unused_variables)]
#[inline(never)]
fn main() {
    let unused = 1;
}
