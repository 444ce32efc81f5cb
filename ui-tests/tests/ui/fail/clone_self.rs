use std::sync::Arc;

use gocoro::go;

struct Server {
    tx: Arc<u32>,
}

impl Server {
    fn start(&self) {
        go!(clone(self) => { println!("started") }).wait();
    }
}

fn main() {
    Server { tx: Arc::new(1) }.start();
}
