use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    go!(name = "x", local, name = "y" => f(1)).wait();
}
