// chat: a room in which everybody hears everybody.
//
//     chat [ADDRESS]
//
// The first line that a client sends is its name, and each later one is said to all. `/who` asks
// who is here, and `/quit` leaves. Lines from standard input are announced, and its end closes the
// room. A thread reads from each client and another one writes to it, so a slow client holds nobody
// up.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const LINE_BYTES_MAX: u64 = 1024;
/// How many lines a client may be behind before it is put out.
const BEHIND_MAX: usize = 256;
/// How long clients get to take their last lines when the room closes.
const GRACE: Duration = Duration::from_secs(5);
/// How long the room waits after a client could not be let in.
const PAUSE: Duration = Duration::from_millis(50);

struct Member {
    outbox: SyncSender<Arc<str>>,
    stream: TcpStream,
}

#[derive(Default)]
struct Members {
    by_name: BTreeMap<String, Member>,
    closed: bool,
    /// How many have entered and still have a thread. One may have left `by_name` already.
    present: usize,
    visits: usize,
}

#[derive(Default)]
struct Room {
    members: Mutex<Members>,
    left: Condvar,
}

impl Room {
    fn say(&self, line: &str) {
        let line: Arc<str> = line.into();
        for member in self.members.lock().unwrap().by_name.values() {
            if let Err(TrySendError::Full(_)) = member.outbox.try_send(Arc::clone(&line)) {
                let _ = member.stream.shutdown(Shutdown::Both); // which ends both of its threads
            }
        }
    }

    fn enter(&self, name: &str, stream: TcpStream) -> Result<Receiver<Arc<str>>, &'static str> {
        let (outbox, inbox) = mpsc::sync_channel(BEHIND_MAX);
        let mut members = self.members.lock().unwrap();
        if members.closed {
            return Err("the room is closed");
        }
        if name.is_empty() || name.contains(' ') {
            return Err("a name is one word");
        }
        if members.by_name.contains_key(name) {
            return Err("that name is taken");
        }
        members.by_name.insert(name.to_owned(), Member { outbox, stream });
        members.present += 1;
        members.visits += 1;
        Ok(inbox)
    }

    /// Ends what is written to this member, and tells the others.
    fn leave(&self, name: &str) {
        self.members.lock().unwrap().by_name.remove(name);
        self.say(&format!("* {name} is gone"));
    }

    fn gone(&self) {
        self.members.lock().unwrap().present -= 1;
        self.left.notify_all();
    }

    fn who(&self, name: &str) {
        let members = self.members.lock().unwrap();
        let names = members.by_name.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        if let Some(member) = members.by_name.get(name) {
            let _ = member.outbox.try_send(format!("* here: {names}").into());
        }
    }

    /// Closes the room, and waits for those who were in it. Returns how many have ever been.
    fn close(&self) -> usize {
        self.say("* the room closes");
        let mut members = self.members.lock().unwrap();
        members.closed = true;
        members.by_name.clear(); // so their outboxes end
        let waited = self.left.wait_timeout_while(members, GRACE, |m| m.present > 0);
        waited.unwrap().0.visits
    }
}

/// The next line, without its end. Nothing is at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if input.take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    if !line.ends_with('\n') && line.len() as u64 == LINE_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "a line is too long"));
    }
    Ok(Some(line.trim_end().to_owned()))
}

/// Writes what is said in the room, then tells the client that this was all.
fn write_all(inbox: Receiver<Arc<str>>, mut stream: TcpStream) -> io::Result<()> {
    for line in inbox {
        stream.write_all(format!("{line}\n").as_bytes())?;
    }
    stream.shutdown(Shutdown::Both)
}

fn converse(room: &Room, input: &mut impl BufRead, name: &str) -> io::Result<()> {
    room.say(&format!("* {name} is here"));
    while let Some(line) = next_line(input)? {
        match line.as_str() {
            "" => {}
            "/quit" => break,
            "/who" => room.who(name),
            line => room.say(&format!("{name}: {line}")),
        }
    }
    Ok(())
}

fn visit(room: &Room, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?; // each line is to go at once
    let mut input = BufReader::new(stream.try_clone()?);
    stream.write_all(b"your name?\n")?;
    let Some(name) = next_line(&mut input)? else { return Ok(()) };
    let inbox = match room.enter(&name, stream.try_clone()?) {
        Ok(inbox) => inbox,
        Err(refusal) => return writeln!(stream, "{refusal}"),
    };
    let (conversed, written) = thread::scope(|s| {
        let writer = s.spawn(|| write_all(inbox, stream));
        let conversed = converse(room, &mut input, &name);
        room.leave(&name);
        (conversed, writer.join().expect("a writer does not panic"))
    });
    conversed.and(written).unwrap_or_else(|e| report(&e));
    room.gone();
    Ok(())
}

/// Tells of an error, unless it says that the client is gone.
fn report(e: &io::Error) {
    use ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    if !matches!(e.kind(), BrokenPipe | ConnectionReset | NotConnected) {
        eprintln!("chat: {e}");
    }
}

/// Lets clients in, for ever. One that cannot be let in costs the others a pause: an error may
/// last, as a lack of descriptors does.
fn accept(room: &Arc<Room>, listener: &TcpListener) {
    for stream in listener.incoming() {
        let room = Arc::clone(room);
        let thread = thread::Builder::new().name("client".into());
        let spawned = stream.and_then(|stream| {
            thread.spawn(move || visit(&room, stream).unwrap_or_else(|e| report(&e)))
        });
        if let Err(e) = spawned {
            eprintln!("chat: a client is kept waiting: {e}");
            thread::sleep(PAUSE);
        }
    }
}

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7878".into());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);

    let room = Arc::new(Room::default());
    let lobby = Arc::clone(&room);
    thread::spawn(move || accept(&lobby, &listener));
    for line in io::stdin().lines() {
        room.say(&format!("* {}", line?));
    }
    println!("{} visitors", room.close());
    Ok(())
}
