use gocoro::go;

async fn fetch(n: &u32) -> u32 {
    *n
}

fn main() {
    static NUMBER: u32 = 1;
    go!(local => fetch(&NUMBER));
}
