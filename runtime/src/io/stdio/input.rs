//! Standard input's buffer, and how it is filled.
//!
//! An operation gathers its bytes here, and hands them over when it has them all. So one that is
//! cut short by a cancel, a timeout or an `io_deadline`, wherever it waits, has taken nothing.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::mem;

use super::kind::Standard;
use super::session::Session;
use crate::blocking::Call;
use crate::cancel::Cancelled;
use crate::io::sys::has_no_such_call;
use crate::{blocking, park, reactor};

/// How much is read at a time: as much as std's buffer has room for.
const CHUNK_BYTES: usize = 8 * 1024;

/// How much is read at a time where everything is wanted: as much as fits into a pipe.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Input {
    /// What has been read. The part before `start` was consumed.
    data: Vec<u8>,
    start: usize,
    /// Memory that a read may write to: it becomes `data` only when the read has returned.
    chunk: Vec<u8>,
    raw: Raw,
}

#[derive(Debug, Default)]
struct Raw {
    session: Option<Session>,
    /// A read that the blocking pool does. The next reader waits for it if this one cannot: what it
    /// reads is lost to everybody else.
    job: Option<Call<io::Result<Vec<u8>>>>,
}

/// Where the bytes of a read are.
enum Received {
    /// So many in the buffer of the caller.
    Here(usize),
    /// In a buffer of their own.
    Apart(Vec<u8>),
}

impl Raw {
    fn receive(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        park::spent_io();
        if self.job.is_some() {
            return self.wait_for_job();
        }
        let session = self.session.get_or_insert_with(|| Session::open(Standard::In));
        if !session.is_at_once() {
            return received(session.until_done(|session| session.read(buf)));
        }
        // A plain thread that nothing bounds waits for the disk itself.
        if blocking::may_block() {
            return received(session.read(buf));
        }
        match session.read_cached(buf) {
            Err(error) if is_not_cached(&error) => {}
            // Linux 5.9 and 5.10 may say so before the end, too.
            Ok(0) => {}
            result => return received(result),
        }
        let Ok(duplicate) = Standard::In.fd().try_clone_to_owned() else {
            // There is no descriptor left to give away.
            return received(session.read(buf));
        };
        let wanted = buf.len().min(CHUNK_BYTES_MAX);
        self.job = Some(Call::start(move || {
            let mut bytes = vec![0; wanted];
            let count = File::from(duplicate).read(&mut bytes)?;
            bytes.truncate(count);
            Ok(bytes)
        }));
        self.wait_for_job()
    }

    fn wait_for_job(&mut self) -> io::Result<Received> {
        let job = self.job.as_ref().expect("a job was started");
        let Some(result) = job.wait() else {
            return Err(reactor::cut_short());
        };
        self.job = None;
        result.map(Received::Apart)
    }
}

/// A descriptor that is closed has nothing to read, as in std.
fn received(result: io::Result<usize>) -> io::Result<Received> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(Received::Here(0)),
        result => result.map(Received::Here),
    }
}

/// Whether the call that reads from memory alone has not found the bytes there, or cannot look.
fn is_not_cached(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || has_no_such_call(error)
}

/// Whether a wait was cut short from outside, and what has come may still be asked for.
fn is_cut(error: &io::Error) -> bool {
    let is_cancelled = error.get_ref().is_some_and(|inner| inner.is::<Cancelled>());
    is_cancelled || error.kind() == io::ErrorKind::TimedOut
}

impl Input {
    /// What is there and was not consumed.
    fn rest(&self) -> &[u8] {
        &self.data[self.start..]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.data.len().min(self.start + count);
        if self.start == self.data.len() {
            self.start = 0;
            self.data.clear();
            // The memory of a long line is given back.
            self.data.shrink_to(CHUNK_BYTES_MAX);
        }
    }

    /// Reads more, `wanted` bytes at most, and waits until there is some; `false` at the end.
    fn more(&mut self, wanted: usize) -> io::Result<bool> {
        // If the wait is unwound, a new chunk is made for the next one.
        let mut chunk = mem::take(&mut self.chunk);
        let wanted = wanted.clamp(CHUNK_BYTES, CHUNK_BYTES_MAX);
        if chunk.len() < wanted {
            chunk.resize(wanted, 0);
        }
        let received = self.raw.receive(&mut chunk[..wanted])?;
        let bytes = match &received {
            Received::Here(count) => &chunk[..*count],
            Received::Apart(bytes) => bytes,
        };
        self.data.drain(..mem::take(&mut self.start));
        self.data.extend_from_slice(bytes);
        let has_more = !bytes.is_empty();
        self.chunk = chunk;
        Ok(has_more)
    }

    pub(super) fn fill(&mut self) -> io::Result<&[u8]> {
        if self.rest().is_empty() {
            self.more(CHUNK_BYTES)?;
        }
        Ok(self.rest())
    }

    /// Hands over what there is, by what std's reader of a slice does.
    fn take<R>(&mut self, take: impl FnOnce(&mut &[u8]) -> R) -> R {
        let mut rest = self.rest();
        let before = rest.len();
        let result = take(&mut rest);
        let taken = before - rest.len();
        self.consume(taken);
        result
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rest().is_empty() && !buf.is_empty() {
            if buf.len() < CHUNK_BYTES {
                self.more(CHUNK_BYTES)?;
            } else {
                match self.raw.receive(buf)? {
                    Received::Here(count) => return Ok(count),
                    Received::Apart(bytes) => self.data = bytes,
                }
            }
        }
        self.take(|rest| rest.read(buf))
    }

    pub(super) fn read_vectored(&mut self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        if bufs.iter().any(|buf| !buf.is_empty()) {
            self.fill()?;
        }
        self.take(|rest| rest.read_vectored(bufs))
    }

    /// Reads as much as there is room for. What comes before an early end is handed over, as in
    /// std.
    pub(super) fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        while self.rest().len() < buf.len() && self.more(buf.len() - self.rest().len())? {}
        let count = self.take(|rest| rest.read(buf))?;
        // This is std's own error, if there is something left to fill.
        io::empty().read_exact(&mut buf[count..])
    }

    /// Reads to the end. What an error other than a cut comes after is handed over, as in std.
    pub(super) fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let ended = self.gather()?;
        let count = self.rest().len();
        if buf.capacity() == 0 && self.start == 0 {
            *buf = mem::take(&mut self.data);
        } else {
            self.take(|rest| rest.read_to_end(buf))?;
        }
        ended.map(|()| count)
    }

    pub(super) fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let ended = self.gather()?;
        let count = self.take_string(self.rest().len(), buf)?;
        ended.map(|()| count)
    }

    /// Reads to the end, or to an error that is returned after what came before it.
    fn gather(&mut self) -> io::Result<io::Result<()>> {
        loop {
            match self.more(CHUNK_BYTES_MAX) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(())),
                Err(error) if is_cut(&error) => return Err(error),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Waits until the delimiter or the end is there, and says how much that is.
    fn find(&mut self, delimiter: u8) -> io::Result<usize> {
        let mut looked = 0;
        loop {
            let mut rest = &self.rest()[looked..];
            // This is std's own search.
            looked += rest.skip_until(delimiter)?;
            if looked > 0 && self.rest()[looked - 1] == delimiter || !self.more(CHUNK_BYTES)? {
                return Ok(looked);
            }
        }
    }

    pub(super) fn read_until(&mut self, delimiter: u8, buf: &mut Vec<u8>) -> io::Result<usize> {
        let count = self.find(delimiter)?;
        buf.extend_from_slice(&self.rest()[..count]);
        self.consume(count);
        Ok(count)
    }

    /// Gathers what it skips, as the others do, so that one that is cut short has skipped nothing.
    pub(super) fn skip_until(&mut self, delimiter: u8) -> io::Result<usize> {
        let count = self.find(delimiter)?;
        self.consume(count);
        Ok(count)
    }

    pub(super) fn read_line(&mut self, buf: &mut String) -> io::Result<usize> {
        let count = self.find(b'\n')?;
        self.take_string(count, buf)
    }

    /// Hands over so many bytes as text. Bytes that are no text are gone, as in std.
    fn take_string(&mut self, count: usize, buf: &mut String) -> io::Result<usize> {
        let result = (&self.rest()[..count]).read_to_string(buf);
        self.consume(count);
        result
    }

    /// Lets go of the descriptor, before the lock is let go of.
    pub(super) fn close(&mut self) {
        self.raw.session = None;
    }
}
