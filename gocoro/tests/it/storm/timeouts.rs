//! Timeouts in timeouts, some of whose tasks are cancelled: nothing is left of them.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::time::{sleep, timeout};
use gocoro::{go, task};

use super::{rounds, tasks_or};
use crate::support::{Colour, NEVER, Random, SOON, on_drop, settle};

#[test]
fn nested_timeouts_and_cancels_leave_nothing() {
    const TASKS: usize = 60;

    fn nest(random: &mut Random, depth: usize, live: &AtomicUsize) {
        live.fetch_add(1, SeqCst);
        let _guard = on_drop(|| {
            live.fetch_sub(1, SeqCst);
        });
        let limit = [Duration::ZERO, Duration::from_micros(300), SOON, NEVER][random.below(4)];
        let wait = [Duration::ZERO, Duration::from_micros(100), SOON][random.below(3)];
        let _ = timeout(limit, || match random.below(5) {
            _ if depth == 0 => sleep(wait),
            0 => task::shield(|| sleep(wait)),
            1 => {
                sleep(wait);
                nest(random, depth - 1, live);
            }
            2 => {
                let _ = panic::catch_unwind(AssertUnwindSafe(|| sleep(wait)));
            }
            _ => {
                nest(random, depth - 1, live);
                task::yield_now();
                nest(random, depth - 1, live);
            }
        });
    }

    rounds(4, |workers, seed| {
        let live = Arc::new(AtomicUsize::new(0));
        let ours = live.clone();
        Colour::Task.run(workers, move || {
            let mut random = Random::new(seed);
            let nests: Vec<_> = (0..tasks_or(TASKS))
                .map(|_| {
                    let (mut random, live) = (Random::new(random.next()), ours.clone());
                    go!({
                        nest(&mut random, 4, &live);
                    })
                })
                .collect();
            settle();
            for task in nests {
                if random.below(2) == 0 {
                    task.cancel();
                }
                if let Err(error) = task.join() {
                    assert!(error.is_cancelled(), "{error}");
                }
            }
        });
        assert_eq!(live.load(SeqCst), 0);
    });
}
