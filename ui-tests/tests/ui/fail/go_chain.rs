use gocoro::go;

fn fetch(_: u32) -> Result<String, std::io::Error> {
    Ok(String::new())
}

fn main() {
    go!(fetch(1).unwrap()).wait();
}
