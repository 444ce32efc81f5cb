//! Lesson: a tokenizer and a parser that pull from each other, and are fed in pieces.
//!
//! What comes from a socket comes in pieces that end anywhere: in the middle of a number, an
//! escape, a character. A tokenizer that is handed a piece has to remember where it stood, and one
//! that is written for that is a state machine. So is the parser behind it. Here both are written
//! as if all of the text were there. Each is a coroutine:
//!
//! 1. The tokenizer reads bytes. Where a piece is used up it suspends, wherever it stands in its
//!    functions, and says that it is hungry. Where a token is whole it suspends, and hands it out.
//! 2. The parser resumes the tokenizer for each token, in the middle of its recursion. Where the
//!    tokenizer is hungry the parser suspends, too, and hands the next piece on. Where a value is
//!    whole it suspends, and hands it out.
//! 3. `Reader::feed` takes a piece from whoever has one, at any time, and resumes the parser for as
//!    long as it is not hungry.
//!
//! The language is JSON, one value after another. Errors say at which line and column they are.
//! Nothing here waits but the server's sockets: the coroutines would run without gocoro's tasks,
//! and one `Reader` for each connection is all of a connection's state.
//!
//! Run it: `cargo run -p gocoro-examples --bin parser [FILE]` prints the values of a file, or of
//! standard input, a line each. With `--self-test` it is a server and its clients, and ends.

mod tokens;
mod values;

use gocoro::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use gocoro::{fs, go, go_main, io};
use std::env;
use std::io::{Read, Write};
use std::process::ExitCode;
use tokens::Error;
use values::{Reader, Value};

/// How much is read at once.
const PIECE_BYTES: usize = 4096;
/// How much of a value a client may send without coming to its end.
const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// How much a client may send that is dropped, after an error.
const REST_BYTES_MAX: u64 = 64 * 1024;

/// Reads values to the end, and has `each` called with each of them.
fn read_all(mut from: impl Read, mut each: impl FnMut(Value)) -> io::Result<()> {
    let mut reader = Reader::new();
    let mut buf = [0; PIECE_BYTES];
    let mut since = 0;
    loop {
        let count = from.read(&mut buf)?;
        if count == 0 {
            return reader.finish(each).map_err(io::Error::other);
        }
        since += count;
        reader
            .feed(&buf[..count], |value| (since, ()) = (0, each(value)))
            .map_err(io::Error::other)?;
        if since > VALUE_BYTES_MAX {
            return Err(io::Error::other("a value is longer than a mebibyte"));
        }
    }
}

/// Answers each value with its shortest form, and an error with what it says.
fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut answered = Ok(());
    let read = read_all(stream, |value| {
        if answered.is_ok() {
            answered = (&*stream).write_all(format!("{value}\n").as_bytes());
        }
    });
    answered?;
    let Err(e) = read else { return Ok(()) };
    (&*stream).write_all(format!("error: {e}\n").as_bytes())?;
    // If a socket is closed with something unread in it, the client may lose the answer.
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream.take(REST_BYTES_MAX), &mut io::sink()).map(drop)
}

/// What becomes of a text that comes in pieces of this length.
fn parse(text: &[u8], piece: usize) -> (String, Option<Error>) {
    let mut said = String::new();
    let mut reader = Reader::new();
    let mut each = |value: Value| said += &format!("{value} ");
    let fed = text.chunks(piece).try_for_each(|piece| reader.feed(piece, &mut each));
    let end = fed.and_then(|()| reader.finish(&mut each));
    (said.trim_end().to_owned(), end.err())
}

const GOOD: &[(&str, &str)] = &[
    ("", ""),
    (" \n 7", "7"),
    ("1 -2.5e-1\t0.5e+1 [] {}", "1 -0.25 5 [] {}"),
    (r#"{"a" : [ 1, {"b":null} ], "c":true}"#, r#"{"a":[1,{"b":null}],"c":true}"#),
    (r#""\"\\\/\n\u0041\u00e9\ud83d\ude00" "é😀""#, r#""\"\\/\nAé😀" "é😀""#),
    ("[true,false , null]\n[[[[]]]]", "[true,false,null] [[[[]]]]"),
];

const BAD: &[(&str, &str, &str)] = &[
    ("[1, 2}", "", "line 1, column 6: expected `,` or `]`, found `}`"),
    ("1\n{\"é\" 2}", "1", "line 2, column 6: expected `:`, found the number 2"),
    ("{\"a\": 1,\n }", "", "line 2, column 2: expected a string, found `}`"),
    ("{7: 1}", "", "line 1, column 2: expected a string or `}`, found the number 7"),
    ("[\n  1,\n", "", "line 3, column 1: expected a value, but the text ends here"),
    ("\"ab", "", "line 1, column 1: this string has no end"),
    ("[] \"a\nb\"", "[]", "line 1, column 6: the byte 0x0a in a string has to be an escape"),
    (r#""ab\x""#, "", "line 1, column 4: an escape that does not exist"),
    (r#""\ud83d.""#, "", "line 1, column 2: half of a surrogate pair"),
    ("01", "", "line 1, column 1: `01` is not a number"),
    ("[1.]", "", "line 1, column 2: `1.` is not a number"),
    ("1e999", "", "line 1, column 1: `1e999` is too large"),
    ("[nul]", "", "line 1, column 2: `nul` is neither `true`, `false` nor `null`"),
    ("1 , 2", "1", "line 1, column 3: expected a value, found `,`"),
    ("  =", "", "line 1, column 3: no value begins with `=`"),
];

fn in_pieces() {
    for piece in 1..=40 {
        for (text, values) in GOOD {
            assert_eq!(parse(text.as_bytes(), piece), (values.to_string(), None), "{text}");
        }
        for (text, values, error) in BAD {
            let (said, failed) = parse(text.as_bytes(), piece);
            assert_eq!(said, *values, "{text}");
            assert_eq!(failed.map(|e| e.to_string()).as_deref(), Some(*error), "{text}");
        }
        let (_, not_utf8) = parse(b"\"a\xffb\"", piece);
        assert_eq!(not_utf8.unwrap().to_string(), "line 1, column 1: this string is not UTF-8");
        let (_, too_deep) = parse(&[b'['; 10_000], piece);
        assert_eq!(too_deep.unwrap().to_string(), "line 1, column 129: more than 128 levels");
    }
    // One that has failed stays so. One that is dropped in the middle is unwound.
    let mut reader = Reader::new();
    let failed = reader.feed(b"[1 2 ", |_| ()).unwrap_err();
    assert_eq!(reader.feed(b"3", |_| ()).unwrap_err(), failed);
    let mut reader = Reader::new();
    reader.feed(b"[[[\"a\\u00", |_| ()).unwrap();
    drop(reader);
    println!("{} texts were read in pieces of 1 to 40 bytes", GOOD.len() + BAD.len());
}

/// Sends each of `texts` byte by byte. Returns what the server answers.
fn client(address: SocketAddr, text: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    for byte in text.bytes() {
        stream.write_all(&[byte])?;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn over_sockets() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    go!(daemon => for stream in listener.into_incoming() {
        go!(daemon => {
            if let Err(e) = stream.and_then(|stream| serve(&stream)) {
                eprintln!("server: {e}"); // this client is gone
            }
        });
    });
    let good = GOOD.iter().map(|(text, values)| (*text, values.to_string(), String::new()));
    let bad =
        BAD.iter().map(|(text, values, e)| (*text, values.to_string(), format!("error: {e}\n")));
    let clients: Vec<_> = good
        .chain(bad)
        .map(|(text, values, error)| (go!(client(address, text)), values, error))
        .collect();
    let count = clients.len();
    for (client, values, error) in clients {
        let answer = client.wait()?.replace('\n', " ");
        assert_eq!(answer.trim_end(), format!("{values} {error}").trim(), "of a client");
    }
    println!("{count} clients sent theirs byte by byte, all at once");
    Ok(())
}

#[go_main]
fn main() -> ExitCode {
    let print = |value| println!("{value}");
    let done = match env::args().nth(1).as_deref() {
        Some("--self-test") => {
            in_pieces();
            over_sockets()
        }
        Some(path) => fs::File::open(path).and_then(|file| read_all(file, print)),
        None => read_all(io::stdin(), print),
    };
    if let Err(e) = &done {
        eprintln!("{e}");
    }
    ExitCode::from(u8::from(done.is_err()))
}
