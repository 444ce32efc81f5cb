use gocoro::select;

fn main() {
    let future = async { 1 };
    select! {
        wait(future) -> _ => println!("done"),
    }
}
