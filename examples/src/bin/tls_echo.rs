//! Lesson: a crate that is generic over `Read + Write` runs concurrently as it is.
//!
//! rustls knows std's traits and nothing of gocoro. Its `StreamOwned` joins a TLS connection to a
//! socket; whenever that has to wait, in the middle of a handshake too, the task suspends inside of
//! rustls. So one worker, which is all that `main` asks for, serves everybody.
//!
//! What a peer can do by doing nothing is bounded. The handshake has one deadline for all of it,
//! since a byte now and then would satisfy a timeout for each read. A peer that closes its socket
//! without TLS's own goodbye gives an error: the rest may have been cut off by somebody else.
//!
//! Run it: `cargo run -p gocoro-examples --bin tls_echo [ADDRESS [CERTIFICATES.pem KEY.pem]]`.
//! Without files it makes a certificate for `localhost` and prints it, so that after
//! `tls_echo 127.0.0.1:7000 > trusted.pem` a client in another terminal is
//! `tls_echo --ask localhost:7000 trusted.pem`, or `openssl s_client -CAfile trusted.pem`.
//! With `--self-test` it is its own client and ends.

use gocoro::net::{SocketAddr, TcpListener, TcpStream};
use gocoro::{go, go_main, time};
use rcgen::generate_simple_self_signed;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a handshake may take, all of it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may say nothing, or not accept what it is sent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// As much as one TLS record carries.
const RECORD_BYTES: usize = 16 * 1024;

/// Sends back what the client sends, until it says goodbye.
fn echo(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, prepared(stream)?);
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    time::io_deadline(deadline, || tls.conn.complete_io(&mut tls.sock))?;
    let mut buf = vec![0; RECORD_BYTES];
    loop {
        match tls.read(&mut buf)? {
            0 => break, // the client said goodbye
            count => tls.write_all(&buf[..count])?,
        }
    }
    tls.conn.send_close_notify();
    tls.flush()
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    Ok(stream)
}

fn serve(listener: TcpListener, config: Arc<ServerConfig>) {
    for stream in listener.incoming() {
        go!(clone(config) => {
            if let Err(e) = stream.and_then(|stream| echo(stream, config)) {
                eprintln!("echo: {e}"); // this client is gone, the others are not affected
            }
        });
    }
}

/// Connects to a server whose certificate one of `trusted` vouches for.
fn connect(
    address: &str,
    trusted: impl IntoIterator<Item = CertificateDer<'static>>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let host = address.rsplit_once(':').map_or(address, |(host, _port)| host);
    let host = host.trim_matches(['[', ']']).to_owned(); // of an IPv6 address
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;

    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    time::io_deadline(deadline, || {
        let stream = TcpStream::connect(address)?;
        let mut tls = StreamOwned::new(connection, prepared(stream)?);
        tls.conn.complete_io(&mut tls.sock)?;
        Ok(tls)
    })
}

/// A new certificate for this machine, which vouches for itself.
fn self_signed() -> io::Result<(ServerConfig, rcgen::Certificate)> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = generate_simple_self_signed(names).map_err(io::Error::other)?;
    let key =
        PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(io::Error::other)?;
    Ok((server_config(vec![made.cert.der().clone()], key)?, made.cert))
}

fn server_config(
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder().with_no_client_auth();
    builder.with_single_cert(certificates, key).map_err(io::Error::other)
}

/// Reads every certificate of a PEM file. Whatever else is in there does not matter.
fn certificates(path: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found.map_err(io::Error::other)? {
        none if none.is_empty() => Err(io::Error::other(format!("{path}: has no certificate"))),
        some => Ok(some),
    }
}

fn ask(address: &str, trusted: &str) -> io::Result<()> {
    const QUESTION: &[u8] = b"is anybody there?";

    let mut tls = connect(address, certificates(trusted)?)?;
    tls.write_all(QUESTION)?;
    let mut answer = [0; QUESTION.len()];
    tls.read_exact(&mut answer)?;
    println!("{:?}: {}", tls.conn.protocol_version(), String::from_utf8_lossy(&answer));
    tls.conn.send_close_notify();
    tls.flush()
}

/// What one client of the self-test does: bytes go out in pieces and come back in the same order.
fn converse(address: SocketAddr, trusted: CertificateDer<'static>) -> io::Result<usize> {
    let mut tls = connect(&address.to_string(), [trusted])?;
    let mut bytes = 0;
    for length in [1, 100, RECORD_BYTES, 50_000] {
        let sent: Vec<u8> = (0..length).map(|i| i as u8).collect();
        tls.write_all(&sent)?;
        let mut received = vec![0; length];
        tls.read_exact(&mut received)?;
        assert_eq!(received, sent);
        bytes += length;
    }
    tls.conn.send_close_notify();
    tls.flush()?;
    assert_eq!(tls.read(&mut [0])?, 0, "the server says goodbye, too");
    Ok(bytes)
}

fn self_test() -> io::Result<()> {
    let (config, certificate) = self_signed()?;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    // Two that stop in the middle of a handshake, while the others are served.
    let silent = TcpStream::connect(address)?;
    let mut stuck = TcpStream::connect(address)?;
    stuck.write_all(&[0x16, 3, 1, 2, 0, 1, 0])?; // the beginning of a greeting
    go!(daemon => serve(listener, config));

    let trusted = certificate.der();
    let clients: Vec<_> = (0..50).map(|_| go!(converse(address, trusted.clone()))).collect();
    let mut bytes = 0;
    for client in clients {
        bytes += client.wait()?;
    }
    for waiting in [&silent, &stuck] {
        let nothing = waiting.try_read(&mut [0]).map_err(|e| e.kind());
        assert_eq!(nothing, Err(ErrorKind::WouldBlock), "it still may go on");
    }

    // A certificate that nobody vouches for is refused.
    let (_, other) = self_signed()?;
    let refused = connect(&address.to_string(), [other.der().clone()]);
    assert!(refused.is_err_and(|e| e.to_string().contains("certificate")));
    println!("50 clients had {bytes} bytes echoed, encrypted, while 2 did not move");
    Ok(())
}

#[go_main(workers = 1)]
fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (address, files) = match arguments[..] {
        ["--self-test"] => return self_test(),
        ["--ask", address, trusted] => return ask(address, trusted),
        [] => ("127.0.0.1:7000", None),
        [address] => (address, None),
        [address, chain, key] => (address, Some((chain, key))),
        _ => return Err(ErrorKind::InvalidInput.into()),
    };
    let listener = TcpListener::bind(address)?;
    println!("echoing on {}", listener.local_addr()?);
    let config = match files {
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
            server_config(certificates(chain)?, key)?
        }
        None => {
            let (config, certificate) = self_signed()?;
            print!("{}", certificate.pem());
            config
        }
    };
    serve(listener, Arc::new(config));
    Ok(())
}
