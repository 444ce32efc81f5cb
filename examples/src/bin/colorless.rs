//! Lesson: the literal form `go!< … >`.
//!
//! Rust's grammar allows `(`, `[` and `{` after a macro's `!`, not `<`. Inside `colorless! { … }`,
//! which wraps whole items, `go!< body >` works at any depth and takes the same options as `go!`.
//! Operators need no parentheses: the closing `>` is the one after which the body is complete.
//!
//! Run it: `cargo run -p gocoro-examples --bin colorless`

use gocoro::{colorless, go, go_main, time};
use std::time::Duration;

colorless! {

/// Adds the leaves of a tree of tasks: every inner node spawns its two children.
fn sum(depth: u32, leaf: u64) -> u64 {
    if depth == 0 {
        time::sleep(Duration::from_millis(1));
        return leaf;
    }
    let left = go!< sum(depth - 1, leaf * 2) >;
    let right = go!< sum(depth - 1, leaf * 2 + 1) >;
    left.wait() + right.wait()
}

#[go_main]
fn main() {
    // A call: its arguments are evaluated here, only the call itself runs in the task.
    let tree = go!< name = "root" => sum(8, 0) >;

    // A block: all of it runs in the task. Comparisons and shifts stay what they are.
    let limit = 3;
    let block = go!< {
        let big = (0..10).filter(|n| *n > limit).count() as u32;
        1_u32 << big >> 1
    } >;

    // Nested: a task that spawns a task.
    let nested = go!< { go!< time::sleep(Duration::from_millis(1)) >.wait(); "nested" } >;

    let total = tree.wait();
    println!("tree {total}, block {}, {}", block.wait(), nested.wait());
    assert_eq!(total, (0..256).sum());
}

}
