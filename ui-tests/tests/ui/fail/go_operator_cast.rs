use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(f(1) as u64).wait();
}
