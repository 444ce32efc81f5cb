//! Lesson: one object for both directions, and a task that reads and writes, whichever comes first.
//!
//! A task in a chat waits for its client and for the others in the room at once. Two tasks cannot
//! share tungstenite's `WebSocket`: its reads answer pings, and so they write. So the stream that
//! the WebSocket reads from, `Line`, waits for both. When it is the server's turn to speak, its
//! `read` ends with `WouldBlock`: the error of non-blocking sockets, after which tungstenite takes
//! up a message where it was.
//!
//! A room is a `broadcast` channel: a client that reads too slowly loses lines, and is told how
//! many, while nobody waits for it.
//!
//! Run it: `cargo run -p gocoro-examples --bin websocket_chat [ADDRESS]`, then in a browser's
//! console `w = new WebSocket("ws://127.0.0.1:7000/ROOM/NAME"); w.onmessage = m =>
//! console.log(m.data)` and `w.send("hello")`. The path `/echo` sends back what it gets, for test
//! suites of the protocol. With `--self-test` it is its own client and ends.

mod room;
mod self_test;

use gocoro::net::{Shutdown, TcpListener, TcpStream};
use gocoro::{go, go_main, time};
use room::{Line, Rooms, chat};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, WebSocket};

/// How long a client may take to ask for a WebSocket, all of it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to accept what it is sent.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest line of a chat, and the most that a client can make the server hold.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// The longest message that is echoed. Test suites send some of 16 MiB.
const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a client of `/echo` may take for a message, all of it, the pause before it included.
const ECHO_TIMEOUT: Duration = Duration::from_secs(60);
/// tungstenite keeps a buffer of this size for each connection; its default is 128 KiB.
const READ_BYTES: usize = 4 * 1024;
/// How long a client that broke a rule may take until it hears of it: to close while it still sends
/// would destroy what it was told.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// How many bytes such a client may still send meanwhile.
const LINGER_BYTES_MAX: u64 = 1024 * 1024;

fn accept_loop(listener: TcpListener) {
    let rooms = Arc::new(Rooms::default());
    for stream in listener.incoming() {
        go!(clone(rooms) => {
            let served = stream.map_err(Error::Io).and_then(|stream| serve(&stream, &rooms));
            if let Err(e) = served {
                eprintln!("chat: {e}"); // this client is gone, the others are not affected
            }
        });
    }
}

fn serve(stream: &TcpStream, rooms: &Rooms) -> tungstenite::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    let path = time::io_deadline(deadline, || shake_hands(stream))?;
    let config = |bytes_max| {
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
        Some(config.max_message_size(Some(bytes_max)).max_frame_size(Some(bytes_max)))
    };
    let Some((room_name, name)) = seat(&path) else {
        let mut socket = WebSocket::from_raw_socket(stream, Role::Server, config(ECHO_BYTES_MAX));
        let result = echo(&mut socket);
        return farewell(&mut socket, stream, result);
    };

    let (seat, news) = rooms.enter(room_name, name);
    let line = Line::new(stream, news);
    let mut socket = WebSocket::from_raw_socket(line, Role::Server, config(LINE_BYTES_MAX));
    let result = chat(&mut socket, &seat.room, seat.name);
    farewell(&mut socket, stream, result)
}

/// Answers the request for a WebSocket, and returns what it was for.
fn shake_hands(stream: &TcpStream) -> tungstenite::Result<String> {
    let mut path = String::new();
    #[allow(clippy::result_large_err, reason = "the type is tungstenite's")]
    let choose = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        if path == "/echo" || seat(&path).is_some() {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some("ws://HOST/ROOM/NAME or ws://HOST/echo".into()));
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        Err(refusal)
    };
    // Until it has the answer, a client sends nothing. So what this WebSocket has read is all used.
    match tungstenite::accept_hdr(stream, choose) {
        Ok(_) => Ok(path),
        Err(HandshakeError::Failure(e)) => Err(e),
        Err(HandshakeError::Interrupted(_)) => Err(io::Error::from(ErrorKind::WouldBlock).into()),
    }
}

/// The room and the name in `/ROOM/NAME`.
fn seat(path: &str) -> Option<(&str, &str)> {
    let (room, name) = path.strip_prefix('/')?.split_once('/')?;
    (!room.is_empty() && !name.is_empty() && !name.contains('/')).then_some((room, name))
}

/// Sends back what comes. Reads and writes take turns here, so the WebSocket may have the socket.
fn echo(socket: &mut WebSocket<&TcpStream>) -> tungstenite::Result<()> {
    loop {
        let message = time::io_deadline(Instant::now() + ECHO_TIMEOUT, || socket.read())?;
        if message.is_text() || message.is_binary() {
            socket.send(message)?;
        } // tungstenite answers the others by itself
    }
}

/// Tells the client which rule it broke, if it did.
fn farewell(
    socket: &mut WebSocket<impl Read + Write>,
    stream: &TcpStream,
    result: tungstenite::Result<()>,
) -> tungstenite::Result<()> {
    let code = match &result {
        Ok(()) | Err(Error::ConnectionClosed) => return Ok(()),
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return result,
        Err(Error::Protocol(_)) => CloseCode::Protocol,
        Err(Error::Utf8(_)) => CloseCode::Invalid,
        Err(Error::Capacity(_)) => CloseCode::Size,
        Err(_) => return result,
    };
    socket.close(Some(CloseFrame { code, reason: "".into() }))?;
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + LINGER_TIMEOUT;
    let rest = &mut stream.take(LINGER_BYTES_MAX);
    let _ = time::io_deadline(deadline, || io::copy(rest, &mut io::sink()));
    result
}

#[go_main]
fn main() -> tungstenite::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    if address == "--self-test" {
        return self_test::run();
    }
    let listener = TcpListener::bind(&address)?;
    println!("chatting on {}", listener.local_addr()?);
    accept_loop(listener);
    Ok(())
}
