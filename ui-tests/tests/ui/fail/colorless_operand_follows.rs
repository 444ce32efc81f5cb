use gocoro::{colorless, go};

fn f(_: u32) -> u32 {
    1
}

colorless! {
    fn main() {
        let x = go!< f(1) > + 1;
        println!("{x}");
    }
}
