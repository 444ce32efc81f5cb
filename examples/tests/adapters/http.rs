//! hyper's servers and clients over gocoro, with peers that misbehave.

use bytes::Bytes;
use gocoro::channel::{self, Sender};
use gocoro::future::{
    self,
    hyper::{Executor, LocalExecutor, Timer},
};
use gocoro::net::{Shutdown, TcpStream};
use gocoro::runtime::LocalRuntime;
use gocoro::sync::{Arc, Barrier};
use gocoro::task::{JoinHandle, wait_all};
use gocoro::{go, go_test, task, time};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::connected;

const SHORT: Duration = Duration::from_millis(20);
const HEAD_TIMEOUT: Duration = Duration::from_millis(500);
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sleeps in the poll, if the path says so, and answers with the path.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    match &*path {
        "/sleep" => time::sleep(SHORT),
        "/panic" => panic!("as the test wants it"),
        "/never" => task::park(),
        _ => {}
    }
    Ok(Response::new(Full::new(path.into())))
}

/// An HTTP/1 server of one connection, and the raw other side of it.
fn http1_server() -> (JoinHandle<hyper::Result<()>>, TcpStream) {
    let (one, two) = connected();
    let serving = go!({
        let mut server = http1::Builder::new();
        server.half_close(true).timer(Timer::new()).header_read_timeout(HEAD_TIMEOUT);
        future::wait(server.serve_connection(one, service_fn(answer)))
    });
    (serving, two)
}

type Http2Client = client::conn::http2::SendRequest<Empty<Bytes>>;

/// An HTTP/2 server of one connection, and a client.
fn http2_pair() -> (JoinHandle<hyper::Result<()>>, Http2Client) {
    let (one, two) = connected();
    let serving = go!({
        let server = http2::Builder::new(Executor::new());
        future::wait(server.serve_connection(one, service_fn(answer)))
    });
    (serving, http2_client(two))
}

fn http2_client(stream: TcpStream) -> Http2Client {
    let handshake = client::conn::http2::handshake(Executor::new(), stream);
    let (client, connection) = future::wait(handshake).unwrap();
    go!({ drop(future::wait(connection)) });
    client
}

fn get(client: &mut Http2Client, path: &str) -> hyper::Result<Bytes> {
    let request = Request::get(format!("http://x{path}")).body(Empty::new()).unwrap();
    let response = future::wait(client.send_request(request))?;
    Ok(future::wait(response.into_body().collect())?.to_bytes())
}

#[go_test(workers = 1)]
fn a_head_may_come_byte_by_byte() {
    let (serving, mut peer) = http1_server();
    peer.set_nodelay(true).unwrap();
    for byte in GET {
        peer.write_all(&[*byte]).unwrap();
        task::yield_now();
    }
    peer.shutdown(Shutdown::Write).unwrap(); // and is answered all the same
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/"), "{answer}");
    serving.wait().unwrap();
}

/// The head is bounded as a whole, so a byte now and then does not help.
#[go_test(workers = 1)]
fn a_head_that_trickles_is_cut_by_the_timer() {
    let (serving, mut peer) = http1_server();
    peer.write_all(GET).unwrap();
    let mut answer = [0; 16];
    peer.read_exact(&mut answer).unwrap();
    let started = Instant::now(); // the timer of the second head has been put off
    let error = loop {
        time::sleep(SHORT / 2);
        let _ = peer.write_all(b"G");
        if serving.is_finished() {
            break serving.wait().unwrap_err();
        }
    };
    assert!(error.is_timeout(), "{error}");
    assert!(started.elapsed() >= HEAD_TIMEOUT - SHORT, "it was cut early");
}

#[go_test(workers = 1)]
fn a_cancelled_server_closes_its_connection() {
    let (serving, mut peer) = http1_server();
    peer.write_all(GET).unwrap();
    assert!(peer.read(&mut [0; 1000]).unwrap() > 0);
    serving.cancel();
    assert_eq!(peer.read(&mut [0; 1000]).unwrap(), 0);
    assert!(serving.join().unwrap_err().is_cancelled());

    // Also where the handler waits, inside of hyper's poll.
    let (serving, mut peer) = http1_server();
    peer.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    time::sleep(SHORT);
    serving.cancel();
    assert_eq!(peer.read(&mut [0; 1000]).unwrap(), 0);
    assert!(serving.join().unwrap_err().is_cancelled());
}

/// A body without an end, which tells when it is dropped.
struct Endless(Sender<()>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 8192])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[go_test(workers = 1)]
fn a_client_that_goes_in_the_middle_of_a_body_ends_the_answer() {
    for is_http2 in [false, true] {
        let (one, two) = connected();
        let (sender, dropped) = channel::bounded(1);
        let service = service_fn(move |_: Request<Incoming>| {
            let body = Endless(sender.clone());
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let serving = go!({
            if is_http2 {
                future::wait(http2::Builder::new(Executor::new()).serve_connection(one, service))
            } else {
                future::wait(http1::Builder::new().serve_connection(one, service))
            }
        });
        let request =
            Request::get("http://x/").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
        let mut body = if is_http2 {
            future::wait(http2_client(two).send_request(request)).unwrap().into_body()
        } else {
            let (mut client, connection) =
                future::wait(client::conn::http1::handshake(two)).unwrap();
            go!({ drop(future::wait(connection)) });
            future::wait(client.send_request(request)).unwrap().into_body()
        };
        let mut received = 0;
        while received < 1_000_000 {
            let frame = future::wait(body.frame()).unwrap().unwrap();
            received += frame.into_data().unwrap().len();
        }
        drop(body);
        dropped.recv().unwrap();
        let _ = serving.wait(); // with an error or in order: it has ended
    }
}

/// Requests that nobody waits for any more are reset, and others of the connection go on.
#[go_test(workers = 1)]
fn streams_are_reset_one_by_one() {
    let (serving, client) = http2_pair();
    for round in 0..10 {
        let asking: Vec<_> = (0..50)
            .map(|at| {
                let mut client = client.clone();
                go!({ get(&mut client, if at % 2 == 0 { "/sleep" } else { "/quick" }).unwrap() })
            })
            .collect();
        task::yield_now();
        if round % 2 == 0 {
            time::sleep(SHORT / 4); // the handlers are in their sleeps
        }
        for (at, asking) in asking.into_iter().enumerate() {
            if at % 4 == 0 {
                asking.cancel();
                let _ = asking.join();
            } else {
                asking.wait();
            }
        }
    }
    assert_eq!(get(&mut client.clone(), "/after").unwrap(), "/after");
    drop(client);
    serving.wait().unwrap();
}

#[go_test(workers = 1)]
fn a_handler_that_panics_costs_its_own_stream() {
    let (serving, mut client) = http2_pair();
    assert!(get(&mut client, "/panic").is_err());
    assert_eq!(get(&mut client, "/after").unwrap(), "/after");
    drop(client);
    serving.wait().unwrap();
}

/// Each waits for all others, inside of its poll, in one thread.
#[go_test(workers = 1)]
fn handlers_of_one_connection_wait_side_by_side() {
    const STREAMS: usize = 160;
    let (one, two) = connected();
    let barrier = Arc::new(Barrier::new(STREAMS));
    let service = service_fn(move |request| {
        let barrier = barrier.clone();
        async move {
            barrier.wait();
            answer(request).await
        }
    });
    let serving =
        go!({ future::wait(http2::Builder::new(Executor::new()).serve_connection(one, service)) });
    let client = http2_client(two);
    for _ in 0..3 {
        let asking = (0..STREAMS).map(|_| {
            let mut client = client.clone();
            go!({ get(&mut client, "/met").unwrap() })
        });
        for answer in wait_all(asking.collect::<Vec<_>>()) {
            assert_eq!(answer.unwrap(), "/met");
        }
    }
    drop(client);
    serving.wait().unwrap();
}

/// A peer that vanishes without a word is found by pings.
#[go_test(workers = 1)]
fn a_silent_peer_is_found_out_by_the_timer() {
    let (one, mut two) = connected();
    let serving = go!({
        let mut server = http2::Builder::new(Executor::new());
        server.timer(Timer::new()).keep_alive_interval(SHORT).keep_alive_timeout(2 * SHORT);
        future::wait(server.serve_connection(one, service_fn(answer)))
    });
    // The preface, and empty settings: what then comes, nobody answers.
    two.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let error = serving.wait().unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

/// Neither the service nor its executor's futures are `Send`.
#[test]
fn a_local_runtime_serves_what_is_not_send() {
    let count = Rc::new(Cell::new(0));
    let mut runtime = LocalRuntime::new().unwrap();
    runtime.run(|| {
        let (one, two) = connected();
        let counted = count.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            counted.set(counted.get() + 1);
            let counted = counted.clone();
            async move {
                time::sleep(SHORT);
                let said = counted.get().to_string();
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::new(said.into())))
            }
        });
        let serving = task::spawn_local(move || {
            let server = http2::Builder::new(LocalExecutor::new());
            future::wait(server.serve_connection(one, service))
        });
        let mut client = http2_client(two);
        for n in 1..=5 {
            assert_eq!(get(&mut client, "/").unwrap(), n.to_string());
        }
        drop(client);
        serving.wait().unwrap();
    });
    assert_eq!(count.get(), 5);
}

/// Both sides on plain threads, where no task helps.
#[test]
fn connections_are_driven_by_plain_threads() {
    let (one, two) = connected();
    let serving = std::thread::spawn(move || {
        future::wait(http1::Builder::new().serve_connection(one, service_fn(answer)))
    });
    let (mut client, connection) = future::wait(client::conn::http1::handshake(two)).unwrap();
    let driving = std::thread::spawn(move || future::wait(connection));
    for _ in 0..100 {
        let request =
            Request::get("/plain").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
        let response = future::wait(client.send_request(request)).unwrap();
        let body = future::wait(response.into_body().collect()).unwrap();
        assert_eq!(body.to_bytes(), "/plain");
        future::wait(client.ready()).unwrap();
    }
    drop(client);
    driving.join().unwrap().unwrap();
    serving.join().unwrap().unwrap();
}

/// A peer that resets the connection while it is being served.
#[go_test(workers = 1)]
fn a_reset_ends_the_connection_with_an_error() {
    let (serving, mut peer) = http1_server();
    peer.write_all(&GET[..10]).unwrap();
    time::sleep(SHORT / 4);
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    let error = serving.wait().unwrap_err();
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    assert!(
        cause.is_none_or(|cause: &std::io::Error| cause.kind() == ErrorKind::ConnectionReset),
        "{error:?}"
    );
}
