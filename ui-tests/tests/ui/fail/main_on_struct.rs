use gocoro::go_main;

#[go_main]
struct Server;

fn main() {
    let _ = Server;
}
