//! Copying one way.

use std::io::{self, Read, Write};

use super::chunk::Chunk;
use crate::park;

/// Copies everything from a reader to a writer, and returns how many bytes that was.
///
/// It is [`std::io::copy`] with a buffer on the heap, where that of std's takes 8 KiB of a task's
/// stack. The buffer follows the traffic: it begins with 8 KiB, and doubles up to 128 KiB as long
/// as reads fill it. It works with whatever reads and writes, gocoro's or not. Between two files
/// of std's, std's own function is the better one, since it lets the kernel copy.
///
/// The writer is not flushed, as in std.
///
/// # Parks
///
/// As the reader and the writer do, and once in a while for a moment. On a plain thread they block
/// the thread. A cancel point: bytes that were read and could not be written before the cancel are
/// lost.
///
/// # Errors
///
/// The first error of the reader or the writer, but [`Interrupted`](io::ErrorKind::Interrupted),
/// after which it goes on.
///
/// # Examples
///
/// ```
/// use gocoro::io;
///
/// let mut reader: &[u8] = b"hello";
/// let mut writer = Vec::new();
/// assert_eq!(io::copy(&mut reader, &mut writer)?, 5);
/// assert_eq!(writer, b"hello");
/// # io::Result::Ok(())
/// ```
///
/// An echo service, each connection in a task of its own:
///
/// ```
/// use gocoro::net::{TcpListener, TcpStream};
/// use gocoro::{go, io};
/// use io::{Read, Write};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut stream = TcpStream::connect(listener.local_addr()?)?;
/// let (peer, _) = listener.accept()?;
/// let echo = go!({ io::copy(&mut &peer, &mut &peer) });
///
/// stream.write_all(b"hello")?;
/// stream.shutdown(gocoro::net::Shutdown::Write)?;
/// assert_eq!(echo.wait()?, 5);
/// # io::Result::Ok(())
/// ```
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let mut chunk = Chunk::new();
    let mut copied = 0;
    loop {
        // Neither side need be gocoro's, and then nothing else in this loop gives way. It is a
        // cancel point, and here no bytes are under way.
        park::spent();
        let bytes = chunk.read_from(reader)?;
        if bytes.is_empty() {
            return Ok(copied);
        }
        writer.write_all(bytes)?;
        copied += bytes.len() as u64;
    }
}
