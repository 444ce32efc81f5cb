//! `gocoro::io`: what of `std::io` waits, and what it has beyond, in tasks and on plain threads.

mod bidirectional;
mod buffer;
mod copy;
mod pipe;
mod pollable;
mod readers;
mod stdio;
mod tee;
