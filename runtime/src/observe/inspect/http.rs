//! One request and its answer, by HTTP/1.1: `httparse` parses, and what is asked of a request is
//! said here.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::time::{Duration, Instant};

use crate::clock;
use crate::net::TcpStream;
use crate::time::io_deadline;

/// The longest head of a request: far more than a browser sends to a page without cookies.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// How much is read from a peer at a time: most requests at once.
const PIECE_BYTES: usize = 1024;

/// The most header fields of a request. Browsers send about twenty.
const FIELDS_MAX: usize = 64;

/// How long a peer may take to send its request, whatever it sends meanwhile.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// How long a peer may take to receive its answer. The longest answers have some dozen megabytes.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// How long what a peer sends after its request is read and dropped, so that its system does not
/// take the end of the connection for an error and drop the answer.
const LINGER: Duration = Duration::from_secs(1);

/// What of a request decides on its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: Query,
}

/// The parameters of a request. The first of each name counts.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

/// An answer, but for the fields that all have.
#[derive(Debug)]
pub(super) struct Answer {
    status: &'static str,
    kind: &'static str,
    /// More fields, each with its end of line.
    fields: String,
    body: String,
}

const HTML: &str = "text/html; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The fields of every answer: no other site may frame, read or guess it, and nothing keeps it.
const FIELDS: &str = "Cache-Control: no-store\r\n\
    Connection: close\r\n\
    Cross-Origin-Opener-Policy: same-origin\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Referrer-Policy: no-referrer\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n";

/// What a page without a policy of its own may do: nothing.
const POLICY: &str = "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";

impl Query {
    /// Reads what stands after the question mark.
    fn read(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Query(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    /// The value of a parameter; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A parameter that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).parse().ok()
    }
}

/// A part of a query without its escapes. What is no escape stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Answer {
    pub(super) fn new(kind: &'static str, body: String) -> Answer {
        Answer { status: "200 OK", kind, fields: POLICY.into(), body }
    }

    /// The page, which may run its own scripts and styles, those with this nonce, and ask this
    /// server.
    pub(super) fn page(body: String, nonce: &str) -> Answer {
        let fields = format!(
            "Content-Security-Policy: default-src 'none'; script-src 'nonce-{nonce}'; \
             style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'\r\n"
        );
        Answer { status: "200 OK", kind: HTML, fields, body }
    }

    pub(super) fn refusal(status: &'static str, why: &str) -> Answer {
        Answer { status, kind: TEXT, fields: POLICY.into(), body: format!("{why}\n") }
    }

    pub(super) fn not_found() -> Answer {
        Answer::refusal("404 Not Found", "nothing is here; the page is at /")
    }

    /// Sends the answer, and ends the connection.
    pub(super) fn send(&self, stream: &TcpStream) -> io::Result<()> {
        let Answer { status, kind, fields, body } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             {FIELDS}{fields}\r\n"
        );
        let mut to = stream;
        io_deadline(clock::now() + ANSWER_PATIENCE, || {
            to.write_all(head.as_bytes())?;
            to.write_all(body.as_bytes())?;
            stream.shutdown(Shutdown::Write)
        })?;
        let mut from = stream;
        let mut unread = [0; PIECE_BYTES];
        io_deadline(clock::now() + LINGER, || {
            while !matches!(from.read(&mut unread), Ok(0) | Err(_)) {}
        });
        Ok(())
    }
}

/// Reads a request. `None`: the peer has gone, or nothing is to be said to it. An error is the
/// answer to a request that is not served.
pub(super) fn read(stream: &TcpStream) -> Result<Option<Request>, Answer> {
    let deadline = clock::now() + HEAD_PATIENCE;
    let mut head = Vec::new();
    loop {
        if let Some(request) = parse(&head)? {
            return Ok(Some(request));
        }
        match more(stream, &mut head, deadline) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let why = "the request did not come within five seconds";
                return Err(Answer::refusal("408 Request Timeout", why));
            }
            Err(_) => return Ok(None),
        }
    }
}

fn more(mut stream: &TcpStream, head: &mut Vec<u8>, deadline: Instant) -> io::Result<usize> {
    let mut piece = [0; PIECE_BYTES];
    let count = io_deadline(deadline, || stream.read(&mut piece))?;
    head.extend_from_slice(&piece[..count]);
    Ok(count)
}

/// The request that this head makes. `None`: there is more to come.
fn parse(head: &[u8]) -> Result<Option<Request>, Answer> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if head.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            let why = "the head of the request is too long";
            return Err(Answer::refusal("431 Request Header Fields Too Large", why));
        }
        Err(error) => {
            return Err(Answer::refusal(
                "400 Bad Request",
                &format!("this is no request: {error}"),
            ));
        }
    }
    let httparse::Request { method: Some(method), path: Some(target), ref headers, .. } = parsed
    else {
        return Err(Answer::refusal("400 Bad Request", "this is no request"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    allow(path, headers)?;
    if method != "GET" {
        let mut answer = Answer::refusal("405 Method Not Allowed", "only GET is served");
        answer.fields.push_str("Allow: GET\r\n");
        return Err(answer);
    }
    Ok(Some(Request { path: path.to_owned(), query: Query::read(query) }))
}

/// Whether a request with these fields is served.
///
/// A browser sends a site's requests to whatever address the site's name leads to. So a site could
/// give its name this machine's address, and read the answers as its own. Its name stands in `Host`
/// then, and only addresses and `localhost` are served, which no site can be. What else a site asks
/// for a browser marks as coming from elsewhere. That is refused too, though the site could not
/// read the answer: each answer costs the program some work. A link to the page may be followed.
fn allow(path: &str, fields: &[httparse::Header<'_>]) -> Result<(), Answer> {
    let values = |name: &'static str| {
        let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).unwrap_or("?"))
    };
    let mut hosts = values("Host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Answer::refusal("400 Bad Request", "a request has one Host field"));
    };
    if !is_safe(host) {
        let why = "this server is asked by its address, or as localhost: by no other name, for a \
                   foreign page could give itself one";
        return Err(Answer::refusal("421 Misdirected Request", why));
    }
    let follows = path == "/" && values("Sec-Fetch-Mode").eq(["navigate"]);
    let sites = values("Sec-Fetch-Site").all(|site| matches!(site, "same-origin" | "none"));
    let origins = values("Origin").all(|origin| origin.strip_prefix("http://") == Some(host));
    if !(sites || follows) || !origins {
        return Err(Answer::refusal("403 Forbidden", "pages of other sites are not served"));
    }
    Ok(())
}

/// Whether a host, with or without a port, cannot be a site's name.
fn is_safe(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if is_port(port) => (name, Some(port)),
        _ => (host, None),
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<std::net::Ipv6Addr>().is_ok(),
        None if port.is_none() && host.contains(':') => false,
        None => {
            let name = name.to_ascii_lowercase();
            name == "localhost"
                || name.ends_with(".localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
        }
    }
}

/// What nobody guesses: 128 bits that the system has chosen at random.
pub(super) fn nonce() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn status(head: &str) -> &'static str {
        match parse(head.as_bytes()) {
            Ok(Some(_)) => "served",
            Ok(None) => "more",
            Err(answer) => answer.status,
        }
    }

    #[test]
    fn hosts_that_no_site_can_be_are_safe() {
        for host in [
            "localhost",
            "LOCALHOST:7710",
            "a.localhost",
            "127.0.0.1",
            "127.0.0.1:7710",
            "[::1]:7710",
            "[::1]",
            "192.168.1.5:80",
            "localhost:",
        ] {
            assert!(is_safe(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:7710",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "::1",
            "[evil]",
            "[::1",
            "1.2.3",
            "2130706433",
            "localhost:80:80",
            "a b",
            "?",
            "notlocalhost",
            "127.0.0.1:x",
        ] {
            assert!(!is_safe(host), "{host}");
        }
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let of = |path: &str, fields: &str| {
            status(&format!("GET {path} HTTP/1.1\r\nHost: [::1]:1\r\n{fields}\r\n"))
        };
        assert_eq!(of("/dump.txt", ""), "served");
        assert_eq!(
            of("/dump.txt", "Sec-Fetch-Site: same-origin\r\nOrigin: http://[::1]:1\r\n"),
            "served"
        );
        assert_eq!(of("/dump.txt", "sec-fetch-site: none\r\n"), "served");
        assert_eq!(of("/dump.txt", "Sec-Fetch-Site: cross-site\r\n"), "403 Forbidden");
        assert_eq!(of("/dump.txt", "Sec-Fetch-Site: same-site\r\n"), "403 Forbidden");
        assert_eq!(
            of("/dump.txt", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
            "403 Forbidden"
        );
        assert_eq!(of("/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"), "served");
        assert_eq!(of("/", "Origin: null\r\n"), "403 Forbidden");
        assert_eq!(of("/", "Origin: http://[::1]:2\r\n"), "403 Forbidden");
        assert_eq!(
            of("/", "Origin: http://[::1]:1\r\nOrigin: http://a.example\r\n"),
            "403 Forbidden"
        );
        assert_eq!(of("/", "Host: [::1]:1\r\n"), "400 Bad Request");
    }

    #[test]
    fn what_is_no_request_is_refused_and_never_more_than_that() {
        assert_eq!(status("GET / HTTP/1.1\r\n"), "more");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), "400 Bad Request");
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "400 Bad Request");
        assert_eq!(status("\u{16}\u{3}\u{1}"), "400 Bad Request");
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_BYTES_MAX));
        assert_eq!(status(&long), "431 Request Header Fields Too Large");
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1));
        assert_eq!(status(&many), "431 Request Header Fields Too Large");
        // Any bytes at all, from a generator with a fixed seed: each prefix of a request with some
        // of its bytes changed.
        let whole = b"GET /view.json?filter=a%20b&limit=5 HTTP/1.1\r\nHost: localhost:1\r\nOrigin: x\r\n\r\n";
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % below
        };
        for _ in 0..20_000 {
            let mut head = whole[..=next(whole.len() - 1)].to_vec();
            for _ in 0..next(4) {
                let at = next(head.len());
                head[at] = next(256) as u8;
            }
            drop(parse(&head));
        }
    }

    #[test]
    fn queries_are_decoded() {
        let query = Query::read("filter=a+b%2Fc%zz%e2%82%ac&limit=5&flag&=x&limit=6&cut=%e2%8");
        assert_eq!(query.get("filter"), "a b/c%zz€");
        assert_eq!(query.number("limit"), Some(5));
        assert_eq!((query.get("flag"), query.get("none")), ("", ""));
        assert_eq!(query.get("cut"), "\u{fffd}%8");
        assert_eq!(query.number("filter"), None);
    }

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }
}
