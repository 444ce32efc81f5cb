use gocoro::go;

fn main() {
    let tasks: Vec<u32> = Vec::new();
    go!(in tasks => { println!("where?") });
}
