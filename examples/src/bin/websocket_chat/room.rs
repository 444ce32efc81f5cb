//! A room, and the task of somebody in it.

use gocoro::channel::broadcast::{self, RecvError, broadcast};
use gocoro::net::TcpStream;
use gocoro::select;
use gocoro::sync::{Mutex, PoisonError};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use tungstenite::{Error, Message, Utf8Bytes, WebSocket};

/// A client that says nothing for so long is asked whether it is there, and has as long to answer.
const QUIET_TIMEOUT: Duration = Duration::from_secs(30);
/// How many lines a client may be behind its room.
const BEHIND_MAX: usize = 64;

/// The rooms in which somebody is.
#[derive(Default)]
pub(crate) struct Rooms(Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>);

impl Rooms {
    /// Takes a seat in a room for somebody of this name.
    pub(crate) fn enter<'a>(
        &'a self,
        room_name: &'a str,
        name: &'a str,
    ) -> (Seat<'a>, broadcast::Receiver<Utf8Bytes>) {
        let mut rooms = self.0.lock().unwrap();
        let (room, news) = match rooms.get(room_name) {
            Some(room) => (room.clone(), room.subscribe()),
            None => broadcast(BEHIND_MAX),
        };
        rooms.entry(room_name.to_owned()).or_insert_with(|| room.clone());
        let _ = room.send(format!("{name} is here").into());
        (Seat { rooms: self, room_name, name, room }, news)
    }
}

/// Somebody's seat in a room. Its drop gives the seat back, however the task ends.
pub(crate) struct Seat<'a> {
    rooms: &'a Rooms,
    room_name: &'a str,
    pub(crate) name: &'a str,
    pub(crate) room: broadcast::Sender<Utf8Bytes>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let _ = self.room.send(format!("{} is gone", self.name).into());
        let mut rooms = self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.room.receiver_count() == 0 {
            rooms.remove(self.room_name);
        }
    }
}

/// What a member's task does next: who has something to say, the client or the room.
enum Turn {
    Client(Message),
    Room(Result<Utf8Bytes, RecvError>),
    /// Neither has said anything for `QUIET_TIMEOUT`.
    Nobody,
}

/// The socket of somebody in a room, as the WebSocket sees it.
pub(crate) struct Line<'a> {
    stream: &'a TcpStream,
    news: broadcast::Receiver<Utf8Bytes>,
    quiet_until: Instant,
    /// Set if a read has ended for another reason than the client.
    turn: Option<Turn>,
}

impl Line<'_> {
    pub(crate) fn new(stream: &TcpStream, news: broadcast::Receiver<Utf8Bytes>) -> Line<'_> {
        Line { stream, news, quiet_until: Instant::now() + QUIET_TIMEOUT, turn: None }
    }
}

impl Read for Line<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let quiet = self.quiet_until.saturating_duration_since(Instant::now());
        let turn = select! {
            readable(self.stream) -> ready => return ready.and_then(|()| self.stream.try_read(buf)),
            recv(self.news) -> line => Turn::Room(line),
            default(quiet) => Turn::Nobody,
        };
        self.turn = Some(turn);
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Write for Line<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Waits until it is somebody's turn.
fn next(socket: &mut WebSocket<Line<'_>>) -> tungstenite::Result<Turn> {
    loop {
        let read = socket.read();
        let line = socket.get_mut();
        match read {
            Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                if let Some(turn) = line.turn.take() {
                    return Ok(turn);
                }
            }
            read => {
                // Half a message does not count: a byte now and then would be enough for ever.
                line.quiet_until = Instant::now() + QUIET_TIMEOUT;
                return read.map(Turn::Client);
            }
        }
    }
}

/// Passes on what the client says, and to the client what is said in the room.
pub(crate) fn chat(
    socket: &mut WebSocket<Line<'_>>,
    room: &broadcast::Sender<Utf8Bytes>,
    name: &str,
) -> tungstenite::Result<()> {
    let mut asked = false;
    loop {
        match next(socket)? {
            Turn::Client(message) => {
                asked = false;
                if let Message::Text(text) = message {
                    let _ = room.send(format!("{name}: {text}").into()); // to this client, too
                }
            }
            Turn::Room(Ok(line)) => socket.send(Message::Text(line))?,
            Turn::Room(Err(RecvError::Lagged(count))) => {
                socket.send(Message::text(format!("{count} lines were too fast for you")))?;
            }
            Turn::Room(Err(RecvError::Closed)) => return Ok(()),
            Turn::Nobody if asked => return Err(io::Error::from(ErrorKind::TimedOut).into()),
            Turn::Nobody => {
                asked = true;
                socket.send(Message::Ping("still there?".into()))?;
                socket.get_mut().quiet_until = Instant::now() + QUIET_TIMEOUT;
            }
        }
    }
}
