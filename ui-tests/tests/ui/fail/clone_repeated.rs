use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let tx = 1;
    let rx = 2;
    go!(clone(tx), clone(rx) => f(tx + rx)).wait();
}
