//! The runtime's own lock lets one thread in at a time, which sees what the one before it did.

use loom::sync::Arc;
use loom::thread;

use super::Probe;
use crate::lock::Spin;
use crate::lock::biased::Biased;

#[test]
fn loom_a_spinning_lock_lets_one_in_at_a_time() {
    loom::model(|| {
        let lock = Arc::new(Spin::new(Probe::new()));
        let other = lock.clone();
        let touching = thread::spawn(move || other.lock().alone());
        lock.lock().alone();
        touching.join().unwrap();
    });
}

/// Numbers of workers.
const OWNER: usize = 8;
const OTHER: usize = 16;
const THIRD: usize = 24;

/// A lock that is biased towards `OWNER`.
fn biased() -> Arc<Biased<Probe>> {
    let lock = Arc::new(Biased::new(Probe::new()));
    while !lock.is_owned_by(OWNER) {
        lock.lock(OWNER).alone();
    }
    lock
}

/// Locks as each of these workers, on a thread each, while the owner does so too: so many times.
fn locked_by(others: &'static [usize], times: u32) {
    loom::model(move || {
        let lock = biased();
        let touching = others.iter().map(|&other| {
            let lock = lock.clone();
            thread::spawn(move || (0..times).for_each(|_| lock.lock(other).alone()))
        });
        let touching: Vec<_> = touching.collect();
        (0..times).for_each(|_| lock.lock(OWNER).alone());
        touching.into_iter().for_each(|touching| touching.join().unwrap());
        assert!(!lock.is_owned_by(OWNER));
    });
}

#[test]
fn loom_a_lock_with_an_owner_lets_one_in_at_a_time() {
    locked_by(&[OTHER], 2);
}

#[test]
fn loom_two_others_end_the_ownership_of_a_lock() {
    locked_by(&[OTHER, THIRD], 1);
}

/// While one worker becomes the owner, another comes.
#[test]
fn loom_a_lock_gets_its_owner_among_others() {
    loom::model(|| {
        let lock = Arc::new(Biased::new(Probe::new()));
        let other = lock.clone();
        let touching = thread::spawn(move || {
            other.lock(OTHER).alone();
            other.lock(OTHER).alone();
        });
        for _ in 0..4 {
            lock.lock(OWNER).alone();
        }
        touching.join().unwrap();
    });
}
