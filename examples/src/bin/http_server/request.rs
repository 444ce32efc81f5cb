//! Requests: from bytes to what the server has to know. Nothing here does I/O.
//!
//! The grammar is `httparse`'s; this module adds what makes a message's end certain (RFC 9112,
//! sections 3.2 and 6): two parties that disagree about it are how requests get smuggled.

use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use crate::response::Status;
use httparse::Header;
use std::mem::MaybeUninit;

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    /// `/`: a short greeting.
    Greet,
    /// `/echo`: the body comes back.
    Echo,
    /// Nothing: this status is the answer.
    Refuse(Status),
}

/// How the end of the body is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// A request's head, digested.
#[derive(Debug, PartialEq)]
pub(crate) struct Head {
    /// The number of bytes that the head takes in the buffer.
    pub(crate) bytes: usize,
    pub(crate) action: Action,
    pub(crate) framing: Framing,
    /// Whether the method is `HEAD`, so that the answer has no body.
    pub(crate) head_only: bool,
    /// Whether the client knows HTTP/1.1.
    pub(crate) modern: bool,
    pub(crate) keep_alive: bool,
    /// Whether there is an `Expect: 100-continue`: the client waits for a go-ahead before it sends
    /// the body.
    pub(crate) expects_continue: bool,
}

/// Parses the head at the start of `input`. `None`: the head is incomplete.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Head>, Status> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(input, &mut headers) {
        Ok(httparse::Status::Complete(bytes)) if bytes <= HEAD_BYTES_MAX => {
            let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
            digest(bytes, method, target, request.version == Some(1), request.headers).map(Some)
        }
        Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => Ok(None),
        Ok(_) if !input.trim_ascii_start().contains(&b'\n') => Err(Status::UriTooLong),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Status::HeadTooLarge),
        Err(httparse::Error::Version) => Err(Status::VersionNotSupported),
        Err(_) => Err(Status::BadRequest),
    }
}

fn digest(
    bytes: usize,
    method: &str,
    target: &str,
    modern: bool,
    headers: &[Header<'_>],
) -> Result<Head, Status> {
    let mut length = None;
    let mut chunked = false;
    let mut host = false;
    let (mut close, mut keep_alive, mut expects_continue) = (false, false, false);
    for header in headers {
        let (name, value) = (header.name, header.value.trim_ascii());
        if name.eq_ignore_ascii_case("content-length") {
            // The header may stand there once only, even if two values agree: whoever sent two is
            // not to be trusted.
            if length.replace(content_length(value)?).is_some() {
                return Err(Status::BadRequest);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !modern {
                return Err(Status::BadRequest);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Status::NotImplemented);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("host") {
            let valid = |b: &u8| b.is_ascii_graphic() && !b"/?#@,\"\\<>".contains(b);
            if host || !value.iter().all(valid) {
                return Err(Status::BadRequest);
            }
            host = true;
        } else if name.eq_ignore_ascii_case("connection") {
            for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                close |= option.eq_ignore_ascii_case(b"close");
                keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case("expect") && modern {
            if !value.eq_ignore_ascii_case(b"100-continue") {
                return Err(Status::ExpectationFailed);
            }
            expects_continue = true;
        }
    }
    let framing = match (chunked, length) {
        (true, Some(_)) => return Err(Status::BadRequest),
        (true, None) => Framing::Chunked,
        (false, length) => Framing::Length(length.unwrap_or(0)),
    };
    if modern && !host {
        return Err(Status::BadRequest);
    }
    Ok(Head {
        bytes,
        action: route(method, path(target).ok_or(Status::BadRequest)?),
        framing,
        head_only: method == "HEAD",
        modern,
        keep_alive: !close && (modern || keep_alive),
        expects_continue,
    })
}

/// A number of digits and nothing else: no sign, no list, no empty value.
fn content_length(value: &[u8]) -> Result<u64, Status> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Status::BadRequest);
    }
    let digits = std::str::from_utf8(value).map_err(|_| Status::BadRequest)?;
    digits.parse().map_err(|_| Status::BodyTooLarge)
}

/// The path of a target, which may be a whole URL if the client takes us for a proxy.
fn path(target: &str) -> Option<&str> {
    let target = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            rest.find(['/', '?']).map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let path = target.split('?').next()?;
    match path {
        "" => Some("/"),
        "*" => Some(path),
        _ => path.starts_with('/').then_some(path),
    }
}

fn route(method: &str, path: &str) -> Action {
    match (path, method) {
        ("/", "GET" | "HEAD") => Action::Greet,
        ("/", _) => Action::Refuse(Status::GreetMethods),
        ("/echo", "POST" | "PUT") => Action::Echo,
        ("/echo", _) => Action::Refuse(Status::EchoMethods),
        _ => Action::Refuse(Status::NotFound),
    }
}

/// The size that a chunk's first line (without its line end) announces.
pub(crate) fn chunk_size(line: &[u8]) -> Result<u64, Status> {
    // A control byte in an extension may be a line end to another party.
    if line.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err(Status::BadRequest);
    }
    let count = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if !matches!(line.get(count), None | Some(b' ' | b'\t' | b';')) {
        return Err(Status::BadRequest);
    }
    let digits = std::str::from_utf8(&line[..count]).map_err(|_| Status::BadRequest)?;
    u64::from_str_radix(digits, 16).map_err(|_| Status::BadRequest) // none, or too many
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, Status> {
        parse(text.as_bytes()).map(|head| head.expect("a complete head"))
    }

    fn with(headers: &str) -> Result<Head, Status> {
        head(&format!("POST /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
    }

    #[test]
    fn a_head_is_incomplete_until_its_empty_line() {
        let text = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), Ok(None), "{end}");
        }
        assert_eq!(parse(text).unwrap().unwrap().bytes, text.len());
    }

    #[test]
    fn what_makes_the_end_of_a_body_doubtful_is_refused() {
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: -3\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length:\r\n",
            "Content-Length : 3\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "A: b\r\n folded: c\r\n",
            "A: b\rContent-Length: 3\r\n",
        ] {
            assert_eq!(with(headers), Err(Status::BadRequest), "{headers:?}");
        }
        assert_eq!(with("Transfer-Encoding: gzip, chunked\r\n"), Err(Status::NotImplemented));
        assert_eq!(with("Content-Length: 99999999999999999999\r\n"), Err(Status::BodyTooLarge));
        let old = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(head(old), Err(Status::BadRequest));
    }

    #[test]
    fn a_modern_request_names_one_host() {
        assert_eq!(head("GET / HTTP/1.1\r\n\r\n"), Err(Status::BadRequest));
        assert_eq!(with("Host: y\r\n"), Err(Status::BadRequest));
        assert_eq!(head("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), Err(Status::BadRequest));
        assert!(head("GET / HTTP/1.1\r\nHost:\r\n\r\n").is_ok());
        assert!(head("GET / HTTP/1.0\r\n\r\n").is_ok());
    }

    #[test]
    fn a_connection_is_kept_as_its_version_says() {
        assert!(with("").unwrap().keep_alive);
        assert!(!with("Connection: close\r\n").unwrap().keep_alive);
        assert!(!with("Connection: keep-alive, Close\r\n").unwrap().keep_alive);
        assert!(!head("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn targets_are_routed_by_their_path() {
        let action =
            |line: &str| head(&format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n")).map(|h| h.action);
        assert_eq!(action("GET /?a=b"), Ok(Action::Greet));
        assert_eq!(action("HEAD http://example.org"), Ok(Action::Greet));
        assert_eq!(action("PUT http://example.org/echo?x"), Ok(Action::Echo));
        assert_eq!(action("GET /echo"), Ok(Action::Refuse(Status::EchoMethods)));
        assert_eq!(action("DELETE /"), Ok(Action::Refuse(Status::GreetMethods)));
        assert_eq!(action("GET /nowhere"), Ok(Action::Refuse(Status::NotFound)));
        assert_eq!(action("OPTIONS *"), Ok(Action::Refuse(Status::NotFound)));
        assert_eq!(action("CONNECT example.org:443"), Err(Status::BadRequest));
    }

    #[test]
    fn a_head_beyond_its_limits_is_refused() {
        let long = "a".repeat(HEAD_BYTES_MAX);
        assert_eq!(parse(format!("GET /{long}").as_bytes()), Err(Status::UriTooLong));
        let large = format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}");
        assert_eq!(parse(large.as_bytes()), Err(Status::HeadTooLarge));
        let complete = format!("{large}\r\n\r\n");
        assert_eq!(parse(complete.as_bytes()), Err(Status::HeadTooLarge));
        assert_eq!(with(&"A: b\r\n".repeat(HEADERS_MAX)), Err(Status::HeadTooLarge));
        assert_eq!(parse(b"GET / HTTP/2.0\r\n\r\n"), Err(Status::VersionNotSupported));
        assert_eq!(parse(b"\x16\x03\x01\x02\x00"), Err(Status::BadRequest));
    }

    #[test]
    fn a_chunk_line_is_digits_and_maybe_an_extension() {
        assert_eq!(chunk_size(b"0"), Ok(0));
        assert_eq!(chunk_size(b"1aF"), Ok(0x1af));
        assert_eq!(chunk_size(b"5 ;name=value"), Ok(5));
        for line in [&b""[..], b"x", b"-1", b"0x5", b"5;a\nb", b"5\0", b"5g", b"11111111111111111"]
        {
            assert_eq!(chunk_size(line), Err(Status::BadRequest), "{line:?}");
        }
    }
}
