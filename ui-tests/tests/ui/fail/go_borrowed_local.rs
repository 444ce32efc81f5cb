use gocoro::go;

fn main() {
    let text = String::from("on the spawner's stack");
    let borrowed = &text;
    go!({ println!("{borrowed}") }).wait();
}
