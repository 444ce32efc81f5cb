//! A reader whose bytes also go to a writer.

use std::fmt;
use std::io::{self, Read, Write};

/// A reader that also writes to `W` all that is read from `R`.
///
/// For a stream that has to get to two places: a log file and whoever looks for a word in it, the
/// terminal and a buffer. Both sides are streams of any kind. What is read has been written when
/// the read returns, so a reader is no faster than the writer, and nothing piles up in between. At
/// the end of file the writer is flushed.
///
/// # Parks
///
/// Reads wait as those of `R` and the writes of `W` do.
///
/// # Errors
///
/// A read fails with the errors of both. No byte is lost by that: bytes that were read and could
/// not be written are kept, as they are if a cancel or a timeout unwinds the read. The next read
/// goes on with writing them, and returns them.
///
/// # Examples
///
/// What a child writes, in a file and in a buffer:
///
/// ```
/// use gocoro::io::{self, Read, Tee};
/// use gocoro::process::{Command, Stdio};
///
/// # let path = std::env::temp_dir().join(format!("gocoro-tee-{}", std::process::id()));
/// # let log = std::fs::File::create(&path)?;
/// let mut child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
/// let mut tee = Tee::new(child.stdout.take().unwrap(), log);
/// let mut text = String::new();
/// tee.read_to_string(&mut text)?;
/// assert!(child.wait()?.success());
///
/// assert_eq!(text, "hello\n");
/// assert_eq!(std::fs::read_to_string(&path)?, "hello\n");
/// # std::fs::remove_file(path)?;
/// # io::Result::Ok(())
/// ```
///
/// The same in the background: a task copies, and the program reads from the stream in memory when
/// it likes. A stream that holds 64 KiB bounds how far the child may be ahead:
///
/// ```
/// use gocoro::go;
/// use gocoro::io::{self, BufRead, BufReader, BufferStream, Tee};
/// use gocoro::process::{Command, Stdio};
///
/// let mut child = Command::new("sh")
///     .args(["-c", "echo one; echo two"])
///     .stdout(Stdio::piped())
///     .spawn()?;
/// let (captured, mut capture) = BufferStream::bounded(64 * 1024);
/// let mut tee = Tee::new(child.stdout.take().unwrap(), io::stdout());
/// let teeing = go!({ io::copy(&mut tee, &mut capture) }); // closes its end of the stream, too
///
/// let lines: Vec<_> = BufReader::new(captured).lines().collect::<io::Result<_>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// assert_eq!(teeing.wait()?, 8);
/// assert!(child.wait()?.success());
/// # io::Result::Ok(())
/// ```
///
/// What a child is given, in its standard input and in a buffer:
///
/// ```
/// use gocoro::io::{self, Tee};
/// use gocoro::process::{Command, Stdio};
///
/// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
/// let mut given = Vec::new();
/// let input = &b"what the child gets"[..];
/// io::copy(&mut Tee::new(input, &mut given), child.stdin.as_mut().unwrap())?;
/// assert!(child.wait()?.success()); // closes its input first
/// assert_eq!(given, input);
/// # io::Result::Ok(())
/// ```
pub struct Tee<R, W> {
    reader: R,
    writer: W,
    kept: Kept,
}

/// Bytes that were read and not returned, since not all of them could be written.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
}

impl<R, W> Tee<R, W> {
    /// A reader of what `reader` reads, which is also written to `writer`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Read, Tee};
    ///
    /// let mut tee = Tee::new(&b"abc"[..], Vec::new());
    /// tee.read_exact(&mut [0; 2])?;
    /// assert_eq!(tee.into_inner().1, b"ab");
    /// # io::Result::Ok(())
    /// ```
    pub fn new(reader: R, writer: W) -> Tee<R, W> {
        Tee { reader, writer, kept: Kept::default() }
    }

    /// Lends the reader and the writer.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::Tee;
    ///
    /// let tee = Tee::new(&b"abc"[..], Vec::<u8>::new());
    /// assert_eq!(tee.get_ref(), (&&b"abc"[..], &vec![]));
    /// ```
    pub fn get_ref(&self) -> (&R, &W) {
        (&self.reader, &self.writer)
    }

    /// Lends the reader and the writer, to be changed.
    ///
    /// What is read from the reader past the `Tee` is not written.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Tee, Write};
    ///
    /// let mut tee = Tee::new(&b"abc"[..], Vec::new());
    /// tee.get_mut().1.write_all(b"head: ")?;
    /// io::copy(&mut tee, &mut io::sink())?;
    /// assert_eq!(tee.get_ref().1, b"head: abc");
    /// # io::Result::Ok(())
    /// ```
    pub fn get_mut(&mut self) -> (&mut R, &mut W) {
        (&mut self.reader, &mut self.writer)
    }

    /// Gives the reader and the writer back. Bytes that an error has kept from being written are
    /// lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::io::{self, Tee};
    ///
    /// let mut tee = Tee::new(&b"abc"[..], Vec::new());
    /// io::copy(&mut tee, &mut io::sink())?;
    /// let (rest, written) = tee.into_inner();
    /// assert_eq!((rest, written), (&b""[..], b"abc".to_vec()));
    /// # io::Result::Ok(())
    /// ```
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.kept.bytes.is_empty() {
            let count = self.reader.read(buf)?;
            if count == 0 {
                self.writer.flush()?;
                return Ok(0);
            }
            let bytes = &buf[..count];
            Passing { bytes, written: 0, kept: &mut self.kept }.pass(&mut self.writer)?;
            return Ok(count);
        }
        self.kept.write(&mut self.writer)?;
        let count = buf.len().min(self.kept.bytes.len());
        buf[..count].copy_from_slice(&self.kept.bytes[..count]);
        self.kept.bytes.drain(..count);
        self.kept.written -= count;
        Ok(count)
    }
}

impl Kept {
    fn write(&mut self, writer: &mut impl Write) -> io::Result<()> {
        while self.written < self.bytes.len() {
            self.written += write(writer, &self.bytes[self.written..])?;
        }
        Ok(())
    }
}

/// Bytes on their way to the writer. They are kept if an error or an unwinding stops them.
struct Passing<'a> {
    bytes: &'a [u8],
    written: usize,
    kept: &'a mut Kept,
}

impl Passing<'_> {
    fn pass(mut self, writer: &mut impl Write) -> io::Result<()> {
        while self.written < self.bytes.len() {
            self.written += write(writer, &self.bytes[self.written..])?;
        }
        Ok(())
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        if self.written < self.bytes.len() {
            *self.kept = Kept { bytes: self.bytes.to_vec(), written: self.written };
        }
    }
}

/// Writes some of the bytes, of which there are some.
fn write(writer: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match writer.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<R: fmt::Debug, W: fmt::Debug> fmt::Debug for Tee<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tee")
            .field("reader", &self.reader)
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}
