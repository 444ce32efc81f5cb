use gocoro::{go, task};

fn main() {
    task::scope(|s| {
        go!(in s, daemon => println!("for ever"));
    });
}
