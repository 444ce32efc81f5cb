//! Lesson: an async client library that needs tokio's runtime, in plain functions.
//!
//! reqwest opens its own sockets, sleeps by tokio's timers and spawns tasks, so it wants a runtime
//! of tokio's. The crate `async-compat` has one, on a thread of its own, which it starts when it is
//! first needed. `wait(future.compat())` waits for such a future from a plain function: the future
//! is polled on the task that waits, and tokio's thread wakes the task. The sockets and the timers
//! are tokio's; gocoro's workers run other tasks meanwhile.
//!
//! 1. `get` and `post` are functions like any other, and run side by side as tasks.
//! 2. A cancel or a `timeout` drops the future, and with it the request: reqwest closes the
//!    connection. reqwest's own timeouts work as well.
//! 3. **Nothing may wait inside of a `compat` future by gocoro's functions.** While the future is
//!    polled, the thread is marked as one of tokio's, by a thread-local. A task that waits then
//!    lends the mark to the others of its worker. tokio panics if two tasks take theirs back in
//!    another order than that of the polls. gocoro cannot refuse such a wait, since it does not
//!    know of the mark. What a future needs of gocoro it awaits: handles of tasks can be awaited,
//!    and channels have `recv_async` and `send_async`. `deferred` shows that.
//!
//! A library that takes any stream needs none of this: see `postgres`.
//!
//! Run it: `cargo run -p gocoro-examples --bin async_compat [URL]`, which prints what is there. (It
//! is built without TLS.) With `--self-test` it talks to a small server of its own.

use async_compat::CompatExt;
use gocoro::channel::{Receiver, Sender, unbounded};
use gocoro::future::wait;
use gocoro::net::{SocketAddr, TcpListener, TcpStream};
use gocoro::sync::{Arc, Barrier};
use gocoro::task::JoinHandle;
use gocoro::{go, go_main, time};
use reqwest::{Client, StatusCode, redirect};
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

/// How many requests the server wants to have at once before it answers one of them.
const TOGETHER: usize = 10;
/// The most bytes of a line, and of a body, that the server accepts.
const BYTES_MAX: u64 = 64 * 1024;
/// How long the self-test waits for what never comes.
const PATIENCE: Duration = Duration::from_millis(50);

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Waits for a future that needs a runtime of tokio's. Some need it as soon as they are made, so
/// that is done in the first poll.
fn in_tokio<F: Future>(make: impl FnOnce() -> F) -> F::Output {
    wait(async { make().await }.compat())
}

fn get(client: &Client, url: &str) -> reqwest::Result<(StatusCode, String)> {
    let response = in_tokio(|| client.get(url).send())?;
    Ok((response.status(), in_tokio(|| response.text())?))
}

fn post(client: &Client, url: &str, body: String) -> reqwest::Result<String> {
    let response = in_tokio(|| client.post(url).body(body).send())?.error_for_status()?;
    in_tokio(|| response.text())
}

/// Sends what a task of gocoro's comes to, and returns the answer. All of it is one future, so
/// the task is awaited. `body.wait()` would wait inside of a `compat` future.
fn deferred(client: &Client, url: &str, body: JoinHandle<String>) -> Result<String, Failed> {
    in_tokio(async || {
        let body = body.await?;
        let response = client.post(url).body(body).send().await?.error_for_status()?;
        Ok(response.text().await?)
    })
}

/// The server. It has as much of HTTP/1.1 as its client uses.
struct Server {
    together: Barrier,
    /// Tells of requests for `/never`: `true` when one has come, `false` when its client is gone.
    never: Sender<bool>,
}

impl Server {
    fn serve(self: &Arc<Self>, listener: TcpListener) {
        for stream in listener.into_incoming() {
            let server = self.clone();
            go!(daemon => {
                if let Err(e) = stream.and_then(|stream| server.converse(&stream)) {
                    eprintln!("server: {e}"); // this client is gone
                }
            });
        }
    }

    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut input = BufReader::new(stream);
        while let Some((target, body)) = request(&mut input)? {
            let (status, more, answer) = match target.as_str() {
                "/hello" => ("200 OK", "", "hello".to_owned()),
                "/moved" => ("307 Temporary Redirect", "Location: /hello\r\n", String::new()),
                "/upper" => ("200 OK", "", body.to_uppercase()),
                "/together" => {
                    self.together.wait();
                    ("200 OK", "", "all are here".to_owned())
                }
                "/cut" => {
                    let mut stream = stream;
                    return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                }
                "/never" => {
                    let _ = self.never.send(true);
                    let gone = input.read(&mut [0]); // a reset is an end, too
                    let _ = self.never.send(false);
                    return gone.map(drop).or(Ok(()));
                }
                _ => ("404 Not Found", "", format!("there is no {target}")),
            };
            let length = answer.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{more}\r\n");
            (&*stream).write_all(format!("{head}{answer}").as_bytes())?;
        }
        Ok(())
    }
}

/// The target and the body of the next request. `None`: the client is gone.
fn request(input: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut line = || {
        let mut line = String::new();
        input.by_ref().take(BYTES_MAX).read_line(&mut line)?;
        io::Result::Ok(line)
    };
    let first = line()?;
    let Some(target) = first.split(' ').nth(1) else { return Ok(None) };
    let mut length = 0;
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = String::new();
    input.take(BYTES_MAX.min(length)).read_to_string(&mut body)?;
    Ok(Some((target.to_owned(), body)))
}

fn exercise(address: SocketAddr, never: &Receiver<bool>) -> Result<(), Failed> {
    let client = Client::builder().redirect(redirect::Policy::limited(3)).no_proxy().build()?;
    let url = |target: &str| format!("http://{address}{target}");
    let hello = (StatusCode::OK, "hello".to_owned());
    assert_eq!(get(&client, &url("/hello"))?, hello);
    assert_eq!(get(&client, &url("/moved"))?, hello);
    assert_eq!(get(&client, &url("/nothing"))?.0, StatusCode::NOT_FOUND);
    assert!(get(&client, &url("/cut")).is_err_and(|e| e.is_body() || e.is_decode()));

    // The server answers none of them before all have come.
    let together = url("/together");
    let tasks: Vec<_> = (0..TOGETHER)
        .map(|_| go!(clone(client, together) => { get(&client, &together) }))
        .collect();
    for task in tasks {
        assert_eq!(task.wait()?.1, "all are here");
    }

    let texts: Vec<_> = (0..50).map(|i| format!("number {i} {}", "x".repeat(100 * i))).collect();
    let tasks: Vec<_> = texts
        .iter()
        .map(|text| {
            let upper = url("/upper");
            go!(clone(client, text) => { post(&client, &upper, text) })
        })
        .collect();
    for (task, text) in tasks.into_iter().zip(&texts) {
        assert_eq!(task.wait()?, text.to_uppercase());
    }

    // Three ways to give up. A request that is dropped ends its connection.
    let seen = || never.recv_timeout(Duration::from_secs(20));
    let endless = url("/never");
    let task = go!(clone(client) => { get(&client, &endless) });
    assert!(seen()?, "the request has come");
    task.cancel();
    assert!(task.join().is_err_and(|e| e.is_cancelled()));
    assert!(!seen()?, "the connection has ended");

    assert!(time::timeout(PATIENCE, || get(&client, &url("/never"))).is_err());
    let own = in_tokio(|| client.get(url("/never")).timeout(PATIENCE).send());
    assert!(own.is_err_and(|e| e.is_timeout()));

    let body = go!({
        time::sleep(Duration::from_millis(5));
        "from a task".to_owned()
    });
    assert_eq!(deferred(&client, &url("/upper"), body)?, "FROM A TASK");
    println!("{} requests, of which {TOGETHER} waited for each other", texts.len() + TOGETHER);
    Ok(())
}

fn self_test() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (never, told) = unbounded();
    let server = Arc::new(Server { together: Barrier::new(TOGETHER), never });
    go!(daemon => server.serve(listener));
    exercise(address, &told)
}

#[go_main]
fn main() -> Result<(), Failed> {
    let url = env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080/".into());
    if url == "--self-test" {
        return self_test();
    }
    let (status, text) = get(&Client::new(), &url)?;
    println!("{status}\n{text}");
    Ok(())
}
