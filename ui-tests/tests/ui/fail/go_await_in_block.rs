use gocoro::go;

async fn fetch(_: u32) -> u32 {
    1
}

fn main() {
    go!({
        let got = fetch(1).await;
        println!("{got}");
    })
    .wait();
}
