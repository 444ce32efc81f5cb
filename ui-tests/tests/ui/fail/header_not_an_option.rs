use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(1 => f(1)).wait();
}
