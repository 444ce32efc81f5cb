use gocoro::channel::unbounded;
use gocoro::select;

fn main() {
    let (sender, receiver) = unbounded::<i32>();
    sender.send(1).unwrap();
    let number: i32 = select! {
        recv(receiver) -> number => number.unwrap(),
        default => "none",
    };
    println!("{number}");
}
