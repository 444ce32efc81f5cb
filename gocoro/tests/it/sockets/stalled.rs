//! A peer that stops reading: whoever writes to it waits, can be cut short in every way, and goes
//! on later. What was reported as written arrives, each byte once.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use gocoro::net::unix::UnixStream;
use gocoro::task;
use gocoro::time::{io_deadline, timeout};

use crate::support::{SOON, settle, until};
use crate::tcp::{self, Colour, kind};

/// The byte at a place of what is written.
fn byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// Writes on, from where it stands, for ever; the place moves with each write that is reported.
fn write_on(mut stream: impl Write, place: &AtomicUsize) -> io::Result<()> {
    loop {
        let at = place.load(SeqCst);
        let bytes: Vec<_> = (at..at + 5000).map(byte).collect();
        let count = stream.write(&bytes)?;
        place.store(at + count, SeqCst);
    }
}

/// Reads so many bytes, which begin at a place.
fn read_on(mut stream: impl Read, at: usize, count: usize) -> io::Result<usize> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    assert!(bytes.iter().copied().eq((at..at + count).map(byte)), "from {at} on");
    Ok(at + count)
}

fn stalled<S>(pair: fn() -> io::Result<(S, S)>, colour: Colour) -> io::Result<()>
where
    S: Send + Sync + 'static,
    for<'a> &'a S: Read + Write,
{
    let (stream, peer) = pair()?;
    let (stream, place) = (Arc::new(stream), Arc::new(AtomicUsize::new(0)));
    let mut read = 0;
    for round in 0..6 {
        // There is no room by the end of each way to be cut short.
        let cut = io_deadline(Instant::now() + SOON, || write_on(&*stream, &place));
        assert_eq!(kind(cut), ErrorKind::TimedOut);
        assert!(timeout(SOON, || write_on(&*stream, &place)).is_err());
        if matches!(colour, Colour::Task) {
            let writer = task::spawn({
                let (stream, place) = (stream.clone(), place.clone());
                move || write_on(&*stream, &place)
            });
            settle();
            writer.cancel();
            assert!(writer.join().unwrap_err().is_cancelled());
        }
        let sent = place.load(SeqCst);
        assert!(sent > read, "the peer has taken it all");
        // The peer takes a little of it, all but a little, or all.
        let count = [1, sent - read - 1, sent - read][round % 3].max(1);
        read = read_on(&peer, read, count)?;
    }
    // A writer that waits is woken when the peer reads again.
    let waiting = place.load(SeqCst);
    let writer = colour.spawn({
        let (stream, place) = (stream.clone(), place.clone());
        move || {
            while place.load(SeqCst) < waiting + (8 << 20) {
                let at = place.load(SeqCst);
                let count = (&*stream).write(&(at..at + 5000).map(byte).collect::<Vec<_>>())?;
                place.store(at + count, SeqCst);
            }
            drop(stream);
            io::Result::Ok(())
        }
    });
    drop(stream);
    until(|| place.load(SeqCst) > waiting);
    settle();
    let mut rest = Vec::new();
    (&peer).read_to_end(&mut rest)?;
    writer.wait()?;
    assert_eq!(read + rest.len(), place.load(SeqCst));
    assert!(rest.iter().copied().eq((read..place.load(SeqCst)).map(byte)));
    Ok(())
}

#[test]
fn a_peer_that_stops_reading_loses_nothing() {
    for colour in [Colour::Task, Colour::Thread] {
        println!("{colour:?}");
        colour.spawn(move || stalled(tcp::pair, colour)).wait().unwrap();
        colour.spawn(move || stalled(UnixStream::pair, colour)).wait().unwrap();
    }
}
