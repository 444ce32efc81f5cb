//! Compiles each line of the lists beside this file twice: with `std` as std, and as `gocoro::std`.
//!
//! What is not there, has another type or lacks a trait is an error at the list's line. So is a
//! line that std does not have, and a deviation that is none any more.

#![allow(dead_code, deprecated, non_camel_case_types, unused_imports, unused_macros)]
#![deny(ambiguous_glob_imports)]

#[macro_use]
mod shapes;
#[macro_use]
mod uses;

#[macro_use]
mod of_std;

mod std_itself {
    use ::std;

    shapes!();
    include!("fs.txt");
    include!("io.txt");
    include!("net.txt");
    include!("os.txt");
    include!("process.txt");
    include!("sync.txt");
    include!("thread.txt");
    include!("time.txt");
}

#[macro_use]
mod of_gocoro;

mod gocoro_std {
    use gocoro::std;

    shapes!();
    include!("fs.txt");
    include!("io.txt");
    include!("net.txt");
    include!("os.txt");
    include!("process.txt");
    include!("sync.txt");
    include!("thread.txt");
    include!("time.txt");
}

fn main() {}
