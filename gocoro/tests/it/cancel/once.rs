//! A cancel does not cut an initialiser short, and poisons nothing.

use gocoro::sync::{Arc, LazyLock, Once, OnceLock};
use gocoro::{go, task};

use crate::support::{assert_cancelled, settle};
use crate::sync::on_one_worker;

#[test]
fn a_cancel_does_not_cut_a_once_short() {
    on_one_worker(|| {
        let once = Arc::new(Once::new());
        let runner = go!(clone(once) => {
            once.call_once(task::park);
            assert!(once.is_completed());
            task::yield_now();
            unreachable!("the cancel waits here");
        });
        settle();
        let waiter = go!(clone(once) => { once.call_once(|| unreachable!()) });
        let cancelled = go!(clone(once) => { once.call_once(|| unreachable!()) });
        settle();
        runner.cancel();
        cancelled.cancel();
        settle();
        assert!(!runner.is_finished() && !waiter.is_finished());
        assert_cancelled(cancelled);
        runner.task().unpark();
        waiter.wait();
        assert_cancelled(runner);
    });
}

#[test]
fn a_cancel_does_not_cut_an_initialiser_short() {
    on_one_worker(|| {
        let lock = Arc::new(OnceLock::new());
        let runner = go!(clone(lock) => {
            lock.get_or_init(|| {
                task::park();
                1
            });
            task::yield_now();
        });
        settle();
        runner.cancel();
        settle();
        assert_eq!(lock.get(), None);
        runner.task().unpark();
        assert_eq!(lock.wait(), &1);
        assert_cancelled(runner);
    });
}

#[test]
fn a_cancel_does_not_poison_a_lazy_lock() {
    on_one_worker(|| {
        let lazy = Arc::new(LazyLock::new(|| {
            task::park();
            1
        }));
        let runner = go!(clone(lazy) => {
            assert_eq!(**lazy, 1);
            task::yield_now();
        });
        settle();
        runner.cancel();
        settle();
        runner.task().unpark();
        assert_cancelled(runner);
        assert_eq!(**lazy, 1);
    });
}
