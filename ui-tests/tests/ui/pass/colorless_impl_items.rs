//! `colorless!` around methods only.

#![deny(warnings)]

use gocoro::{colorless, go};

struct Counter(u32);

impl Counter {
    colorless! {
        fn count(self) -> u32 {
            go!< self.plus(1) >.wait()
        }

        fn plus(&self, n: u32) -> u32 {
            self.0 + n
        }
    }
}

fn main() {
    assert_eq!(Counter(1).count(), 2);
}
