use gocoro::go;

fn greet(name: &str) {
    go!({ println!("hello, {name}") }).wait();
}

fn main() {
    greet("you");
}
