//! Outputs that will never have room, which no event tells.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use gocoro::go;
use gocoro::io::{Write, stdout};

use super::output::leave;
use super::{Asking, Counter, ask, polled, program, scenarios};
use crate::support::{until, with_workers};

scenarios! {
    peer_reads_no_more,
    end_that_reads,
}

fn peer_reads_no_more() {
    with_workers(1).run(|| {
        let counter = Counter::new();
        let writer = go!({
            loop {
                if let Err(error) = writeln!(stdout(), "{:0>1000}", "to nobody") {
                    return error;
                }
            }
        });
        until(|| !polled(1, libc::POLLOUT));
        counter.goes_on();
        ask("shut");
        assert_eq!(writer.wait().kind(), ErrorKind::BrokenPipe);
    });
    leave();
}

#[test]
fn a_socket_that_is_full_and_whose_peer_reads_no_more() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = program("peer_reads_no_more");
    command.stdin(Stdio::null()).stdout(OwnedFd::from(theirs));
    let mut asking = Asking::spawn(command);
    assert_eq!(asking.next().as_deref(), Some("shut"), "{}", asking.said);
    ours.shutdown(Shutdown::Read).unwrap();
    asking.ends_well();
}

fn end_that_reads() {
    with_workers(1).run(|| {
        writeln!(stdout(), "to nobody").unwrap();
        write!(stdout(), "nobody").unwrap();
        stdout().flush().unwrap();
    });
}

/// Writes fail as those of a closed descriptor, and std takes that for success.
#[test]
fn the_end_of_a_pipe_that_reads() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let mut command = program("end_that_reads");
    command.stdin(Stdio::null()).stdout(reader);
    Asking::spawn(command).ends_well();
}
