//! The runtime of [gocoro](https://docs.rs/gocoro), which is where its users find all of this.
//!
//! Modules stand in reading order; each imports only from those above it. `ARCHITECTURE.md` in the
//! repository is the map.

#![deny(unsafe_code)]

mod blocking;
mod cancel;
mod clock;
#[allow(unsafe_code)]
mod current;
mod group;
#[allow(unsafe_code)]
mod join;
mod limits;
mod local;
mod loom;
#[allow(unsafe_code)]
mod net;
#[allow(unsafe_code)]
mod park;
mod parker;
#[allow(unsafe_code)]
mod reactor;
#[allow(unsafe_code)]
mod runtime;
#[allow(unsafe_code)]
mod scheduler;
#[allow(unsafe_code)]
mod scope;
#[allow(unsafe_code)]
mod spawn;
#[allow(unsafe_code)]
mod stack;
#[allow(unsafe_code)]
mod sync;
#[allow(unsafe_code)]
mod task;
#[cfg(all(test, loom))]
#[allow(unsafe_code)]
mod tests;
mod time;
mod timer;
mod trace;
mod unwind;
#[allow(unsafe_code)]
mod waiters;

/// Exports for the facade, module by module.
pub mod export {
    /// `gocoro::task`
    pub mod task {
        pub use crate::cancel::{Cancelled, checkpoint, is_cancelled, shield};
        pub use crate::group::TaskGroup;
        pub use crate::join::{JoinError, JoinHandle, wait_all, wait_any};
        pub use crate::local::{AccessError, LocalKey};
        pub use crate::scope::{Racers, Scope, ScopedJoinHandle, race, scope};
        pub use crate::spawn::{
            Builder, current, park, park_timeout, remaining_stack, spawn, spawn_local, try_current,
            yield_now,
        };
        pub use crate::task::{Task, TaskId};
    }

    /// `gocoro::net`
    pub mod net {
        pub use crate::net::*;
    }

    /// `gocoro::runtime`
    pub mod runtime {
        pub use crate::runtime::{Builder, LocalRuntime, Runtime};
    }

    /// `gocoro::sync`
    pub mod sync {
        pub use crate::sync::*;
    }

    /// `gocoro::time`
    pub mod time {
        pub use crate::time::{
            Elapsed, Interval, MissedTicks, interval, io_deadline, sleep, sleep_until, timeout,
            timeout_at,
        };
    }

    /// What macros expand to.
    pub mod private {
        pub use crate::runtime::entry::{MainOptions, TestOptions, run_main, run_test};
        pub use crate::spawn::{spawn_local_with, spawn_with};
        pub use crate::stack::switch_pairs;
    }
}
