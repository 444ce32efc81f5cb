use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(nmae = "x", local = 1, stack_size = "x" => f(1).await).wait();
}
