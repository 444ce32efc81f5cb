use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let bytes = 65536_u32;
    go!(stack_size = bytes => f(1)).wait();
}
