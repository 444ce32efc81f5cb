use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let tx = std::sync::Arc::new(1);
    go!(clone(&tx) => { f(*tx) }).wait();
}
