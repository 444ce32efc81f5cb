use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let n = 1_u32;
    go!(name = n => f(1)).wait();
}
