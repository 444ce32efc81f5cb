//! What tasks need of their stacks, by the place where they were spawned.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::runtime::{Builder, StackAdvice, Stacks, stacks};
use gocoro::task;

use crate::support::until;

/// More tasks than it takes to be advised.
const ENOUGH: u64 = 16;

/// A frame of so many KiB and some more.
#[inline(never)]
fn deep(kib: usize) -> u8 {
    let frame = black_box([1_u8; 1024]);
    if kib == 0 { frame[0] } else { deep(kib - 1) + black_box(&frame)[1] }
}

fn site(stacks: &Stacks, line: u32) -> Option<StackAdvice> {
    let here = |site: &&StackAdvice| {
        let at = site.spawned_at();
        (at.file(), at.line()) == (file!(), line)
    };
    stacks.sites().iter().find(here).copied()
}

/// The shallow and the deep tasks take their stacks out of one pool, in turn, so each has what one
/// of the others had.
#[test]
fn places_that_share_a_pool_are_told_apart() {
    for workers in [1, 4] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        let (shallow, deep) = runtime.run(|| {
            let mut lines = (0, 0);
            loop {
                for _ in 0..1000 {
                    lines.0 = line!() + 1;
                    task::spawn(|| black_box(1)).wait();
                    lines.1 = line!() + 1;
                    task::spawn(|| deep(33)).wait();
                }
                let stacks = stacks();
                let found = (site(&stacks, lines.0), site(&stacks, lines.1));
                if let (Some(one), Some(other)) = found
                    && one.tasks().min(other.tasks()) >= ENOUGH
                {
                    return (one, other);
                }
            }
        });
        assert!(shallow.peak() < 32 * 1024, "{shallow}");
        assert!((33 * 1024..=256 * 1024).contains(&deep.peak()), "{deep}");
        for advice in [shallow, deep] {
            let ample = (2 * advice.peak()).next_power_of_two().max(32 * 1024);
            let suggestion = Some(ample).filter(|&ample| ample != 256 * 1024);
            assert_eq!((advice.stack_size(), advice.suggestion()), (256 * 1024, suggestion));
        }
    }
}

/// A task that waits for long is looked at while it waits.
#[test]
fn tasks_that_live_are_counted() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let (line, advice, json) = runtime.run(|| {
        let count = 8;
        let begun = Arc::new(AtomicUsize::new(0));
        let begin = |begun: Arc<AtomicUsize>| (deep(33), begun.fetch_add(1, SeqCst), task::park());
        let line = line!() + 1;
        let spawn = |begun| task::spawn(move || begin(begun));
        let tasks: Vec<_> = (0..count).map(|_| spawn(begun.clone())).collect();
        until(|| begun.load(SeqCst) == count);
        let stacks = stacks();
        let advice = site(&stacks, line).unwrap();
        for task in tasks {
            task.task().unpark();
            task.wait();
        }
        (line, advice, stacks.json().to_string())
    });
    let (peak, tasks) = (advice.peak(), advice.tasks());
    assert!((33 * 1024..=128 * 1024).contains(&peak), "{advice}");
    // The first has the stack that was warm.
    assert!((6..=8).contains(&tasks) && advice.suggestion().is_none(), "{advice}");
    let at = advice.spawned_at();
    let kib = peak / 1024;
    assert_eq!(
        advice.to_string(),
        format!("spawned at {at}: peaks at {kib} of 256 KiB in {tasks} tasks")
    );
    let place = format!(
        r#"{{"spawned_at":{{"file":"{}","line":{line},"column":{}}},"tasks":{tasks},"bytes":262144,"peak":{peak},"suggestion":null}}"#,
        at.file(),
        at.column(),
    );
    assert!(json.contains(&place), "{json}");
}
