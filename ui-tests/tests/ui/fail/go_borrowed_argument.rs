use gocoro::go;

fn print(text: &str) {
    println!("{text}");
}

fn main() {
    let text = String::from("on the spawner's stack");
    go!(print(&text)).wait();
}
