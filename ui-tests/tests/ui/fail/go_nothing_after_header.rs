use gocoro::go;

fn main() {
    go!(local =>).wait();
}
