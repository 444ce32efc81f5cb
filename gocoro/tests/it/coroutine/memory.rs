//! What coroutines take from the system, and give back.

use gocoro::coroutine::Greenlet;
use gocoro::coroutine::iter::generate;

use super::*;
use crate::support::{passes_alone, scenario, skipped};

/// The address space that this process has, in KiB, and the number of its mappings.
fn taken() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size = size.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
    (size, std::fs::read_to_string("/proc/self/maps").unwrap().lines().count())
}

/// Whether this is the process that looks at its own memory.
fn looks(test: &str) -> bool {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        skipped("coroutine memory: a sanitizer, which keeps what was freed, is here");
        return false;
    }
    passes_alone(test, "alone");
    scenario().is_some()
}

fn suspended() -> Plain<()> {
    let mut coroutine = Coroutine::new(|suspender: &Suspender<(), ()>, ()| {
        let _kept = Box::new([1_u8; 100]);
        suspender.suspend(());
    });
    coroutine.resume(()).unwrap();
    coroutine
}

/// One of each, made, suspended and dropped.
fn once() {
    drop(suspended());
    let mut items = generate(|emitter| (0..3).for_each(|n| emitter.emit(vec![n; 100])));
    assert_eq!(items.next().unwrap().len(), 100);
    drop(items);
    let greenlet = Greenlet::new(|text: String| Greenlet::root().switch_to(text).unwrap());
    greenlet.switch_to("a text".to_owned()).unwrap();
}

#[test]
fn what_is_made_and_dropped_takes_no_more() {
    if looks("coroutine::memory::what_is_made_and_dropped_takes_no_more") {
        everywhere(|| {
            (0..1000).for_each(|_| once());
            let (before, _) = taken();
            // A million of the plain ones, and of the others what an unoptimised build does soon.
            (0..1_000_000).for_each(|_| drop(suspended()));
            (0..20_000).for_each(|_| once());
            let (after, _) = taken();
            assert!(after < before + 1024, "{before} KiB, and now {after} KiB");
        });
    }
}

/// Stacks go when their thread has ended: those that are pooled, and those of coroutines that end
/// with it.
#[test]
fn a_thread_that_ends_gives_its_stacks_back() {
    thread_local! {
        static KEPT: RefCell<Vec<Plain<()>>> = const { RefCell::new(vec![]) };
    }
    if looks("coroutine::memory::a_thread_that_ends_gives_its_stacks_back") {
        let thread = || {
            std::thread::spawn(|| {
                KEPT.set((0..50).map(|_| suspended()).collect());
                drop((0..100).map(|_| suspended()).collect::<Vec<_>>());
            })
            .join()
            .unwrap();
        };
        (0..3).for_each(|_| thread());
        let (size_before, mappings_before) = taken();
        (0..30).for_each(|_| thread());
        let (size, mappings) = taken();
        // A leak of one stack a thread would be 30 of 256 KiB.
        assert!(size < size_before + 4 * 1024, "{size_before} KiB, and now {size} KiB");
        assert!(mappings < mappings_before + 20, "{mappings_before}, and now {mappings}");
    }
}

/// Thousands on the smallest stacks, all at once, resumed in turn.
#[test]
fn thousands_are_suspended_at_once() {
    everywhere(|| {
        let mut all: Vec<Coroutine<u32, u32, u32>> = (0..4000)
            .map(|_| {
                Coroutine::with_stack_size(1, |suspender: &Suspender<u32, u32>, first| {
                    let second = suspender.suspend(first + 1);
                    suspender.suspend(first + second)
                })
            })
            .collect();
        for (into, out) in [(1, 2), (5, 6)] {
            for coroutine in &mut all {
                assert_eq!(coroutine.resume(into).unwrap(), Step::Yielded(out));
            }
        }
        let dropped = all.split_off(2000);
        for coroutine in &mut all {
            assert_eq!(coroutine.resume(9).unwrap(), Step::Returned(9));
        }
        drop(dropped);
    });
}
