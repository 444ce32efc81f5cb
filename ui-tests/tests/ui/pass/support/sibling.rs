//! A module in a file of its own.

pub fn one() -> u32 {
    1
}
