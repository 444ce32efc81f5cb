use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(name = 1 => f(1)).wait();
}
