//! The chat as its own client.

use crate::{LINE_BYTES_MAX, accept_loop};
use gocoro::go;
use gocoro::net::{SocketAddr, TcpListener, TcpStream};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

type Client = WebSocket<TcpStream>;

fn join(address: SocketAddr, path: &str) -> Client {
    let stream = TcpStream::connect(address).unwrap();
    tungstenite::client(format!("ws://{address}{path}"), stream).unwrap().0
}

fn hears(client: &mut Client, line: &str) {
    assert_eq!(client.read().unwrap(), Message::text(line));
}

pub(crate) fn run() -> tungstenite::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    go!(daemon => accept_loop(listener));

    let mut ann = join(address, "/tea/Ann");
    hears(&mut ann, "Ann is here");
    let mut bob = join(address, "/tea/Bob");
    let mut cleo = join(address, "/coffee/Cleo");
    for client in [&mut ann, &mut bob] {
        hears(client, "Bob is here");
    }
    hears(&mut cleo, "Cleo is here"); // and nothing of the other room
    for i in 0..50 {
        ann.send(Message::text(format!("cup {i}")))?;
        hears(&mut bob, &format!("Ann: cup {i}"));
    }
    // Ann has not read yet. Nobody waited for her, and nothing is lost.
    for i in 0..50 {
        hears(&mut ann, &format!("Ann: cup {i}"));
    }
    cleo.send(Message::text("anybody here?"))?;
    hears(&mut cleo, "Cleo: anybody here?");
    bob.close(None)?;
    hears(&mut ann, "Bob is gone");
    ann.send(Message::text("x".repeat(LINE_BYTES_MAX + 1)))?;
    let Message::Close(Some(told)) = ann.read()? else { panic!("Ann was not told") };
    assert_eq!(told.code, CloseCode::Size);

    let mut echo = join(address, "/echo");
    let long = Message::binary(vec![7; 1_000_000]);
    echo.send(long.clone())?;
    assert_eq!(echo.read()?, long);
    println!("three talked in two rooms");
    Ok(())
}
