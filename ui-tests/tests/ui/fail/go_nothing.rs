use gocoro::go;

fn main() {
    go!().wait();
}
