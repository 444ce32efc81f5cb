use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(stack_size = "64K" => f(1)).wait();
}
