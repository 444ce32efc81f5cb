use gocoro::{colorless, go};

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        go!< f(1) > f(2) >.wait();
    }
}
