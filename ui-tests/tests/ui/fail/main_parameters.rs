use gocoro::go_main;

#[go_main]
fn main(arguments: Vec<String>, verbose: bool) {
    println!("{arguments:?} {verbose}");
}
