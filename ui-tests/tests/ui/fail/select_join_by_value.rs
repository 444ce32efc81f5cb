use gocoro::{go, select};

fn main() {
    let mut handle = go!({ 1 });
    select! {
        join(handle) -> ended => println!("{:?}", ended.is_ok()),
    }
}
