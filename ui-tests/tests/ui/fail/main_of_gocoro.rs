//! Other libraries call their attribute `main`.

#[gocoro::main]
async fn main() {
    println!("started");
}
