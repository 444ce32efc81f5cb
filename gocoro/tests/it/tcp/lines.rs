//! std's readers give the lines of servers that write a bit at a time.

use std::io::BufReader;
use std::io::prelude::*;
use std::iter;
use std::net::SocketAddr;

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};

use crate::support::on_workers;

const PLAIN: [&str; 5] = [
    "One line, and no more than that.\n",
    "The second one is longer than the first, but it says less.\n",
    "\n",
    "Third, for the empty one does not count.\n",
    "The last line has no end of its own",
];

/// Of 6, 12, 18 and 30 characters, and of more bytes.
const WIDE: [&str; 4] = [
    "élèves\n",
    "Größe, Maße…\n",
    "съешь ещё булочек…\n",
    "日本語の文字は三バイト、数えるのは文字であってバイトではない\n",
];

/// Serves these lines to each that connects, until it is cancelled.
fn serve(lines: &'static [&'static str]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = go!({
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for line in lines {
                stream.write_all(line.as_bytes()).unwrap();
                // What is read is not what was written at once.
                task::yield_now();
            }
        }
    });
    (address, server)
}

/// Connects when the first line is asked for.
fn dial_lines(address: SocketAddr) -> impl Iterator<Item = String> {
    iter::once_with(move || TcpStream::connect(address).unwrap())
        .flat_map(|stream| BufReader::new(stream).lines().map(Result::unwrap))
}

#[test]
fn lines_are_as_long_as_they_were_written() {
    on_workers(|_| {
        let (address, server) = serve(&WIDE);
        let lengths: Vec<_> = dial_lines(address).map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [6, 12, 18, 30]);
        server.cancel();
        assert!(server.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn the_lines_of_two_servers_come_one_after_another() {
    on_workers(|_| {
        let ((plain, one), (wide, other)) = (serve(&PLAIN), serve(&WIDE));
        let lines: Vec<_> = dial_lines(plain).chain(dial_lines(wide)).collect();
        let both = PLAIN.concat() + "\n" + &WIDE.concat();
        assert!(lines.iter().map(String::as_str).eq(both.lines()), "{lines:?}");
        for server in [one, other] {
            server.cancel();
            assert!(server.join().unwrap_err().is_cancelled());
        }
    });
}
