//! Groups of one owner and of several: each member is joined once, and none is left.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::go;
use gocoro::task::{self, TaskGroup};
use gocoro::time::{sleep, timeout};

use super::rounds;
use crate::group::raised;
use crate::support::{Colour, Random, SOON, on_drop, until};

#[test]
fn each_group_ends_with_its_members() {
    rounds(4, |workers, seed| {
        Colour::Task.run(workers, move || {
            let mut random = Random::new(seed);
            let alive = Arc::new(AtomicUsize::new(0));
            for _ in 0..40 {
                let group = match random.below(2) {
                    0 => TaskGroup::new(),
                    _ => TaskGroup::with_limit(1 + random.below(4)),
                };
                for _ in 0..random.below(12) {
                    let (kind, alive) = (random.below(6), alive.clone());
                    group.spawn(move || {
                        alive.fetch_add(1, SeqCst);
                        let _guard = on_drop(|| {
                            alive.fetch_sub(1, SeqCst);
                        });
                        match kind {
                            0 => sleep(Duration::from_micros(200)),
                            1 => panic!("one of many"),
                            2 => task::current().cancel(),
                            _ => task::yield_now(),
                        }
                        kind
                    });
                    if random.below(4) == 0 {
                        let _ = group.next();
                    }
                }
                match random.below(6) {
                    0 => {
                        let text = raised(|| drop(group));
                        assert!(text.is_none_or(|text| text == "one of many"));
                    }
                    1 => drop(group.join_all()),
                    2 => drop(group.try_join_all()),
                    3 => drop(group.shutdown(Duration::from_micros(100))),
                    4 => {
                        group.cancel_all();
                        while group.next().is_some() {}
                    }
                    _ => {
                        let _ = timeout(Duration::from_micros(300), move || group.join_all());
                    }
                }
            }
            // Those of a group that an unwinding dropped end by themselves.
            until(|| alive.load(SeqCst) == 0);
        });
    });
}

#[test]
fn each_member_of_a_shared_group_is_joined_once() {
    rounds(4, |workers, seed| {
        Colour::Task.run(workers, move || share(seed));
    });
}

fn share(seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..10 {
        let group = Arc::new(match random.below(2) {
            0 => TaskGroup::new(),
            _ => TaskGroup::with_limit(1 + random.below(4)),
        });
        let (spawned, joined) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let players: Vec<_> = (0..6)
            .map(|_| {
                let mut random = Random::new(random.next());
                go!(clone(group, spawned, joined) => {
                    for _ in 0..50 {
                        match random.below(12) {
                            0 => group.cancel_all(),
                            1 => _ = timeout(SOON / 8, task::park),
                            2 | 3 => {
                                let taken = group.try_next().into_iter().count();
                                joined.fetch_add(taken, SeqCst);
                            }
                            4 | 5 => {
                                let taken = timeout(SOON / 8, || group.next());
                                let taken = taken.into_iter().flatten().count();
                                joined.fetch_add(taken, SeqCst);
                            }
                            kind => {
                                let spawn = || group.spawn(move || match kind {
                                    6 => sleep(SOON / 8),
                                    7 => task::current().cancel(),
                                    _ => task::yield_now(),
                                });
                                let done = timeout(SOON / 4, spawn).is_ok();
                                spawned.fetch_add(done as usize, SeqCst);
                            }
                        }
                    }
                })
            })
            .collect();
        players.into_iter().for_each(|player| player.wait());
        let left = Arc::into_inner(group).unwrap().join_all().len();
        assert_eq!(joined.load(SeqCst) + left, spawned.load(SeqCst));
    }
}
