use gocoro::colorless;

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        go!< f(1) >.wait();
    }
}
