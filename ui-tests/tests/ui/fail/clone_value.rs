use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let tx = 1;
    go!(clone = tx => f(tx)).wait();
}
