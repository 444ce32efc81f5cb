use gocoro::go;

fn fetch(_: u32) -> Result<String, std::io::Error> {
    Ok(String::new())
}

fn run() -> Result<usize, std::io::Error> {
    Ok(go!(fetch(1)?.len()).wait())
}

fn main() {
    let _ = run();
}
