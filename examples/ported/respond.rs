// respond: answers questions that come as datagrams.
//
//     respond [ADDRESS]            answers until standard input ends
//     respond --ask ADDRESS TEXT   asks, up to five times, and prints the answer
//
// Questions are `echo TEXT`, `upper TEXT`, `sum NUMBER...` and `seen`, which asks how many
// questions the one who asks had asked before. Several threads answer from one socket.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

const RESPONDERS: usize = 4;
/// How long a responder waits before it looks whether the program ends.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the one who asks waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_millis(300);
const TRIES: usize = 5;
const DATAGRAM_BYTES_MAX: usize = 65_535;

#[derive(Default)]
struct Desk {
    seen: RwLock<HashMap<SocketAddr, AtomicU64>>,
    answered: AtomicU64,
    closing: AtomicBool,
}

impl Desk {
    fn answer(&self, question: &str, client: SocketAddr) -> String {
        let (verb, rest) = question.split_once(' ').unwrap_or((question, ""));
        match verb {
            "echo" => rest.to_owned(),
            "upper" => rest.to_uppercase(),
            "sum" => {
                let numbers: Result<Vec<i64>, _> = rest.split(' ').map(str::parse).collect();
                numbers.map_or_else(|e| e.to_string(), |n| n.iter().sum::<i64>().to_string())
            }
            "seen" => self.seen_of(client).to_string(),
            _ => format!("{verb}?"),
        }
    }

    fn seen_of(&self, client: SocketAddr) -> u64 {
        self.seen.read().unwrap().get(&client).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn note(&self, client: SocketAddr) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if let Some(count) = self.seen.read().unwrap().get(&client) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut seen = self.seen.write().unwrap();
        seen.entry(client).or_default().fetch_add(1, Ordering::Relaxed);
    }

    fn serve(&self, socket: &UdpSocket) -> io::Result<()> {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        while !self.closing.load(Ordering::Relaxed) {
            let (count, client) = match socket.recv_from(&mut datagram) {
                Ok(received) => received,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    continue;
                }
                Err(e) => return Err(e),
            };
            let answer = self.answer(&String::from_utf8_lossy(&datagram[..count]), client);
            self.note(client);
            if let Err(e) = socket.send_to(answer.as_bytes(), client) {
                eprintln!("respond: {client}: {e}");
            }
        }
        Ok(())
    }
}

fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(PAUSE))?;
    println!("answering on {}", socket.local_addr()?);

    let desk = Arc::new(Desk::default());
    let mut responders = Vec::new();
    for number in 1..=RESPONDERS {
        let (desk, socket) = (Arc::clone(&desk), socket.try_clone()?);
        let thread = thread::Builder::new().name(format!("responder {number}"));
        responders.push(thread.spawn(move || desk.serve(&socket))?);
    }

    io::copy(&mut io::stdin(), &mut io::sink())?;
    desk.closing.store(true, Ordering::Relaxed);
    for responder in responders {
        responder.join().map_err(|_| "a responder panicked")??;
    }
    println!("{} questions were answered", desk.answered.load(Ordering::Relaxed));
    Ok(())
}

fn ask(address: &str, question: &str) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answer = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..TRIES {
        socket.send(question.as_bytes())?;
        match socket.recv(&mut answer) {
            Ok(count) => {
                println!("{}", String::from_utf8_lossy(&answer[..count]));
                return Ok(());
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(format!("no answer from {address}").into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serve("127.0.0.1:7000"),
        ["--ask", address, question] => ask(address, question),
        [address] if !address.starts_with('-') => serve(address),
        _ => Err("usage: respond [ADDRESS] | --ask ADDRESS TEXT".into()),
    }
}
