//! Calling the waker of a future at a time.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Instant;

use super::{Builder, park_timeout, spawned};
use crate::clock;
use crate::join::JoinHandle;
use crate::task::{Poller, Unparker};

/// A task that calls the waker of a poll at a time, for a future may be polled where there are no
/// timers. The task ends early, and calls nobody, when the alarm is dropped.
#[derive(Debug)]
pub(crate) struct Alarm {
    at: Instant,
    task: JoinHandle<()>,
    state: Arc<State>,
}

/// What an alarm and its task share.
#[derive(Debug, Default)]
struct State {
    /// The task is about to call the waker, or has done so.
    is_over: AtomicBool,
    /// The alarm is gone.
    is_off: AtomicBool,
}

impl Alarm {
    /// Sets an alarm. A poll leaves its waker in `poller` first, and then asks whether an alarm is
    /// set.
    ///
    /// # Panics
    ///
    /// If there is no runtime, and the default one cannot start.
    #[cold]
    pub(crate) fn set(at: Instant, poller: Arc<Poller>) -> Alarm {
        let state = Arc::<State>::default();
        let call = Call { poller, state: state.clone() };
        let sleep = move || {
            while !call.state.is_off.load(Acquire) {
                let left = at.saturating_duration_since(clock::now());
                if left.is_zero() {
                    break;
                }
                park_timeout(left);
            }
            drop(call);
        };
        let task = Builder::new().daemon(true).spawn_at(sleep, Location::caller());
        Alarm { at, task: spawned(task), state }
    }

    /// Whether the waker will be called by that time: the alarm is set for that time or an earlier
    /// one, and has not gone off. It goes off early if its runtime ends.
    pub(crate) fn goes_off_by(&self, at: Instant) -> bool {
        self.at <= at && !self.state.is_over.load(Acquire)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.state.is_off.store(true, Release);
        self.task.task().unpark();
    }
}

/// Calls the waker when dropped, unless the alarm is gone.
struct Call {
    poller: Arc<Poller>,
    state: Arc<State>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.state.is_off.load(Acquire) {
            // Whoever is woken looks whether another alarm is to be set.
            self.state.is_over.store(true, Release);
            Unparker::Poller(self.poller.clone()).unpark();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runtime;
    use crate::spawn::yield_now;

    /// Its task is what else holds the poller.
    #[test]
    fn the_task_ends_with_its_alarm() {
        runtime::Builder::new().workers(1).build().unwrap().run(|| {
            let poller = Arc::<Poller>::default();
            let at = clock::now() + Duration::from_secs(3600);
            for is_started in [false, true] {
                let alarm = Alarm::set(at, poller.clone());
                if is_started {
                    yield_now();
                }
                assert!(alarm.goes_off_by(at) && !alarm.goes_off_by(clock::now()));
                assert_eq!(Arc::strong_count(&poller), 2);
                drop(alarm);
                while Arc::strong_count(&poller) > 1 {
                    yield_now();
                }
            }
        });
    }

    #[test]
    fn an_alarm_that_has_gone_off_goes_off_no_more() {
        runtime::Builder::new().workers(1).build().unwrap().run(|| {
            let poller = Arc::<Poller>::default();
            let alarm = Alarm::set(clock::now(), poller.clone());
            while alarm.goes_off_by(clock::now()) {
                yield_now();
            }
            assert!(!alarm.goes_off_by(clock::now() + Duration::from_secs(3600)));
        });
    }
}
