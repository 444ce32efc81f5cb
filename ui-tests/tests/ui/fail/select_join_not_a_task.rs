use gocoro::select;

fn main() {
    let mut number = 1;
    select! {
        join(&mut number) -> ended => println!("{ended:?}"),
    }
}
