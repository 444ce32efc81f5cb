use gocoro::go_test;

async fn fetch() {}

#[go_test]
async fn works() {
    fetch().await;
}

fn main() {}
