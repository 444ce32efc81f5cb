use gocoro::go_main;

#[go_main]
fn main() -> String {
    String::new()
}
