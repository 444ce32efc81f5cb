use gocoro::channel::unbounded;
use gocoro::select;

fn main() {
    let (sender, receiver) = unbounded::<i32>();
    sender.send(1).unwrap();
    select! {
        recv() -> number => println!("{number:?}"),
    }
}
