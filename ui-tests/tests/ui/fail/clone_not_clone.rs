use gocoro::go;

struct Token;

fn main() {
    let tx = Token;
    go!(clone(tx) => { drop(tx) }).wait();
}
