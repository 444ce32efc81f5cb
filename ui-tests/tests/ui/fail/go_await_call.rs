use gocoro::go;

async fn fetch(_: u32) -> u32 {
    1
}

fn main() {
    go!(fetch(1).await).wait();
}
