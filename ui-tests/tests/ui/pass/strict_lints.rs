//! Crates that forbid more than most.

#![forbid(warnings, unused, unsafe_code, unused_qualifications, trivial_casts)]
#![forbid(elided_lifetimes_in_paths, single_use_lifetimes, unreachable_pub, unused_lifetimes)]

use gocoro::{colorless, go, go_main};

struct Conn {
    id: u32,
    handler: fn(u32) -> u32,
}

impl Conn {
    fn id(&self) -> u32 {
        self.id
    }
}

fn one(n: u32) -> u32 {
    n
}

colorless! {
    #[go_main]
    fn main() -> Result<(), std::fmt::Error> {
        let conn = Conn { id: 1, handler: one };
        go!((conn.handler)(conn.id)).wait();
        let total = go!(conn.id()).wait() + go!< one(1) >.wait();
        go!(name = "named", clone(total) => { one(total) }).wait();
        Ok(())
    }
}
