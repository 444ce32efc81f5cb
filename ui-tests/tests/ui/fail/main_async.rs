use gocoro::go_main;

async fn fetch() {}

#[go_main]
async fn main() {
    fetch().await;
}
