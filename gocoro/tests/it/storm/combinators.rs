//! `wait_any`, over and over: each task is given once, by its place.

use gocoro::go;
use gocoro::task::{self, wait_any};

use super::rounds;
use crate::support::{Colour, Random};

#[test]
fn any_gives_each_task_once() {
    rounds(4, |workers, seed| {
        Colour::Task.run(workers, move || {
            let mut random = Random::new(seed);
            for _ in 0..60 {
                let mut tasks: Vec<_> = (0..1 + random.below(12))
                    .map(|n| {
                        let turns = random.below(20);
                        go!({
                            (0..turns).for_each(|_| task::yield_now());
                            n
                        })
                    })
                    .collect();
                let mut left: Vec<_> = (0..tasks.len()).collect();
                while let Some((at, result, rest)) = wait_any(tasks) {
                    assert_eq!(result.unwrap(), left.remove(at));
                    tasks = rest;
                }
                assert!(left.is_empty());
            }
        });
    });
}
