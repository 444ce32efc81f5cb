//! The server and both clients in one process.

use crate::client::Client;
use crate::{HEAD_TIMEOUT, accept_loop};
use gocoro::go;
use gocoro::net::{SocketAddr, TcpListener};
use gocoro::task::wait_all;
use hyper::StatusCode;
use std::error::Error;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Connections of HTTP/1, and streams of one connection of HTTP/2.
const CLIENTS: usize = 20;
const STREAMS: usize = 160;
/// Rounds of requests that each of them makes.
const ROUNDS: usize = 5;
/// What a handler sleeps, in a poll.
const SLEEP: Duration = Duration::from_millis(20);

/// Asks for everything that there is. Returns how many requests that were.
fn visit(mut client: Client, name: usize) -> Result<usize> {
    let sleep = format!("/sleep/{}", SLEEP.as_millis());
    for round in 0..ROUNDS {
        let hello = client.get("/")?;
        assert_eq!((hello.0, &hello.1[..]), (StatusCode::OK, &b"Hello, World!"[..]));
        assert_eq!(client.get(&sleep)?.0, StatusCode::OK);
        assert_eq!(client.get("/visits")?.0, StatusCode::OK);
        let body = format!("{name} in round {round}; ").repeat(1 + 100 * round);
        assert_eq!(client.post("/echo", body.clone())?, (StatusCode::OK, body.into()));
        assert_eq!(client.get("/nowhere")?.0, StatusCode::NOT_FOUND);
    }
    Ok(5 * ROUNDS)
}

/// All clients at once. Returns how many requests they have made.
fn visit_by(clients: impl Iterator<Item = Client>) -> Result<usize> {
    let visits: Vec<_> =
        clients.enumerate().map(|(name, client)| go!({ visit(client, name) })).collect();
    wait_all(visits).into_iter().map(|visit| visit?).sum()
}

fn count(address: SocketAddr) -> Result<usize> {
    Ok(std::str::from_utf8(&Client::http1(address)?.get("/visits")?.1)?.parse()?)
}

pub(crate) fn run() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    go!(daemon => accept_loop(listener, HEAD_TIMEOUT));

    let started = Instant::now();
    let clients = (0..CLIENTS).map(|_| Client::http1(address)).collect::<Result<Vec<_>>>()?;
    let requests = visit_by(clients.into_iter())?;
    println!("HTTP/1: {requests} requests on {CLIENTS} connections in {:?}", started.elapsed());
    assert_eq!(count(address)?, CLIENTS * ROUNDS + 1);

    let started = Instant::now();
    let client = Client::http2(address)?;
    let requests = visit_by((0..STREAMS).map_while(|_| client.share()))?;
    println!("HTTP/2: {requests} requests, {STREAMS} at once, in {:?}", started.elapsed());
    assert_eq!(count(address)?, (CLIENTS + STREAMS) * ROUNDS + 2);
    assert!(started.elapsed() < SLEEP * (STREAMS * ROUNDS) as u32, "one after another");

    let large = vec![7; 1 << 20];
    for mut client in [Client::http1(address)?, client] {
        assert_eq!(client.post("/echo", large.clone())?, (StatusCode::OK, large.clone().into()));
    }
    let mut client = Client::http2(address)?;
    assert_eq!(client.post("/echo", vec![0; 2 << 20])?.0, StatusCode::PAYLOAD_TOO_LARGE);
    println!("large bodies were echoed, and one that was too large was refused");
    Ok(())
}
