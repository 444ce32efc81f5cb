//! HTTP plaintext: "Hello, World!" with the headers that the well-known benchmarks ask for.
//!
//! gocoro and threads run the same small handler, which is written here over `Read + Write` and
//! `httparse`. tokio's server is hyper, may's is may_minihttp. So these rows compare what a user of
//! each system would run, not the runtimes alone, which the echo rows compare.

use std::{
    cell::Cell,
    convert::Infallible,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    load::Plan,
    row::{Context, Outcome, Place, Row, Run},
    rows::echo::{self, FIGURES},
    server::{Server, listens_at},
    system::{
        self,
        System::{self, Gocoro, May, Threads, TokioCt, TokioMt},
    },
};

const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain,*/*\r\n\
    Connection: keep-alive\r\n\r\n";
const BODY: &str = "Hello, World!";
const CONNECTIONS: usize = 64;

pub(crate) const ROWS: &[Row] = &[
    Row { name: "HTTP, keep-alive", on: &on(keep_alive), ..HTTP },
    Row { name: "HTTP, 16 requests pipelined", on: &on(pipelined), ..HTTP },
    Row { name: "HTTP, one request a connection", on: &on(short_lived), ..HTTP },
];

const HTTP: Row = Row { figures: FIGURES, place: Place::BesideServer, two: true, ..Row::DEFAULT };

const fn on(run: Run) -> [(System, Run); 5] {
    [(Gocoro, run), (TokioCt, run), (TokioMt, run), (May, run), (Threads, run)]
}

fn keep_alive(ctx: &Context) -> Outcome {
    measure(ctx, 1, false)
}

fn pipelined(ctx: &Context) -> Outcome {
    measure(ctx, 16, false)
}

fn short_lived(ctx: &Context) -> Outcome {
    measure(ctx, 1, true)
}

fn measure(ctx: &Context, depth: usize, reconnect: bool) -> Outcome {
    echo::allow_connections(CONNECTIONS)?;
    let mut server = Server::start("http", ctx)?;
    let answer = answer_size(server.port).map_err(|e| format!("the first request: {e}"))?;
    let plan = Plan {
        port: server.port,
        connections: CONNECTIONS,
        request: REQUEST.repeat(depth),
        answer: answer * depth,
        reconnect,
    };
    echo::figures(ctx, &mut server, plan, depth as u64)
}

/// The number of bytes in the server's answer, which is the same each time. Waits until the server
/// listens.
fn answer_size(port: u16) -> io::Result<usize> {
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let mut tries = 0;
    let mut stream = loop {
        match connect() {
            Ok(stream) => break stream,
            Err(e) if tries == 100 => return Err(e),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
        tries += 1;
    };
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..n]);
        if answer.ends_with(format!("\r\n\r\n{BODY}").as_bytes()) {
            return Ok(answer.len());
        }
    }
}

/// Runs the server of `system`.
pub(crate) fn serve(system: System, workers: usize) -> io::Result<()> {
    match system {
        Gocoro => system::gocoro(workers).run(gocoro),
        TokioCt | TokioMt => system::on_tokio(&system::tokio(system, workers), hyper()),
        May => {
            system::may(workers);
            minihttp()
        }
        _ => threads(),
    }
}

fn gocoro() -> io::Result<()> {
    let listener = gocoro::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        drop(gocoro::task::spawn(move || handle(stream)));
    }
}

fn threads() -> io::Result<()> {
    let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        thread::spawn(move || handle(stream));
    }
}

/// Answers the requests of one connection. All requests that have come are answered in one write.
fn handle(mut stream: impl Read + Write) -> io::Result<()> {
    let mut requests = vec![0; 16 * 1024];
    let mut answers = Vec::with_capacity(4 * 1024);
    let mut filled = 0;
    loop {
        let n = stream.read(&mut requests[filled..])?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        let date = date();
        let mut used = 0;
        while let Some(size) = request_size(&requests[used..filled])? {
            used += size;
            answers.extend_from_slice(b"HTTP/1.1 200 OK\r\nServer: gocoro\r\nDate: ");
            answers.extend_from_slice(&date);
            let size = BODY.len();
            write!(answers, "\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n")?;
            answers.extend_from_slice(BODY.as_bytes());
        }
        stream.write_all(&answers)?;
        answers.clear();
        requests.copy_within(used..filled, 0);
        filled -= used;
        if filled == requests.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the request is too large"));
        }
    }
}

/// The size of the whole request at the beginning of `bytes`. Requests here have no body.
fn request_size(bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => Ok(Some(size)),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(e) => Err(io::Error::new(io::ErrorKind::InvalidData, e)),
    }
}

/// The time as HTTP writes it, made once a second.
fn date() -> [u8; 29] {
    thread_local!(static LAST: Cell<(u64, [u8; 29])> = const { Cell::new((0, [b' '; 29])) });
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with(|last| {
        let (made, mut text) = last.get();
        if made != second {
            text.copy_from_slice(httpdate::fmt_http_date(now).as_bytes());
            last.set((second, text));
        }
        text
    })
}

async fn hyper() -> io::Result<()> {
    use http_body_util::Full;
    use hyper::{
        Request, Response,
        body::{Bytes, Incoming},
        header::{CONTENT_TYPE, HeaderValue, SERVER},
        server::conn::http1,
        service::service_fn,
    };
    use hyper_util::rt::TokioIo;

    let answer = async |_: Request<Incoming>| {
        let mut answer = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
        answer.headers_mut().insert(SERVER, HeaderValue::from_static("hyper"));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok::<_, Infallible>(answer)
    };
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await?;
    listens_at(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut http = http1::Builder::new();
        http.pipeline_flush(true);
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}

fn minihttp() -> io::Result<()> {
    use may_minihttp::{HttpServer, HttpService, Request, Response};

    #[derive(Clone)]
    struct Hello;

    impl HttpService for Hello {
        fn call(&mut self, _: Request<'_, '_, '_>, answer: &mut Response<'_>) -> io::Result<()> {
            answer.header("Content-Type: text/plain").body(BODY);
            Ok(())
        }
    }

    // may_minihttp binds by itself, and does not tell which port it got, so a free one is found
    // first.
    let port = std::net::TcpListener::bind("0.0.0.0:0")?.local_addr()?.port();
    let server = HttpServer(Hello).start(("0.0.0.0", port))?;
    listens_at(port);
    server.wait();
    Ok(())
}
