//! A reader whose bytes also go to a writer.

use gocoro::io::{self, BufferStream, Read, Tee, Write};
use gocoro::time::timeout;

use crate::support::{SOON, in_both_colours};

/// A writer that takes a byte at a time, and fails each time it is about to take another.
#[derive(Default)]
struct Balky {
    taken: Vec<u8>,
    balks: bool,
}

impl Write for Balky {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.balks = !self.balks;
        if self.balks {
            return Err(io::Error::other("not now"));
        }
        self.taken.push(buf[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.taken.push(b'.');
        Ok(())
    }
}

#[test]
fn a_tee_whose_writer_fails_loses_nothing() {
    let mut tee = Tee::new(&b"abcdef"[..], Balky::default());
    let (mut read, mut failed) = (Vec::new(), 0);
    loop {
        let mut buf = [0; 2];
        match tee.read(&mut buf) {
            Ok(0) => break,
            Ok(count) => read.extend(&buf[..count]),
            Err(_) => failed += 1,
        }
    }
    // A byte of the writer's, a failure, for each byte.
    assert_eq!((&read[..], failed), (&b"abcdef"[..], 6));
    assert_eq!(tee.into_inner().1.taken, b"abcdef.");
    // A buffer that is smaller than what was kept gets the rest later.
    let mut tee = Tee::new(&b"abcdef"[..], Balky::default());
    tee.read(&mut [0; 6]).unwrap_err();
    let mut read = Vec::new();
    while read.len() < 6 {
        let mut byte = [0];
        if tee.read(&mut byte).is_ok() {
            read.push(byte[0]);
        }
    }
    assert_eq!((&read[..], &tee.get_ref().1.taken[..]), (&b"abcdef"[..], &b"abcdef"[..]));
}

/// The writer is full, and the read is unwound from it.
#[test]
fn a_tee_that_is_cut_short_loses_nothing() {
    in_both_colours(|| {
        let (mut reader, mut writer) = BufferStream::bounded(4);
        let mut tee = Tee::new(&b"abcdefgh"[..], &mut writer);
        let mut buf = [0; 8];
        assert!(timeout(SOON, || tee.read(&mut buf)).is_err());
        reader.read_exact(&mut buf[..4]).unwrap();
        assert_eq!(&buf[..4], b"abcd");
        assert_eq!(tee.read(&mut buf).unwrap(), 8);
        assert_eq!(&buf, b"abcdefgh");
        reader.read_exact(&mut buf[..4]).unwrap();
        assert_eq!(&buf[..4], b"efgh");
    });
}
