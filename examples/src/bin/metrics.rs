//! Lesson: a program tells how it fares, and Prometheus reads it.
//!
//! `runtime::metrics` reads what the workers count, and its text form is OpenMetrics. Beside those
//! numbers a program shows its own: here, how often somebody has asked.
//!
//! Run it: `cargo run -p gocoro-examples --bin metrics [ADDRESS]`, then
//! `curl http://127.0.0.1:7711/metrics`. With `--self-test` it is its own client and ends.

use gocoro::net::{TcpListener, TcpStream};
use gocoro::{go, go_main, runtime, time};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long a client may take for its request.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest head of a request.
const HEAD_MAX: u64 = 8 * 1024;
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

static ASKED: AtomicU64 = AtomicU64::new(0);

/// The runtime's numbers and the program's own, in one text.
fn numbers() -> String {
    let asked = ASKED.fetch_add(1, Relaxed) + 1;
    let mut text = runtime::metrics().openmetrics().to_string();
    // The program's own family goes before the end.
    text.truncate(text.len() - "# EOF\n".len());
    text + "# TYPE example_requests counter\n# HELP example_requests Requests for these numbers.\n"
        + &format!("example_requests_total {asked}\n# EOF\n")
}

fn answer(stream: &TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.take(HEAD_MAX)).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    while !lines.next().unwrap_or_else(|| Ok(String::new()))?.is_empty() {}
    let (status, body) = match first.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/metrics", _] => ("200 OK", numbers()),
        _ => ("404 Not Found", String::from("ask for /metrics\n")),
    };
    let length = body.len();
    let mut to = stream;
    write!(to, "HTTP/1.1 {status}\r\nContent-Type: {TYPE}\r\nContent-Length: {length}\r\n")?;
    write!(to, "Connection: close\r\n\r\n{body}")
}

fn serve(listener: TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        go!({
            // A client that is slow, or gone, is nobody's trouble but its own.
            let _ = time::timeout(PATIENCE, || answer(&stream));
        });
    }
    Ok(())
}

fn ask(server: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn self_test() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?.to_string();
    go!(daemon => serve(listener));
    let waiting: Vec<_> = (0..100).map(|_| go!({ time::sleep(PATIENCE * 100) })).collect();
    while runtime::metrics().runtimes.iter().all(|one| one.tasks().waiting < 100) {
        time::sleep(Duration::from_millis(1));
    }
    for n in 1..=3 {
        let text = ask(&server, "/metrics")?;
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("# EOF\n"), "{text}");
        assert!(text.contains(&format!("\nexample_requests_total {n}\n")), "{text}");
        assert!(text.contains("\ngocoro_task_spawned_total{"), "{text}");
    }
    assert!(ask(&server, "/")?.starts_with("HTTP/1.1 404 "));
    waiting.iter().for_each(|task| task.cancel());
    println!("100 waiting tasks were seen, and the numbers read three times");
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7711".into());
    if address == "--self-test" {
        return self_test();
    }
    let listener = TcpListener::bind(address)?;
    println!("serving /metrics on {}", listener.local_addr()?);
    serve(listener)
}
