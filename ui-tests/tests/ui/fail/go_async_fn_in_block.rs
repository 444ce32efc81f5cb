use gocoro::go;

async fn fetch(n: u32) -> u32 {
    n
}

fn main() {
    let n = 1;
    go!({
        println!("fetching");
        fetch(n)
    });
}
