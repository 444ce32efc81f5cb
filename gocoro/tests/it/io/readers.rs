//! std's readers over fast and slow streams of every kind: lines, chunks, whatever comes, and all
//! of it.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::time::{Duration, Instant};

use gocoro::io::{BufferStream, Pollable};
use gocoro::net::unix::UnixStream;
use gocoro::net::{Shutdown, TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, sleep};

use crate::support::{Colour as Ran, WORKERS};
use crate::tcp::{Colour, kind, matrix, pair};

/// About as long as each text is, but for those that are short.
const BYTES: usize = 59_000;

const PIECE: usize = 500;

const PAUSE: Duration = Duration::from_millis(10);

/// A reader, and what writes to it.
type Ends = (Box<dyn Read + Send>, Box<dyn Write + Send>);

fn ends<R, W>(made: io::Result<(R, W)>) -> io::Result<Ends>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
{
    let (reader, writer) = made?;
    Ok((Box::new(reader), Box::new(writer)))
}

type Make = fn() -> io::Result<Ends>;

const KINDS: [(&str, Make); 6] = [
    ("TCP", || ends(pair())),
    ("Unix", || ends(UnixStream::pair())),
    ("pipe", || ends(gocoro::io::pipe())),
    ("pollable pipe", || {
        let (reader, writer) = std::io::pipe()?;
        ends(Ok((Pollable::new(reader)?, Pollable::new(writer)?)))
    }),
    ("bounded stream", || ends(Ok(BufferStream::bounded(300)))),
    ("unbounded stream", || ends(Ok(BufferStream::unbounded()))),
];

/// The texts that are read: many short lines, few long ones, none, and empty ones.
fn texts() -> [String; 4] {
    let many = (0..).map(|n| format!("line {n}\n")).scan(0, |length, line| {
        *length += line.len();
        (*length <= BYTES).then_some(line)
    });
    let long = (0..6).map(|n| format!("{n}").repeat(BYTES / 6) + "\n").collect::<String>();
    // The last line has no end of its own.
    [many.collect::<String>() + "last", long, String::new(), "\n".repeat(64)]
}

/// How a text is read.
#[derive(Clone, Copy, Debug)]
enum Way {
    Lines,
    Chunks(usize),
    Stream(usize),
    All,
}

fn read(stream: impl Read, way: Way) -> io::Result<Vec<u8>> {
    let mut stream = BufReader::new(stream);
    let mut all = Vec::new();
    match way {
        Way::Lines => loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(all);
            }
            assert!(all.is_empty() || all.ends_with(b"\n"), "only the last line may have no end");
            assert!(!line.trim_end_matches('\n').contains('\n') && line.matches('\n').count() < 2);
            all.extend(line.into_bytes());
        },
        Way::Chunks(size) => loop {
            let count = stream.by_ref().take(size as u64).read_to_end(&mut all)?;
            if count < size {
                return Ok(all);
            }
        },
        Way::Stream(size) => loop {
            let mut buf = vec![0; size];
            match stream.get_mut().read(&mut buf)? {
                0 => return Ok(all),
                count => all.extend(&buf[..count]),
            }
        },
        Way::All => stream.read_to_end(&mut all).map(|_| all),
    }
}

fn write(mut stream: impl Write, text: &str, slow: bool) -> io::Result<()> {
    if !slow {
        return stream.write_all(text.as_bytes());
    }
    for piece in text.as_bytes().chunks(PIECE) {
        stream.write_all(piece)?;
        sleep(PAUSE);
    }
    Ok(())
}

/// Reads each text in each way over each kind of stream, all at once.
fn read_all() {
    let mut tasks: Vec<JoinHandle<io::Result<()>>> = Vec::new();
    let ways = [Way::Lines, Way::Chunks(100), Way::Stream(1024), Way::All];
    for (text, way) in texts().into_iter().flat_map(|text| ways.map(|way| (text.clone(), way))) {
        for ((name, make), slow) in KINDS.into_iter().flat_map(|k| [(k, false), (k, true)]) {
            let (text, sent) = (text.clone(), text.clone());
            tasks.push(task::spawn(move || {
                let (reader, writer) = make()?;
                let writer = task::spawn(move || write(writer, &sent, slow));
                assert!(read(reader, way)? == text.as_bytes(), "{way:?} of {name}, slow: {slow}");
                writer.wait()
            }));
        }
    }
    assert_eq!(tasks.len(), 4 * 4 * 2 * KINDS.len());
    for task in tasks {
        task.wait().unwrap();
    }
}

#[test]
fn texts_of_every_shape_are_read_in_every_way() {
    for workers in WORKERS {
        Ran::Task.run(workers, read_all);
    }
}

#[test]
fn a_greeting_buffered_and_not() {
    matrix(|peer| {
        for buffered in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let address = listener.local_addr()?;
            let server = peer.spawn(move || -> io::Result<()> {
                let (stream, _) = listener.accept()?;
                let mut reader: Box<dyn Read> = Box::new(&stream);
                if buffered {
                    reader = Box::new(BufReader::new(reader));
                }
                let mut buf = [0; 10];
                assert_eq!(reader.read(&mut buf)?, 6);
                assert_eq!(&buf[..6], b"Hello\n");
                (&stream).write_all(b"How are you ?\n")?;
                let mut fine = [0; 5];
                reader.read_exact(&mut fine)?;
                assert_eq!(&fine, b"Fine\n");
                assert_eq!(reader.read(&mut buf)?, 0, "the end of the file");
                Ok(())
            });
            let stream = TcpStream::connect(address)?;
            let mut writer: Box<dyn Write> = Box::new(&stream);
            if buffered {
                writer = Box::new(BufWriter::new(writer));
            }
            writer.write_all(b"Hello\n")?;
            writer.flush()?;
            let line = BufReader::new(&stream).lines().next().expect("a line")?;
            assert_eq!(line, "How are you ?");
            writer.write_all(b"Fine\n")?;
            drop(writer);
            drop(stream);
            server.wait()?;
        }
        Ok(())
    });
}

/// Ten short messages with pauses between them, read as they come, up to the end of the file.
fn messages(
    mut reader: impl Read,
    mut writer: impl Write + Send + 'static,
    peer: Colour,
) -> io::Result<()> {
    // There is nothing yet, and a read that may wait 10 ms gets nothing.
    let soon = Instant::now() + PAUSE;
    let nothing = io_deadline(soon, || reader.read(&mut [0; 8]));
    assert_eq!(kind(nothing), io::ErrorKind::TimedOut);
    assert!(Instant::now() >= soon);
    let producer = peer.spawn(move || -> io::Result<()> {
        for n in 0..10 {
            writer.write_all(format!("data{n}").as_bytes())?;
            sleep(PAUSE);
        }
        Ok(())
    });
    let mut all = String::new();
    let mut buf = [0; 64];
    loop {
        match reader.read(&mut buf)? {
            0 => break,
            count => all.push_str(std::str::from_utf8(&buf[..count]).expect("ASCII")),
        }
    }
    assert_eq!(all, (0..10).map(|n| format!("data{n}")).collect::<String>());
    assert_eq!(reader.read(&mut buf)?, 0, "it stays at the end");
    producer.wait()
}

#[test]
fn messages_are_read_as_they_come_buffered_and_not() {
    let colours = [Colour::Task, Colour::Thread];
    let mut all = Vec::new();
    for (own, peer) in colours.into_iter().flat_map(|own| colours.map(|peer| (own, peer))) {
        for (name, make) in KINDS {
            all.push(own.spawn(move || {
                println!("{name}, own side: {own:?}, peer: {peer:?}");
                let (reader, writer) = make()?;
                messages(reader, writer, peer)?;
                let (reader, writer) = make()?;
                messages(BufReader::new(reader), writer, peer)
            }));
        }
    }
    for one in all {
        one.wait().unwrap();
    }
}

#[test]
fn seven_bytes_there_and_back() {
    matrix(|peer| {
        let (mut client, mut server) = pair()?;
        let echo = peer.spawn(move || -> io::Result<()> {
            let mut buf = [0; 7];
            server.read_exact(&mut buf)?;
            server.write_all(&buf)?;
            assert_eq!(server.read(&mut buf)?, 0);
            Ok(())
        });
        client.write_all(b"payload")?;
        client.shutdown(Shutdown::Write)?;
        let mut back = String::new();
        client.read_to_string(&mut back)?;
        assert_eq!(back, "payload");
        echo.wait()
    });
}
