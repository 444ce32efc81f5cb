//! The client's own test, and the servers that it asks.

use crate::{agent, fetch};
use gocoro::net::TcpListener;
use gocoro::{go, task};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts};
use ureq::{Error, Timeout};

/// Starts a server for http, and one for https, whose certificate is returned.
fn servers() -> io::Result<(String, String, CertificateDer<'static>)> {
    let names = ["localhost".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let certificate = made.cert.der().clone();
    let key =
        PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(io::Error::other)?;
    let builder = ServerConfig::builder().with_no_client_auth();
    let config = builder.with_single_cert(vec![certificate.clone()], key);
    let config = Arc::new(config.map_err(io::Error::other)?);

    let plain = TcpListener::bind("127.0.0.1:0")?;
    let http = format!("http://localhost:{}", plain.local_addr()?.port());
    go!(daemon => {
        for stream in plain.incoming().flatten() {
            go!(daemon => respond(stream));
        }
    });
    let secret = TcpListener::bind("127.0.0.1:0")?;
    let https = format!("https://localhost:{}", secret.local_addr()?.port());
    go!(daemon => {
        for stream in secret.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            go!(daemon => respond(StreamOwned::new(connection, stream)));
        }
    });
    Ok((http, https, certificate))
}

/// Answers requests, the same over a socket and over TLS.
fn respond(mut stream: impl Read + Write) -> io::Result<()> {
    let (mut head, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        match stream.read(&mut buf)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&buf[..count]),
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let (status, body) = match head.split(|b| *b == b' ').nth(1) {
            Some(b"/hello") => ("200 OK", "hello".to_owned()),
            Some(b"/moved") => ("302 Found\r\nLocation: /hello", String::new()),
            Some(b"/long") => ("200 OK", "long ".repeat(100_000)),
            _ => {
                task::park(); // says nothing, and keeps the connection
                return Ok(());
            }
        };
        head.clear();
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")?;
        stream.flush()?;
    }
}

pub(crate) fn run() -> Result<(), Error> {
    let (http, https, certificate) = servers()?;
    let trusted = [Certificate::from_der(&certificate).to_owned()];
    let client = agent(RootCerts::new_with_certs(&trusted));

    let clients: Vec<_> = (0..50)
        .map(|i| {
            let (agent, server) = (client.clone(), if i % 2 == 0 { &http } else { &https }.clone());
            go!({
                for _ in 0..10 {
                    assert_eq!(fetch(&agent, &format!("{server}/hello"))?, "hello");
                }
                assert_eq!(fetch(&agent, &format!("{server}/moved"))?, "hello");
                assert_eq!(fetch(&agent, &format!("{server}/long"))?.len(), 500_000);
                Ok::<_, Error>(())
            })
        })
        .collect();
    // Servers that say nothing hold up nobody else.
    for server in [&http, &https] {
        let request = client.get(format!("{server}/silence")).config();
        let silence = request.timeout_global(Some(Duration::from_millis(50))).build().call();
        assert!(matches!(silence, Err(Error::Timeout(Timeout::Global))), "{silence:?}");
    }
    for client in clients {
        client.wait()?;
    }

    let stranger = agent(RootCerts::WebPki).get(format!("{https}/hello")).call();
    assert!(stranger.is_err_and(|e| e.to_string().contains("certificate")));
    println!("50 clients asked for 600 pages, half of them by https");
    Ok(())
}
