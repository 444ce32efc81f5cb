use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(f(1), f(2)).wait();
}
