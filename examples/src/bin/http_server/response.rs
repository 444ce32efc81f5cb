//! Responses: from what the server has to say to bytes. Nothing here does I/O.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Every answer the server can give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    /// 405 on `/`.
    GreetMethods,
    /// 405 on `/echo`.
    EchoMethods,
    RequestTimeout,
    BodyTooLarge,
    UriTooLong,
    ExpectationFailed,
    HeadTooLarge,
    NotImplemented,
    VersionNotSupported,
}

impl Status {
    /// Code, reason and, where the standard asks for it, a header.
    fn line(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("200 OK", ""),
            Self::BadRequest => ("400 Bad Request", ""),
            Self::NotFound => ("404 Not Found", ""),
            Self::GreetMethods => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n"),
            Self::EchoMethods => ("405 Method Not Allowed", "Allow: POST, PUT\r\n"),
            Self::RequestTimeout => ("408 Request Timeout", ""),
            Self::BodyTooLarge => ("413 Content Too Large", ""),
            Self::UriTooLong => ("414 URI Too Long", ""),
            Self::ExpectationFailed => ("417 Expectation Failed", ""),
            Self::HeadTooLarge => ("431 Request Header Fields Too Large", ""),
            Self::NotImplemented => ("501 Not Implemented", ""),
            Self::VersionNotSupported => ("505 HTTP Version Not Supported", ""),
        }
    }
}

/// What follows on the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum After {
    /// The next request. An HTTP/1.0 client has to be told so.
    KeepAlive {
        said: bool,
    },
    Close,
}

/// An answer, ready to be encoded.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: Status,
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
    /// Whether the request was a `HEAD`, so that the answer has all headers and no body.
    pub(crate) head_only: bool,
    pub(crate) after: After,
}

impl<'a> Response<'a> {
    /// A refusal. Its body repeats the status line.
    pub(crate) fn refusal(status: Status, head_only: bool, after: After) -> Self {
        let body = status.line().0.as_bytes();
        Self { status, content_type: "text/plain", body, head_only, after }
    }

    /// Appends the answer to `output`.
    pub(crate) fn encode(&self, date: &str, output: &mut Vec<u8>) {
        let (status, extra) = self.status.line();
        let connection = match self.after {
            After::KeepAlive { said: false } => "",
            After::KeepAlive { said: true } => "Connection: keep-alive\r\n",
            After::Close => "Connection: close\r\n",
        };
        // The answer is put together from pieces, since formatting would take longer than all the
        // rest of a small answer.
        let before = ["HTTP/1.1 ", status, "\r\nDate: ", date, "\r\nContent-Type: "];
        let after = ["\r\n", extra, connection, "\r\n"];
        let push = |output: &mut Vec<u8>, text: &str| output.extend_from_slice(text.as_bytes());
        before.iter().for_each(|text| push(output, text));
        push(output, self.content_type);
        push(output, "\r\nContent-Length: ");
        write!(output, "{}", self.body.len()).expect("writing to a Vec does not fail");
        after.iter().for_each(|text| push(output, text));
        if !self.head_only {
            output.extend_from_slice(self.body);
        }
    }
}

/// The text of the `Date` header, made anew once a second.
#[derive(Debug, Default)]
pub(crate) struct DateText {
    second: u64,
    text: String,
}

impl DateText {
    pub(crate) fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(head_only: bool, after: After) -> String {
        let mut output = Vec::new();
        let response =
            Response { status: Status::Ok, content_type: "a/b", body: b"body", head_only, after };
        response.encode("today", &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn an_answer_has_status_headers_and_body() {
        let expected = "HTTP/1.1 200 OK\r\nDate: today\r\nContent-Type: a/b\r\n\
                        Content-Length: 4\r\nConnection: close\r\n\r\nbody";
        assert_eq!(encoded(false, After::Close), expected);
    }

    #[test]
    fn the_answer_to_head_announces_a_body_it_does_not_have() {
        let text = encoded(true, After::KeepAlive { said: true });
        assert!(text.contains("Content-Length: 4\r\nConnection: keep-alive\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
    }
}
