//! The TLS echo server from outside: a process of its own, and rustls over std's sockets.

mod common;

use common::{PATIENCE, Server};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Tls {
    server: Server,
    config: Arc<ClientConfig>,
}

type Client<S> = StreamOwned<ClientConnection, S>;

impl Tls {
    fn start() -> Self {
        let mut server = Server::start(env!("CARGO_BIN_EXE_tls_echo"));
        let mut pem = String::new();
        while !pem.ends_with("-----END CERTIFICATE-----\n") {
            server.stdout.read_line(&mut pem).unwrap();
        }
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { server, config: Arc::new(config) }
    }

    fn over<S: Read + Write>(&self, stream: S) -> Client<S> {
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(self.config.clone(), name).unwrap(), stream)
    }

    fn client(&self) -> Client<TcpStream> {
        self.over(self.server.connect())
    }

    /// What the server says of it on stderr, when it has said `what`.
    fn says(&mut self, what: &str) {
        let mut line = String::new();
        let mut stderr = BufReader::new(self.server.process.stderr.take().expect("is piped"));
        while !line.contains(what) {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{what} was never said");
        }
    }
}

fn echoes(client: &mut Client<impl Read + Write>, sent: &[u8]) {
    client.write_all(sent).unwrap();
    let mut received = vec![0; sent.len()];
    client.read_exact(&mut received).unwrap();
    assert!(received == sent);
}

/// Sends everything byte by byte.
struct Chopped(TcpStream);

impl Read for Chopped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(1);
        self.0.read(&mut buf[..length])
    }
}

impl Write for Chopped {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(&buf[..buf.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn bytes_come_back_and_goodbye_is_answered() {
    let tls = Tls::start();
    let mut clients: Vec<_> = (0..20).map(|_| tls.client()).collect();
    for length in [1, 100, 16_384, 60_000] {
        let sent: Vec<u8> = (0..length).map(|i| i as u8).collect();
        clients.iter_mut().for_each(|client| echoes(client, &sent));
    }
    for mut client in clients {
        client.conn.send_close_notify();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn records_may_come_byte_by_byte() {
    let tls = Tls::start();
    let mut client = tls.over(Chopped(tls.server.connect()));
    echoes(&mut client, b"piece by piece");
    echoes(&mut client, &[b'x'; 3000]);
}

#[test]
fn a_connection_that_ends_without_goodbye_is_an_error() {
    let mut tls = Tls::start();
    let mut client = tls.client();
    echoes(&mut client, b"x");
    client.sock.shutdown(Shutdown::Write).unwrap();
    let end = client.read(&mut [0]).map_err(|e| e.kind());
    assert_eq!(end, Err(ErrorKind::UnexpectedEof), "the server has not said goodbye either");
    tls.says("close_notify");
    echoes(&mut tls.client(), b"and it serves others");
}

#[test]
fn what_is_no_handshake_is_refused() {
    let mut tls = Tls::start();
    let mut stream = tls.server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut alert = Vec::new();
    let _ = stream.read_to_end(&mut alert); // a reset is an end, too
    assert_ne!(alert.first(), Some(&22), "no handshake: {alert:?}");
    tls.says("InvalidContentType");
    // A client that does not trust the certificate says so, and is gone.
    let nobody = ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let trusted = std::mem::replace(&mut tls.config, Arc::new(nobody));
    let refused = tls.client().write_all(b"x").unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    tls.config = trusted;
    echoes(&mut tls.client(), b"and it serves others");
}

#[test]
fn handshakes_that_break_off_leave_nothing_behind() {
    let tls = Tls::start();
    let descriptors = format!("/proc/{}/fd", tls.server.process.id());
    let count = || std::fs::read_dir(&descriptors).unwrap().count();
    let mut first = tls.client();
    echoes(&mut first, b"x");
    let before = count();
    // The client's first flight, and then nothing more.
    let mut flight = Vec::new();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(tls.config.clone(), name).unwrap().write_tls(&mut flight).unwrap();
    for end in (0..flight.len()).step_by(10).chain([flight.len()]) {
        let mut stream = tls.server.connect();
        stream.write_all(&flight[..end]).unwrap();
        if end % 20 == 0 {
            stream.shutdown(Shutdown::Write).unwrap();
        }
    }
    let patience = Instant::now() + PATIENCE;
    while count() > before && Instant::now() < patience {
        std::thread::yield_now();
    }
    assert!(count() <= before, "{} descriptors, {before} before", count());
    echoes(&mut first, b"y");
}

#[test]
fn a_slow_handshake_is_ended_and_does_not_disturb_others() {
    let mut tls = Tls::start();
    let mut slow = tls.server.connect();
    slow.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let started = Instant::now();
    // A record of 16 KiB begins, and then a byte now and then.
    slow.write_all(&[22, 3, 1, 64, 0, 1, 0, 63, 200]).unwrap();
    loop {
        echoes(&mut tls.client(), b"quick");
        if !common::is_timeout(slow.read(&mut [0])) {
            break;
        }
        let _ = slow.write_all(&[0]);
    }
    let took = started.elapsed();
    assert!(took > Duration::from_secs(9) && took < PATIENCE, "{took:?}");
    tls.says("echo: ");
}
