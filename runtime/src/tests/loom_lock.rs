//! The runtime's own lock lets one thread in at a time, which sees what the one before it did.

use loom::sync::Arc;
use loom::thread;

use super::Probe;
use crate::lock::Spin;

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
