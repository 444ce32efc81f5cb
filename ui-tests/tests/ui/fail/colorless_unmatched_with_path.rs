use gocoro::colorless;

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        let task = gocoro::go!< f(1);
        task.wait();
    }
}
