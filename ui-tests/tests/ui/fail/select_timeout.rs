use gocoro::channel::unbounded;
use gocoro::select;

fn main() {
    let (_sender, receiver) = unbounded::<i32>();
    select! {
        recv(receiver) -> number => println!("{number:?}"),
        timeout(std::time::Duration::from_secs(1)) => println!("none"),
    }
}
