use gocoro::go;

struct Pool;

fn main() {
    go!(in Pool => { println!("where?") });
}
