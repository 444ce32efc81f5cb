use gocoro::{colorless, go};

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        let task = go!< >;
        task.wait();
    }
}
