use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let pair = (f, 1);
    go!(pair.0).wait();
}
