use gocoro::go;

fn fetch(_: u32) -> Result<String, std::io::Error> {
    Ok(String::new())
}

fn run() -> Result<String, std::io::Error> {
    Ok(go!(fetch(1)?).wait())
}

fn main() {
    let _ = run();
}
