#[gocoro::main]
struct Main;

fn main() {}
