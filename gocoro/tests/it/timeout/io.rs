//! A timeout ends I/O by unwinding, and an I/O deadline by an error.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::time::Instant;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::time::{io_deadline, sleep, timeout};
use gocoro::{go, task};

use crate::support::{NEVER, SOON, in_both_colours};

#[test]
fn timeouts_bound_sockets_and_leave_them_usable() {
    in_both_colours(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut byte = [0];
        assert!(timeout(SOON, || client.read(&mut byte)).is_err());
        assert!(timeout(SOON, || listener.accept()).is_err());
        server.write_all(b"x").unwrap();
        assert_eq!(timeout(NEVER, || client.read(&mut byte)).unwrap().unwrap(), 1);
        assert_eq!(byte, *b"x");
    });
}

#[test]
fn an_io_deadline_ends_reads_and_writes_with_an_error() {
    in_both_colours(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&client);

        // Through a reader that knows nothing of it, and what is there already is still read.
        server.write_all(b"first\nsec").unwrap();
        let mut line = String::new();
        let passed = Instant::now();
        io_deadline(Instant::now() + NEVER, || lines.read_line(&mut line)).unwrap();
        assert_eq!(line, "first\n");
        let late = io_deadline(passed, || lines.read_line(&mut line)).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);

        let soon = Instant::now() + SOON;
        let late = io_deadline(soon, || {
            let full = (&client).write_all(&vec![0; 64 << 20]).unwrap_err();
            assert_eq!(full.kind(), ErrorKind::TimedOut);
            // Nothing else is bounded.
            sleep(SOON);
            go!({ 1 }).wait();
            listener.accept().map(|_| ()).unwrap_err()
        });
        assert_eq!(late.kind(), ErrorKind::TimedOut);
    });
}

/// What the documentation of `timeout`, `io_deadline` and `set_read_timeout` says of code that is
/// tried again.
#[test]
fn half_a_line_is_kept_by_an_error_and_lost_by_an_unwinding() {
    in_both_colours(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut reader = BufReader::new(listener.accept().unwrap().0);
        let mut line = String::new();
        let mut half = |reader: &mut BufReader<TcpStream>| {
            peer.write_all(b"half a ").unwrap();
            // The bytes have come before the time begins to run.
            while reader.fill_buf().unwrap().is_empty() {}
        };

        half(&mut reader);
        let late = io_deadline(Instant::now() + SOON, || reader.read_line(&mut line));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(line, "half a ");
        reader.get_ref().set_read_timeout(Some(SOON)).unwrap();
        assert_eq!(reader.read_line(&mut line).unwrap_err().kind(), ErrorKind::TimedOut);
        reader.get_ref().set_read_timeout(None).unwrap();
        assert_eq!(line, "half a ");

        half(&mut reader);
        timeout(SOON, || reader.read_line(&mut line)).unwrap_err();
        assert_eq!(line, "half a ", "the other half is gone");
        peer.write_all(b"line\n").unwrap();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "half a line\n");
    });
}

#[test]
fn of_nested_io_deadlines_the_earliest_holds_and_a_shield_hides_them() {
    in_both_colours(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let never = Instant::now() + NEVER;
        let now = Instant::now();
        let accept = || listener.accept().map(|_| ()).unwrap_err().kind();
        assert_eq!(io_deadline(now, || io_deadline(never, accept)), ErrorKind::TimedOut);
        assert_eq!(io_deadline(never, || io_deadline(now, accept)), ErrorKind::TimedOut);
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || std::net::TcpStream::connect(address).unwrap());
        io_deadline(now, || task::shield(|| listener.accept().map(|_| ()))).unwrap();
        client.join().unwrap();
        // And a timeout still unwinds where only the deadline is far.
        assert!(io_deadline(never, || timeout(SOON, accept)).is_err());
    });
}
