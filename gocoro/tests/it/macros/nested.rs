//! `go!` works inside of other macros, and its names are out of their reach.

use gocoro::go;
use gocoro::task::JoinHandle;

use super::add;

macro_rules! spawn_all {
    ($($body:expr),*) => { [$(go!($body)),*] };
}

macro_rules! spawn_call {
    ($callee:path, $($argument:expr),*) => { go!($callee($($argument),*)) };
}

fn apply(n: u32, f: impl FnOnce(u32) -> u32) -> u32 {
    f(n)
}

macro_rules! spawn_block {
    ($body:block) => { go!(name = "block" => $body) };
}

#[test]
fn fragments_of_other_macros_are_bodies() {
    let mut seen = 0;
    let tasks = spawn_all!(
        add(
            {
                seen += 1;
                seen
            },
            1
        ),
        { 7 },
        if true { 8 } else { 9 }
    );
    assert_eq!(seen, 1);
    assert_eq!(tasks.map(JoinHandle::wait), [2, 7, 8]);
    assert_eq!(spawn_call!(add, 1, 2).wait(), 3);
    assert_eq!(spawn_block!({ 4 }).wait(), 4);
    let base = 1;
    assert_eq!(spawn_call!(apply, base + 1, |n| n + base).wait(), 3);
}

#[test]
fn the_expansions_names_are_out_of_reach() {
    let (argument0, receiver, builder, callee) = (1, 2, 3, 4);
    let task = go!(name = "n" => add(argument0 + builder, {
        let argument0 = receiver;
        argument0 + callee
    }));
    assert_eq!(task.wait(), 10);
}
