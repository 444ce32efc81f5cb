use gocoro::{go, select};

fn main() {
    let mut handle = go!({ 1 });
    select! {
        wait(handle) -> ended => println!("{:?}", ended.is_ok()),
    }
}
