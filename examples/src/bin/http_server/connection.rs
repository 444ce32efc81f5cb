//! A connection from its first request to its last, as one plain function: `serve`.
//!
//! Reads block, as far as this code can tell; in truth they suspend the task. So the state of a
//! half-received request lives where a reader looks for it, in local variables.

use crate::limits::{
    BODY_BYTES_MAX, BODY_TIMEOUT, CHUNK_LINE_BYTES_MAX, HEAD_BYTES_MAX, HEAD_TIMEOUT,
    LINGER_BYTES_MAX, LINGER_TIMEOUT, OUTPUT_BYTES_MAX, READ_BYTES, TRAILER_BYTES_MAX,
    WRITE_TIMEOUT,
};
use crate::request::{self, Action, Framing, Head};
use crate::response::{After, DateText, Response, Status};
use gocoro::net::{Shutdown, TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// Why a connection ends before its time.
enum End {
    /// The client broke a rule: say which, then close.
    Refused(Status),
    /// The client is gone, or said nothing for too long.
    Silent,
    /// The connection failed.
    Failed(io::Error),
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<io::Error> for End {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Silent,
            _ => Self::Failed(e),
        }
    }
}

/// Serves `stream` until one side has had enough; `idle` is how long it may stay without a request.
pub(crate) fn serve(stream: TcpStream, idle: Duration) -> io::Result<()> {
    let mut connection = Connection {
        stream,
        input: vec![0; READ_BYTES],
        start: 0,
        end: 0,
        output: Vec::new(),
        idle,
        deadline: None,
        begun: false,
        date: DateText::default(),
    };
    connection.stream.set_nodelay(true)?;
    connection.stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    loop {
        match connection.exchange() {
            Ok(After::KeepAlive { .. }) => {}
            Ok(After::Close) => return connection.close(),
            Err(End::Refused(status)) => {
                connection.answer(&Response::refusal(status, false, After::Close));
                return connection.close();
            }
            Err(End::Silent) => return Ok(()),
            Err(End::Failed(e)) => return Err(e),
        }
    }
}

struct Connection {
    stream: TcpStream,
    /// Received bytes are `input[start..end]`. Grows to `HEAD_BYTES_MAX` at most: bodies are taken
    /// out of it piece by piece.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Answers that have not been written yet.
    output: Vec<u8>,
    /// How long the connection may stay without a request.
    idle: Duration,
    /// When what is being received has to be complete: the next request's first byte, its head, or
    /// its body. `None` until the wait for the first byte begins.
    deadline: Option<Instant>,
    /// Whether the request's first byte is there. Line ends between two requests do not count.
    begun: bool,
    date: DateText,
}

impl Connection {
    /// Receives one request and puts its answer into `output`.
    fn exchange(&mut self) -> Result<After, End> {
        let head = self.head()?;
        let mut body = Vec::new();
        if head.framing != Framing::Length(0) {
            self.body(&head, &mut body)?;
        }
        let after = match (head.keep_alive, head.modern) {
            (true, modern) => After::KeepAlive { said: !modern },
            (false, _) => After::Close,
        };
        let response = |content_type, body| Response {
            status: Status::Ok,
            content_type,
            body,
            head_only: head.head_only,
            after,
        };
        self.answer(&match head.action {
            Action::Greet => response("text/plain", b"Hello, World!"),
            Action::Echo => response("application/octet-stream", &body),
            Action::Refuse(status) => Response::refusal(status, head.head_only, after),
        });
        if self.output.len() >= OUTPUT_BYTES_MAX {
            self.flush()?;
        }
        Ok(after)
    }

    fn answer(&mut self, response: &Response<'_>) {
        response.encode(self.date.now(), &mut self.output);
    }

    fn head(&mut self) -> Result<Head, End> {
        self.deadline = None;
        self.begun = false;
        loop {
            if let Some(head) = request::parse(self.buffered())? {
                self.start += head.bytes;
                self.begun = true;
                return Ok(head);
            }
            // Only line ends between requests, which some clients send, do not begin one.
            if !self.begun && !self.buffered().trim_ascii_start().is_empty() {
                self.deadline = Some(Instant::now() + HEAD_TIMEOUT);
                self.begun = true;
            }
            self.fill()?;
        }
    }

    /// Receives the body: into `kept` if it is going to be echoed, else to nowhere.
    fn body(&mut self, head: &Head, kept: &mut Vec<u8>) -> Result<(), End> {
        if matches!(head.framing, Framing::Length(length) if length > BODY_BYTES_MAX as u64) {
            return Err(Status::BodyTooLarge.into());
        }
        if head.expects_continue && self.buffered().is_empty() {
            self.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"); // `fill` sends it
        }
        self.deadline = Some(Instant::now() + BODY_TIMEOUT);
        let mut kept = (head.action == Action::Echo).then_some(kept);
        match head.framing {
            Framing::Length(length) => self.take(length as usize, kept.as_deref_mut()),
            Framing::Chunked => self.chunks(kept),
        }
    }

    fn chunks(&mut self, mut kept: Option<&mut Vec<u8>>) -> Result<(), End> {
        let mut room = BODY_BYTES_MAX as u64;
        loop {
            let line = self.line(CHUNK_LINE_BYTES_MAX, Status::BadRequest)?;
            let size = request::chunk_size(&self.input[line])?;
            if size == 0 {
                break;
            }
            room = room.checked_sub(size).ok_or(Status::BodyTooLarge)?;
            self.take(size as usize, kept.as_deref_mut())?;
            if !self.line(0, Status::BadRequest)?.is_empty() {
                return Err(Status::BadRequest.into());
            }
        }
        let mut room = TRAILER_BYTES_MAX;
        loop {
            let trailer = self.line(room, Status::HeadTooLarge)?;
            if trailer.is_empty() {
                return Ok(());
            }
            room = room.saturating_sub(trailer.len() + 2);
        }
    }

    /// Takes `count` bytes of the body.
    fn take(&mut self, mut count: usize, mut kept: Option<&mut Vec<u8>>) -> Result<(), End> {
        loop {
            let part = count.min(self.buffered().len());
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&self.buffered()[..part]);
            }
            self.start += part;
            count -= part;
            if count == 0 {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Takes a line that ends with CR LF. Returns where in `input` the line is, without CR LF.
    fn line(&mut self, length_max: usize, beyond: Status) -> Result<std::ops::Range<usize>, End> {
        loop {
            if let Some(length) = self.buffered().windows(2).position(|pair| pair == b"\r\n") {
                if length > length_max {
                    return Err(beyond.into());
                }
                let line = self.start..self.start + length;
                self.start += length + 2;
                return Ok(line);
            }
            if self.buffered().len() > length_max + 1 {
                return Err(beyond.into());
            }
            self.fill()?;
        }
    }

    fn buffered(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Receives more. Answers go out first: all answers to the requests of one read, in one write.
    /// A read takes what the socket has. If that is less than there is room for, the socket is
    /// empty, and the next read waits.
    fn fill(&mut self) -> Result<(), End> {
        self.flush()?;
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.input.len() {
            self.input.resize((2 * self.end).min(HEAD_BYTES_MAX), 0);
        }
        let late = if self.begun { Status::RequestTimeout.into() } else { End::Silent };
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.idle);
        let Some(patience) = remaining(deadline) else {
            return Err(late);
        };
        self.stream.set_read_timeout(Some(patience))?;
        match self.stream.read(&mut self.input[self.end..]) {
            Ok(0) if self.begun => Err(Status::BadRequest.into()), // ended in the middle of a request
            Ok(0) => Err(End::Silent),
            Ok(count) => {
                self.end += count;
                Ok(())
            }
            Err(e) if is_timeout(&e) => Err(late),
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Writes all answers that are in `output`. Each write may take `WRITE_TIMEOUT`, and so may all
    /// of them together.
    fn flush(&mut self) -> Result<(), End> {
        let mut rest = self.output.as_slice();
        let mut deadline = None;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(e) if is_timeout(&e) => return Err(End::Silent),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
            if !rest.is_empty() {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + WRITE_TIMEOUT);
                let Some(patience) = remaining(deadline) else {
                    return Err(End::Silent);
                };
                self.stream.set_write_timeout(Some(patience))?;
            }
        }
        if deadline.is_some() {
            self.stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        }
        self.output.clear();
        self.output.shrink_to(OUTPUT_BYTES_MAX);
        Ok(())
    }

    /// Sends the last answer, and closes the connection such that the client can read it (see
    /// `LINGER_TIMEOUT`).
    fn close(mut self) -> io::Result<()> {
        match self.flush() {
            Ok(()) => {}
            Err(End::Failed(e)) => return Err(e),
            Err(_) => return Ok(()),
        }
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return Ok(()); // the client was faster
        }
        let deadline = Instant::now() + LINGER_TIMEOUT;
        let mut room = LINGER_BYTES_MAX;
        while let Some(patience) = remaining(deadline) {
            self.stream.set_read_timeout(Some(patience))?;
            match self.stream.read(&mut self.input) {
                Ok(count) if count > 0 && count < room => room -= count,
                _ => break,
            }
        }
        Ok(())
    }
}

/// The time until `deadline`. `None` instead of zero, which std's timeouts refuse.
fn remaining(deadline: Instant) -> Option<Duration> {
    deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

/// Whether the error is a timeout, which is `WouldBlock` in std on Unix, and `TimedOut` in gocoro.
fn is_timeout(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
