use gocoro::go_main;

#[go_main]
fn main() -> Result<(), std::io::Error> {
    1
}
