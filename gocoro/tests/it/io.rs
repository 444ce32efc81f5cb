//! What `gocoro::io` has beyond `std::io`, in tasks and on plain threads.

mod bidirectional;
mod buffer;
mod copy;
//! `gocoro::io`: what of `std::io` waits, in tasks and on plain threads.

mod pipe;
mod pollable;
//! `gocoro::io`: what of `std::io` waits, in tasks and on plain threads.

mod stdio;
