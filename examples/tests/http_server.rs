//! The HTTP server from outside: a process of its own, and clients of plain std.

mod common;

use common::{PATIENCE, Server, is_timeout};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const POST: &str = "POST /echo HTTP/1.1\r\nHost: x\r\n";
const HTTP_SERVER: &str = env!("CARGO_BIN_EXE_http_server");

fn start() -> Server {
    Server::start(HTTP_SERVER)
}

/// Closes connections that stay without a request for so long.
fn with_idle_seconds(seconds: u32) -> Server {
    Server::run(&mut Command::new(HTTP_SERVER), &[&seconds.to_string()])
}

impl Server {
    /// Sends all of `bytes`, half-closes and returns everything that comes back.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream)
    }
}

fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the server closes in order");
    String::from_utf8(bytes).unwrap()
}

fn codes(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start();
    let echo = |text: &str| format!("{POST}Content-Length: {}\r\n\r\n{text}", text.len());
    let requests: String = (0..16).map(|i| echo(&format!("<{i:02}>")) + GET).collect();
    let answers = server.ask(requests.as_bytes());
    assert_eq!(codes(&answers), ["200"; 32]);
    let found: Vec<_> = answers.match_indices('<').map(|(at, _)| &answers[at..at + 4]).collect();
    let sent: Vec<_> = (0..16).map(|i| format!("<{i:02}>")).collect();
    assert_eq!(found, sent);
}

#[test]
fn more_than_a_buffer_of_requests_is_answered() {
    let server = start();
    let mut stream = server.connect();
    let mut sender = stream.try_clone().unwrap();
    let writer = thread::spawn(move || {
        sender.write_all(GET.repeat(20_000).as_bytes()).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    writer.join().unwrap();
    assert_eq!(codes(&answers).len(), 20_000);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = start();
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    let body = "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n";
    for byte in format!("\r\n{POST}{body}{GET}").bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let answers = rest(stream);
    assert_eq!(codes(&answers), ["200", "200"]);
    assert!(answers.contains("\r\n\r\nabcde"), "{answers}");
}

#[test]
fn a_large_body_is_echoed() {
    let server = start();
    let body = "0123456789abcdef".repeat(64 * 1024); // 1 MiB, the most
    let fixed = format!("{POST}Content-Length: {}\r\n\r\n{body}", body.len());
    assert!(server.ask(fixed.as_bytes()).ends_with(&body));
    let chunk = format!("10000\r\n{}\r\n", &body[..65_536]).repeat(16);
    let chunked = format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    assert!(server.ask(chunked.as_bytes()).ends_with(&body));
}

#[test]
fn a_body_that_nobody_wants_is_skipped() {
    let server = start();
    let request =
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n..";
    assert_eq!(codes(&server.ask(format!("{request}{GET}").as_bytes())), ["405", "200"]);
}

#[test]
fn versions_and_options_decide_when_to_close() {
    let server = start();
    let old = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(codes(&server.ask(old.repeat(2).as_bytes())), ["200"]);
    let kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answers = server.ask(kept.repeat(2).as_bytes());
    assert_eq!(codes(&answers), ["200", "200"]);
    assert_eq!(answers.matches("Connection: keep-alive\r\n").count(), 2);
    let last = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = server.ask(last.repeat(2).as_bytes());
    assert_eq!(codes(&answers), ["200"]);
    assert!(answers.contains("Connection: close\r\n"));
}

#[test]
fn head_has_no_body() {
    let server = start();
    let answers = server.ask(format!("{}{GET}", GET.replace("GET", "HEAD")).as_bytes());
    assert_eq!(codes(&answers), ["200", "200"]);
    assert_eq!(answers.matches("Content-Length: 13\r\n").count(), 2);
    assert_eq!(answers.matches("Hello, World!").count(), 1);
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let server = start();
    let mut stream = server.connect();
    let head = format!("{POST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(stream).ends_with("\r\n\r\nabc"));

    let refused = head.replace(": 3", ": 3000000");
    assert_eq!(codes(&server.ask(refused.as_bytes())), ["413"]);
    let strange = format!("{POST}Expect: miracles\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(codes(&server.ask(strange.as_bytes())), ["417"]);
}

#[test]
fn bad_requests_are_answered_and_end_the_connection() {
    let server = start();
    for (request, code) in [
        ("\x16\x03\x01\x02\0\x01\0".to_owned(), "400"),
        (GET.replace("Host", "Hxst"), "400"),
        (format!("{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), "400"),
        (format!("{POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), "400"),
        (format!("{POST}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), "400"),
        (format!("{POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n"), "400"),
        (format!("{POST}Transfer-Encoding: chunked\r\n\r\n\r\n"), "400"),
        (format!("{POST}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n"), "413"),
        (format!("{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n{}", "A: b\r\n".repeat(999)), "431"),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)), "414"),
        (format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(99)), "431"),
        (GET.replace("Host", &format!("A: {}\r\nHost", "a".repeat(20_000))), "431"),
        (GET.replace("1.1", "2.0"), "505"),
    ] {
        let answers = server.ask(format!("{GET}{request}{GET}").as_bytes());
        let shown = &request[..request.len().min(100)];
        assert_eq!(codes(&answers), ["200", code], "{shown:?}");
        assert!(answers.contains("Connection: close\r\n"));
    }
}

#[test]
fn truncated_requests_are_answered() {
    let server = start();
    let whole = format!("{POST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    for end in 1..whole.len() {
        assert_eq!(codes(&server.ask(&whole.as_bytes()[..end])), ["400"], "{:?}", &whole[..end]);
    }
    assert_eq!(server.ask(b""), "");
    assert_eq!(codes(&server.ask(whole.as_bytes())), ["200"]);
}

#[test]
fn a_client_that_goes_on_sending_still_reads_the_refusal() {
    let server = start();
    let mut stream = server.connect();
    let head = format!("{POST}Content-Length: 1500000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; 1_500_000]).expect("the server reads what it throws away");
    assert_eq!(codes(&rest(stream)), ["413"]);
}

#[test]
fn slow_requests_are_ended_and_do_not_disturb_others() {
    let server = start();
    let mut slow = server.connect();
    slow.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let started = Instant::now();
    let mut answer = String::new();
    // A byte now and then does not help: the deadline is that of the whole head.
    while started.elapsed() < PATIENCE {
        let _ = slow.write_all(b"G");
        assert_eq!(codes(&server.ask(GET.as_bytes())), ["200"]);
        if slow.read_to_string(&mut answer).is_ok() {
            break;
        }
    }
    assert_eq!(codes(&answer), ["408"]);
    assert!(started.elapsed() >= Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn line_ends_between_requests_do_not_hold_a_connection() {
    let server = with_idle_seconds(1);
    for requests in [0, 1] {
        let started = Instant::now();
        let mut idle = server.connect();
        for _ in 0..requests {
            idle.write_all(GET.as_bytes()).unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"Hello, World!") {
                let mut byte = [0];
                idle.read_exact(&mut byte).unwrap();
                answer.push(byte[0]);
            }
        }
        idle.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        // Often enough for each read of the server's, and by far not a head's worth of bytes.
        let ended = "\r\n".bytes().cycle().take(400).any(|byte| {
            // A reset is an end too: the server closed while this was on its way.
            idle.write_all(&[byte]).is_err() || !is_timeout(idle.read(&mut [0]))
        });
        assert!(ended, "still open after {:?}", started.elapsed());
        assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let server = start();
    let mut deaf = server.connect();
    deaf.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let body = "x".repeat(500_000);
    let request = format!("{POST}Content-Length: {}\r\n\r\n{body}", body.len());
    while deaf.write_all(request.as_bytes()).is_ok() {} // until both directions are full
    assert_eq!(codes(&server.ask(GET.as_bytes())), ["200"]);
}

#[test]
fn running_out_of_descriptors_is_survived_and_said_now_and_then() {
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$@\"", "sh", HTTP_SERVER]);
    let mut server = Server::run(limited.env("GOCORO_WORKERS", "1"), &[]);
    let started = Instant::now();
    let mut crowd: Vec<_> = (0..100).map(|_| Some(server.connect())).collect();
    let mut report = String::new();
    let mut stderr = BufReader::new(server.process.stderr.take().expect("stderr is piped"));
    stderr.read_line(&mut report).unwrap();
    assert!(report.starts_with("accept: "), "{report}");
    // Accepted clients are served while the listener has no descriptor. When one of them ends, the
    // next client is accepted, and then there is no descriptor again.
    for next in 40..90 {
        let client = crowd[next].as_mut().unwrap();
        client.write_all(GET.as_bytes()).unwrap();
        client.read_exact(&mut [0; 15]).unwrap();
        crowd[next - 40] = None;
    }
    drop(crowd);
    assert_eq!(codes(&server.ask(GET.as_bytes())), ["200"]);
    let reports_max = started.elapsed().as_secs() / 10;
    drop(server);
    stderr.read_to_string(&mut report).unwrap();
    let reports = report.matches("accept: ").count() as u64;
    assert!(reports <= 1 + reports_max, "{report}");
}
