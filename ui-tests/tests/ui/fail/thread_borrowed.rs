use gocoro::thread;

fn main() {
    let word = String::from("word");
    thread::spawn(|| println!("{word}")).join().unwrap();
}
