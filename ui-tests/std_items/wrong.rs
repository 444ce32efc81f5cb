//! Lines that are wrong of gocoro, one of each kind: all of them are errors.

#![allow(dead_code, deprecated, unused_imports, unused_macros)]
#![deny(ambiguous_glob_imports)]

#[macro_use]
mod uses;

#[macro_use]
mod of_gocoro;

mod gocoro_std {
    use gocoro::std;

    name!("1.0.0", std::sync::Mutexes);
    constant!("1.0.0", std::sync::Mutex<()> = std::sync::ONCE_INIT);
    field!("1.0.0", std::process::Output, stdin: std::vec::Vec<u8>);
    declares!("1.0.0", std::thread_local, std::thread::Thread);
    call!("1.0.0", [], fn(u16) -> std::sync::Barrier = <std::sync::Barrier>::new);
    call!("1.0.0", [], fn(gocoro::task::Builder, std::string::String) -> gocoro::task::Builder = <gocoro::task::Builder>::name);
    const_call!("1.0.0", ['a], fn(a0: &'a std::sync::Barrier) -> std::sync::BarrierWaitResult = <std::sync::Barrier>::wait);
    implements!("1.0.0", [], std::sync::Barrier: std::clone::Clone);
    implements!("1.0.0", [T] <T>, std::sync::Mutex<T>: std::marker::Sync);
    associated!("1.0.0", std::net::ToSocketAddrs, Iterator);
    same!("1.0.0", std::sync, Mutex);
    absent_impl!("1.0.0", [T: std::marker::Send] <T>, std::sync::Mutex<T>: std::marker::Sync);
}

fn main() {}
