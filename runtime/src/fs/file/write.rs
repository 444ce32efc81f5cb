//! Writing.

use std::io::{self, IoSlice, Write};

use super::File;

/// Nothing is buffered, and `flush` has nothing to do.
///
/// # Parks
///
/// As the [table](File#which-way-the-bytes-go) says. On a plain thread it blocks the thread.
impl Write for &File {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.handle.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.handle.write_vectored(bufs)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nothing is buffered, and `flush` has nothing to do.
///
/// # Parks
///
/// As the [table](File#which-way-the-bytes-go) says. On a plain thread it blocks the thread.
impl Write for File {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
