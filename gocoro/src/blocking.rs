//! Calls that block their thread, on the threads of a bounded pool.
//!
//! [`unblock`] makes any call from a task without blocking the worker; names are looked up and
//! files read on the same threads. Its page says how many there are, and when.
//!
//! ```
//! use gocoro::blocking::{stats, unblock, unblock_scoped};
//! use gocoro::go;
//!
//! go!({
//!     let total = unblock(|| (1..=1000).sum::<u32>()); // owns what it uses
//!     let mut words = vec!["b", "a"];
//!     unblock_scoped(|| words.sort()); // borrows: is waited for, once it runs
//!     assert_eq!((total, words), (500_500, vec!["a", "b"]));
//!     assert!(stats().threads >= 1);
//! })
//! .wait();
//! ```

pub use gocoro_runtime::export::blocking::{Stats, stats, unblock, unblock_scoped};
