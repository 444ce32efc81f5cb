use gocoro::go;

fn main() {
    let text = String::from(" a ");
    go!(text.trim().len()).wait();
}
