//! Only what lives outside of the scope can be borrowed by its tasks.

use gocoro::{go, task};

fn print(text: &str) {
    println!("{text}");
}

fn main() {
    task::scope(|s| {
        let text = String::from("inside");
        go!(in s => print(&text));
    });
}
