//! What is a thread on std is a task on gocoro.

use crate::process::Process;
use crate::{FOUR_WORKERS, Folder, ONE_WORKER, Place, STD, World, same};

/// More threads than a program on gocoro has: workers, those of the pool, the one of `main`.
const FEW: usize = 40;
const HOUR_MS: u64 = 3_600_000;

/// A program in which so many sleep, all of which have been spawned.
fn sleepers(world: World, count: usize) -> Process {
    let place = Place { world, folder: Folder::new() };
    let mut process = place.start("alarm", &[]);
    for i in 0..count {
        process.say(&format!("{HOUR_MS} alarm {i}"));
    }
    process.say("0 now all are there");
    assert_eq!(process.line(), "now all are there");
    process
}

#[test]
fn two_thousand_that_sleep_need_no_two_thousand_threads() {
    for world in [ONE_WORKER, FOUR_WORKERS] {
        let threads = sleepers(world, 2000).threads();
        assert!(threads < FEW, "{world:?}: {threads} threads");
    }
    let threads = sleepers(STD, 200).threads();
    assert!(threads > 200, "this test counts wrongly: on std there are {threads}");
}

#[test]
fn all_alarms_ring_and_a_wrong_one_is_told_of() {
    let mut input: String = (0..2000).map(|i| format!("{} alarm {i}\n", i % 300)).collect();
    input += "soon tea\n7\n-1 tea\n";
    let ended = same(|place| place.run("alarm", &[], &*input).sorted());
    assert_eq!((ended.code, ended.stdout().lines().count()), (Some(1), 2000));
    assert_eq!(ended.stderr().lines().count(), 3, "{ended:?}");
}
