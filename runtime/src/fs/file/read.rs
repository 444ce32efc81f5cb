//! Reading, and moving the position.

use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::mem;
use std::os::unix::fs::FileExt;

use super::File;

/// How much is asked for at a time when a file is read to an end that nobody has told. Each read of
/// such a file may be a call on the blocking pool.
const CHUNK_BYTES: usize = 8 * 1024;

/// How much is asked for where a file should be at its end, before more memory is taken for it.
const PROBE_BYTES: usize = 32;

impl File {
    /// How many bytes there seem to be to the end. A file that the kernel makes up as it is read
    /// says none.
    fn rest(&self) -> Option<usize> {
        let len = self.metadata().ok()?.len();
        let position = self.handle.position().ok()?;
        usize::try_from(len.saturating_sub(position)).ok()
    }

    /// Reads to the end, so that a file whose length is known takes no more memory than that, and
    /// one whose length is not is read in large pieces.
    fn read_rest(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let begin = buf.len();
        buf.try_reserve(self.rest().unwrap_or(0))?;
        loop {
            let count = if buf.len() < buf.capacity() {
                self.handle.read_spare(buf)?
            } else {
                let mut probe = [0; PROBE_BYTES];
                let count = self.handle.read(&mut probe)?;
                if count > 0 {
                    buf.try_reserve(CHUNK_BYTES.max(buf.len()))?;
                    buf.extend_from_slice(&probe[..count]);
                }
                count
            };
            if count == 0 {
                return Ok(buf.len() - begin);
            }
        }
    }

    fn read_text(&self, buf: &mut String) -> io::Result<usize> {
        // What is in `buf` is safe from whatever unwinds the reads.
        let mut bytes = if buf.is_empty() { mem::take(buf).into_bytes() } else { Vec::new() };
        let result = self.read_rest(&mut bytes);
        match String::from_utf8(bytes) {
            Ok(text) if buf.is_empty() => *buf = text,
            Ok(text) => {
                buf.try_reserve(text.len())?;
                buf.push_str(&text);
            }
            // std's own error.
            Err(error) => {
                return result.and_then(|_| (&mut &*error.into_bytes()).read_to_string(buf));
            }
        }
        result
    }
}

/// # Parks
///
/// As the [table](File#which-way-the-bytes-go) says. On a plain thread it blocks the thread. Where
/// a cancel or a timeout unwinds `read_to_string`, what it has read is lost; `read_to_end` leaves
/// that in its buffer.
impl Read for &File {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.handle.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.handle.read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.read_rest(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.read_text(buf)
    }
}

/// # Parks
///
/// As the [table](File#which-way-the-bytes-go) says. On a plain thread it blocks the thread.
impl Read for File {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

/// # Parks
///
/// While others use the position, and for the end of a file on another machine. On a plain thread
/// it blocks the thread.
impl Seek for &File {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        self.handle.seek(pos)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.handle.position()
    }
}

/// # Parks
///
/// While others use the position, and for the end of a file on another machine. On a plain thread
/// it blocks the thread.
impl Seek for File {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        (&*self).seek(pos)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        (&*self).stream_position()
    }
}

/// Reads and writes at an offset, which leave the position alone.
///
/// # Parks
///
/// As the [table](File#which-way-the-bytes-go) says. On a plain thread it blocks the thread.
impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.handle.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.handle.write_at(buf, offset)
    }
}
