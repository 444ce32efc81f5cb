//! The live page: what is served, to whom, and that it stays the only one to notice.

mod environment;
mod peers;
mod refusals;
mod view;

use std::io::{Read, Write};
use std::time::Duration;

use gocoro::channel;
use gocoro::net::TcpStream;
use gocoro::runtime::inspect::{self, Inspector};
use gocoro::runtime::{dump, metrics};
use gocoro::{go, task, time};

use crate::support::json::{Json, number};
use crate::support::{Colour, HANG, passes_alone, with_workers};

fn served() -> Inspector {
    inspect::serve("127.0.0.1:0").unwrap()
}

fn connect(page: &Inspector) -> TcpStream {
    let stream = TcpStream::connect(page.local_addr()).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// The answer to these bytes, whole.
fn answer(page: &Inspector, request: impl AsRef<[u8]>) -> String {
    let mut stream = connect(page);
    stream.write_all(request.as_ref()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// The head and the body of the answer to a request of this path.
fn get(page: &Inspector, path: &str) -> (String, String) {
    let host = page.local_addr();
    let text = answer(page, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}

/// What is served under this path, as JSON.
#[track_caller]
fn json(page: &Inspector, path: &str) -> Json {
    let (head, body) = get(page, path);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}{body}");
    assert!(head.contains("\r\nContent-Type: application/json\r\n"), "{head}");
    let json = Json::read(&body);
    assert_eq!(json.at("version"), &Json::Number(1));
    json
}

/// Asks again and again, since dumps are used for a while, until `found` finds something.
#[track_caller]
fn once<T>(page: &Inspector, path: &str, found: impl Fn(&Json) -> Option<T>) -> T {
    let until = std::time::Instant::now() + HANG;
    loop {
        let json = json(page, path);
        if let Some(found) = found(&json) {
            return found;
        }
        assert!(std::time::Instant::now() < until, "{path}: {json:?}");
        time::sleep(Duration::from_millis(100));
    }
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

#[test]
fn the_page_is_in_one_piece_and_may_fetch_from_its_server_alone() {
    let page = served();
    let (head, body) = get(&page, "/");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let field = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name}: {head}"))
    };
    assert_eq!(field("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(field("Content-Length"), body.len().to_string());
    assert_eq!(field("Cache-Control"), "no-store");
    assert_eq!(field("X-Content-Type-Options"), "nosniff");
    assert_eq!(field("X-Frame-Options"), "DENY");
    assert_eq!(field("Referrer-Policy"), "no-referrer");
    assert_eq!(field("Cross-Origin-Resource-Policy"), "same-origin");
    let policy = field("Content-Security-Policy");
    let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
    let (nonce, _) = nonce.split_once('\'').unwrap();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
             connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
    assert_eq!(body.matches(&format!(r#"<script nonce="{nonce}">"#)).count(), 1);
    assert_eq!(body.matches(&format!(r#"<style nonce="{nonce}">"#)).count(), 1);
    assert_eq!(body.matches(nonce).count(), 2);
    assert_eq!(body.matches("<script").count() + body.matches("<style").count(), 2);
    for hole in ["{nonce}", "{style}", "{script}"] {
        assert!(!body.contains(hole));
    }
    for name in ["src=\"", "href=\"", "action=\""] {
        for (at, _) in body.match_indices(name) {
            let value = &body[at + name.len()..];
            assert!(
                ["/", "#", "data:"].iter().any(|start| value.starts_with(start)),
                "{value:.50}"
            );
        }
    }
    assert!(!body.contains("@import") && !body.contains("url("));
    let (_, again) = get(&page, "/");
    assert!(!again.contains(nonce), "each answer has a nonce of its own");
}

/// Whether the other side is gone, once it is.
#[inline(never)]
fn waits_here(wait: &channel::Receiver<()>) -> bool {
    let received = wait.recv();
    std::hint::black_box(received).is_err()
}

#[test]
fn what_is_served_to_programs() {
    let page = served();
    let (release, wait) = channel::bounded::<()>(0);
    let waiter = go!(name = "inspect-served" => { waits_here(&wait) });
    let id = once(&page, "/tasks.json", |all| {
        let mut tasks = all.list("tasks").iter();
        let waiter = tasks.find(|task| task.at("name") == &text("inspect-served"))?;
        (waiter.at("state") == &text("waiting")).then(|| waiter.at("id").clone())
    });
    assert_eq!(id, number(waiter.id().to_string().parse::<u64>().unwrap()));
    let one = json(&page, &format!("/tasks.json?id={}", waiter.id()));
    let [one] = one.list("tasks") else { panic!("{one:?}") };
    assert_eq!(one.at("name"), &text("inspect-served"));
    assert_eq!(one.at("wait.depends_on"), &Json::Null);
    assert_eq!(one.at("wait.outside"), &Json::Bool(false));
    assert_eq!(one.at("spawned_at.file"), &text(file!()));
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let is_here = |call: &Json| matches!(call.at("function"), Json::Text(name) if name.contains("waits_here"));
        assert!(one.list("backtrace").iter().any(is_here), "{one:?}");
    }
    assert!(json(&page, "/tasks.json?id=0").list("tasks").is_empty());

    let numbers = json(&page, "/metrics.json");
    assert!(!numbers.list("runtimes").is_empty());
    for runtime in numbers.list("runtimes") {
        for worker in runtime.list("workers") {
            assert!(matches!(worker.at("tasks.waiting"), Json::Number(_)));
            assert!(matches!(worker.at("slept_ns"), Json::Number(_)));
            assert_eq!(worker.list("latency").last().unwrap().at("at_most_ns"), &Json::Null);
        }
    }
    assert!(matches!(numbers.at("blocking.limit"), Json::Number(_)));
    let (head, body) = get(&page, "/metrics");
    assert!(head.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0;"));
    assert!(body.contains("gocoro_task_count{") && body.ends_with("# EOF\n"), "{body}");
    let (head, body) = get(&page, "/dump.txt");
    assert!(head.contains("\r\nContent-Type: text/plain; charset=utf-8\r\n"), "{head}");
    assert!(body.contains("'inspect-served'"), "{body}");
    let (head, body) = get(&page, "/nowhere");
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none';"), "{head}");
    assert_eq!(body, "nothing is here; the page is at /\n");
    drop(release);
    assert!(waiter.wait());
}

#[test]
fn the_past_is_kept_and_told_from_a_sample_on() {
    let page = served();
    let next = once(&page, "/history.json", |past| {
        let samples = past.list("samples");
        (samples.len() >= 2).then(|| {
            for (n, sample) in samples.iter().enumerate() {
                assert_eq!(sample.at("n"), &number(n));
                for worker in sample.list("workers") {
                    let Json::Number(busy) = worker.at("busy_permille") else {
                        panic!("{worker:?}")
                    };
                    assert!(*busy <= 1000, "{worker:?}");
                }
            }
            past.at("next").clone()
        })
    });
    let Json::Number(next) = next else { panic!("{next:?}") };
    once(&page, &format!("/history.json?from={next}"), |past| {
        let first = past.list("samples").first()?;
        assert_eq!(first.at("n"), &number(next));
        Some(())
    });
}

/// The other tests of this program have runtimes too, so this one has a process of its own.
#[test]
fn the_server_is_in_no_dump_and_in_no_numbers() {
    passes_alone("observe::inspect::alone", "nobody_else");
}

#[test]
fn alone() {
    if crate::support::scenario().as_deref() != Some("nobody_else") {
        return;
    }
    let runtime = with_workers(2);
    let page = served();
    let view = json(&page, "/view.json");
    assert_eq!(view.at("dump.tasks"), &number(0));
    assert_eq!(view.at("dump.silent_workers"), &number(0));
    assert_eq!(json(&page, "/metrics.json").list("runtimes").len(), 1);
    assert_eq!(metrics().runtimes.len(), 1);
    assert!(dump().tasks().is_empty());
    let (seen, silent) = runtime.run(|| {
        let dump = dump();
        (dump.tasks().len(), dump.silent_workers())
    });
    assert_eq!((seen, silent), (1, 0));
}

#[test]
fn who_drops_it_ends_the_server_and_waits_for_that() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let page = served();
            let address = page.local_addr();
            // One that says nothing, and one that is in the middle of its request.
            let (mut silent, mut halfway) = (connect(&page), connect(&page));
            halfway.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            assert!(get(&page, "/").0.starts_with("HTTP/1.1 200 "));
            drop(page);
            for stream in [&mut silent, &mut halfway] {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
                assert_eq!(rest, b"");
            }
            // Nobody has it any more.
            let again = inspect::serve(address).unwrap();
            assert_eq!(again.local_addr(), address);
        });
    }
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let page = served();
    let error = inspect::serve(page.local_addr()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[test]
fn a_task_that_is_cancelled_ends_its_server() {
    let runtime = with_workers(1);
    let address = runtime.run(|| {
        let (tell, told) = channel::bounded(1);
        let task = go!({
            let page = served();
            tell.send(page.local_addr()).unwrap();
            task::park();
        });
        let address = told.recv().unwrap();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
        address
    });
    assert!(TcpStream::connect(address).is_err());
}
