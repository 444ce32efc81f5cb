use gocoro::{go, task};

fn main() {
    task::scope(|s| {
        go!(in = s => println!("where?"));
    });
}
