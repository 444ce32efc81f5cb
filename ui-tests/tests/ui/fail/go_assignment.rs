use gocoro::go;

fn f(_: u32) -> u32 {
    1
}

fn main() {
    let mut x = 0;
    go!(x = f(1)).wait();
    println!("{x}");
}
