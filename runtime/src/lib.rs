//! The runtime of [gocoro](https://docs.rs/gocoro), which is where its users find all of this.
//!
//! Modules stand in reading order; each imports only from those above it. `ARCHITECTURE.md` in the
//! repository is the map.

#![deny(unsafe_code)]

mod limits;
mod loom;
mod clock;
mod unwind;
#[allow(unsafe_code)]
mod stack;
mod parker;
#[allow(unsafe_code)]
mod task;
mod timer;
mod trace;
#[allow(unsafe_code)]
mod current;
#[allow(unsafe_code)]
mod park;
#[allow(unsafe_code)]
mod waiters;
#[allow(unsafe_code)]
mod join;
#[allow(unsafe_code)]
mod reactor;
mod cancel;
mod blocking;
#[allow(unsafe_code)]
mod scheduler;
#[allow(unsafe_code)]
mod spawn;
#[allow(unsafe_code)]
mod runtime;
mod time;
#[allow(unsafe_code)]
mod net;

/// Exports for the facade, module by module.
pub mod export {
    /// `gocoro::task`
    pub mod task {
        pub use crate::cancel::Cancelled;
        pub use crate::join::{JoinError, JoinHandle};
        pub use crate::spawn::{
            Builder, current, park, park_timeout, spawn, spawn_local, try_current, yield_now,
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

    /// `gocoro::time`
    pub mod time {
        pub use crate::time::{sleep, sleep_until};
    }

    /// What macros expand to.
    pub mod private {
        pub use crate::runtime::entry::{MainOptions, TestOptions, run_main, run_test};
        pub use crate::spawn::{spawn_local_with, spawn_with};
    }
}
