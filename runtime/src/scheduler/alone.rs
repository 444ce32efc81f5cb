//! A worker that runs one task alone, which waits in the middle of its unwinding. That is so where
//! std's count of panics is not found, and therefore cannot travel with the task.

use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use super::worker::worker_of;
use crate::clock;
use crate::current::{Core, Patience};

/// Waits for events of the worker's tasks, and acts on them, but resumes no task.
pub(super) fn attend(core: &Core, patience: Patience) {
    let worker = worker_of(core);
    let announced = patience == Patience::Endless && core.mailbox.announce_sleep();
    let timeout = match announced {
        true => core.timers.borrow_mut().until_next(clock::now()),
        false => Some(Duration::ZERO),
    };
    worker.poll(timeout);
    // A drain also clears SLEEPING in the inbox.
    worker.drain();
    worker.expire();
}

/// Says, once in the process, that its workers may have to run one task alone.
pub(super) fn say_if_alone(core: &Core) {
    static ONCE: Once = Once::new();
    if cfg!(panic = "unwind") && core.panics.is_none() {
        ONCE.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "gocoro: std's count of panics is not found here: while a task unwinds and waits in a \
                 destructor, its worker runs no other task"
            );
        });
    }
}
