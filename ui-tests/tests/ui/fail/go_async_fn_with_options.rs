use gocoro::go;

async fn fetch(n: u32) -> u32 {
    n
}

fn main() {
    go!(name = "fetcher" => fetch(1));
}
