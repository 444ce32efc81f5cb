use gocoro::{colorless, go};

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        go!< nmae = "x" => f(1) >.wait();
    }
}
