use gocoro::go;

fn f() {}

fn main() {
    go!< f() >.wait();
}
