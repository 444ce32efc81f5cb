use gocoro::go;

fn main() {
    let text = String::from("moved anyway");
    go!(move { println!("{text}") });
}
