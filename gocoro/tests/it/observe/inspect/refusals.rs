//! What is not served: foreign pages, names that a site could give itself, other methods.

use super::{answer, get, served};

#[test]
fn each_refusal_has_its_status() {
    let page = served();
    let host = page.local_addr();
    let status = |method: &str, path: &str, fields: &str| {
        let text = answer(&page, format!("{method} {path} HTTP/1.1\r\n{fields}\r\n"));
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nX-Content-Type-Options: nosniff"), "{head}");
        assert!(head.contains("\r\nContent-Security-Policy: default-src 'none';"), "{head}");
        text.split(' ').nth(1).unwrap().to_owned()
    };
    let ours = format!("Host: {host}\r\n");
    let with = |fields: &str| format!("{ours}{fields}\r\n");
    assert_eq!(status("GET", "/", &ours), "200");
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "get"] {
        assert_eq!(status(method, "/", &ours), "405", "{method}");
    }
    for foreign in
        ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io", ""]
    {
        assert_eq!(
            status("GET", "/tasks.json", &format!("Host: {foreign}\r\n")),
            "421",
            "{foreign}"
        );
    }
    for near in ["localhost", "localhost:1", "127.0.0.1", "[::1]:7710"] {
        assert_eq!(status("GET", "/metrics", &format!("Host: {near}\r\n")), "200", "{near}");
    }
    assert_eq!(status("GET", "/", ""), "400");
    assert_eq!(status("GET", "/", &with("Host: localhost")), "400");
    assert_eq!(status("GET", "/metrics", &with("Origin: http://evil.example")), "403");
    assert_eq!(status("GET", "/metrics", &with("Origin: null")), "403");
    assert_eq!(status("GET", "/metrics", &with("Sec-Fetch-Site: cross-site")), "403");
    let link = with("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate");
    assert_eq!(
        (status("GET", "/", &link), status("GET", "/metrics", &link)),
        ("200".into(), "403".into())
    );
    assert_eq!(status("GET", "http://evil.example/", &ours), "404");
    let (head, body) = get(&page, "/tasks.json/../");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}{body}");
}

#[test]
fn a_method_that_is_not_served_is_told_which_is() {
    let page = served();
    let text =
        answer(&page, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
    assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{text}");
    assert!(
        text.contains("\r\nAllow: GET\r\n") && text.ends_with("only GET is served\n"),
        "{text}"
    );
}
