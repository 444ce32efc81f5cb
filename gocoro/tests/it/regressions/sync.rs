//! What once went wrong with locks and other waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use gocoro::go;
use gocoro::sync::{Arc, Barrier};
use gocoro::task;

use crate::support::{Colour, HANG};

/// One that was about to be unwound by a cancel was counted as having come: the others went through,
/// and it was cancelled all the same.
#[test]
fn whoever_leaves_a_barrier_is_not_counted() {
    const ROUNDS: usize = 4_000;
    Colour::Task.run(2, || {
        for round in 0..ROUNDS {
            let barrier = Arc::new(Barrier::new(2));
            let begun = Arc::new(AtomicBool::new(false));
            let leaver = go!(clone(barrier, begun) => {
                begun.store(true, SeqCst);
                if catch_unwind(AssertUnwindSafe(|| barrier.wait())).is_err() {
                    // It comes again, for the other one.
                    task::shield(|| barrier.wait());
                }
            });
            // Not to be on its worker.
            while !begun.load(SeqCst) {
                std::thread::yield_now();
            }
            pause(round % 8);
            leaver.cancel();
            pause(round % 61);
            barrier.wait();
            if leaver.join_timeout(HANG / 3).is_err() {
                // Not to hang in its turn.
                barrier.wait();
                panic!("the other one went through without it, in round {round}");
            }
        }
    });
}

fn pause(times: usize) {
    for _ in 0..50 * times {
        std::hint::spin_loop();
    }
}
