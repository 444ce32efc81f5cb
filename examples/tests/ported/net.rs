//! Programs that talk to others.

use crate::process::{LIMIT, Process};
use crate::{FOUR_WORKERS, Folder, ONE_WORKER, Place, STD, same};
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::LazyLock;
use std::thread;
use std::time::Instant;

/// A port that is free.
const HERE: &str = "127.0.0.1:0";

/// Somebody in the room of `chat`.
struct Guest(BufReader<TcpStream>);

impl Guest {
    fn connect(address: &str) -> Self {
        Self::on(TcpStream::connect(address).expect("the room is open"))
    }

    /// Waits until the server has said that it is there. It may turn clients away.
    fn try_on(stream: TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut guest = Self(BufReader::new(stream));
        (guest.hears() == "your name?").then_some(guest)
    }

    fn on(stream: TcpStream) -> Self {
        Self::try_on(stream).expect("the server asks for a name")
    }

    fn enter(address: &str, name: &str) -> Self {
        let mut guest = Self::connect(address);
        guest.enters(name);
        guest
    }

    fn enters(&mut self, name: &str) {
        self.says(name);
        assert_eq!(self.hears(), format!("* {name} is here"));
    }

    fn says(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the server reads");
    }

    /// The next line, or nothing at the end. A reset is an end, too.
    fn hears(&mut self) -> String {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Err(e) if e.kind() != ErrorKind::ConnectionReset => panic!("after '{line}': {e}"),
            _ => line.trim_end().to_owned(),
        }
    }

    /// All lines up to this one.
    fn hears_until(&mut self, last: &str) -> Vec<String> {
        let mut lines = vec![self.hears()];
        while lines.last().unwrap() != last {
            assert_ne!(lines.last().unwrap(), "", "{lines:?}");
            lines.push(self.hears());
        }
        lines
    }

    fn hears_all(mut self) -> Vec<String> {
        std::iter::repeat_with(|| self.hears()).take_while(|line| !line.is_empty()).collect()
    }
}

#[test]
fn chat_is_heard_by_all() {
    let (ended, heard) = same(|place| {
        let (mut chat, address) = Process::serve(&mut place.command("chat", &[HERE]));
        let mut guests = Vec::new();
        for i in 0..40 {
            guests.push(Guest::enter(&address, &format!("guest{i}")));
            let here = format!("* guest{i} is here");
            guests[..i].iter_mut().for_each(|guest| assert_eq!(guest.hears(), here));
        }
        if place.world != STD {
            assert!(chat.threads() < 20, "80 tasks need no {} threads", chat.threads());
        }
        for i in 0..40 {
            guests[i].says(&format!("I am {i}"));
            let said = format!("guest{i}: I am {i}");
            guests.iter_mut().for_each(|guest| assert_eq!(guest.hears(), said));
        }
        // All at a time: in the same order for everybody.
        guests.iter_mut().for_each(|guest| guest.says("now"));
        let order: Vec<_> = (0..40).map(|_| guests[0].hears()).collect();
        for guest in &mut guests[1..] {
            assert_eq!(order, (0..40).map(|_| guest.hears()).collect::<Vec<_>>());
        }

        guests[3].says("/who");
        let who = guests[3].hears();
        guests.remove(5).says("/quit");
        let gone: Vec<_> = guests.iter_mut().map(Guest::hears).collect();
        drop(guests.remove(7));
        let left: Vec<_> = guests.iter_mut().map(Guest::hears).collect();
        chat.say("dinner is ready");
        chat.close();
        let last: Vec<_> = guests.into_iter().map(Guest::hears_all).collect();
        (chat.end(), (who, gone, left, last))
    });
    assert_eq!((ended.code, ended.stdout(), ended.stderr()), (Some(0), "40 visitors\n", ""));
    let (who, gone, left, last) = heard;
    assert_eq!(who.split(' ').count(), 42, "{who}");
    assert_eq!((gone.len(), gone[0].as_str()), (39, "* guest5 is gone"));
    assert_eq!((left.len(), left[0].as_str()), (38, "* guest8 is gone"));
    assert_eq!(last, vec![["* dinner is ready", "* the room closes"]; 38]);
}

#[test]
fn chat_lets_in_nobody_who_breaks_its_rules() {
    let ended = same(|place| {
        let (mut chat, address) = Process::serve(&mut place.command("chat", &[HERE]));
        let mut ann = Guest::enter(&address, "ann");
        for (name, refusal) in [
            ("ann", "that name is taken"),
            ("", "a name is one word"),
            ("a b", "a name is one word"),
        ] {
            let mut guest = Guest::connect(&address);
            guest.says(name);
            assert_eq!(guest.hears_all(), [refusal]);
        }
        drop(Guest::connect(&address)); // without a word
        let mut long = Guest::enter(&address, "long");
        long.says(&"x".repeat(5000));
        assert_eq!(long.hears_all(), [""; 0]);
        let mut wrong = Guest::enter(&address, "wrong");
        wrong.0.get_mut().write_all(b"\xff\xff\n").unwrap();
        assert_eq!(wrong.hears_all(), [""; 0]);
        let silent = Guest::connect(&address);

        ann.says("still here");
        let heard = ann.hears_until("ann: still here");
        chat.close();
        assert_eq!(ann.hears_all(), ["* the room closes"]);
        assert_eq!(silent.hears_all(), [""; 0]);
        (heard, chat.end().sorted())
    });
    let (heard, ended) = ended;
    assert_eq!(heard.len(), 5, "{heard:?}");
    assert_eq!(ended.stdout(), "3 visitors\n");
    assert!(ended.stderr().starts_with("chat: a line is too long\nchat: "), "{ended:?}");
}

#[test]
fn chat_closes_what_it_has_opened() {
    same(|place| {
        let (chat, address) = Process::serve(&mut place.command("chat", &[HERE]));
        let mut ann = Guest::enter(&address, "ann");
        let before = chat.descriptors();
        for round in 0..3 {
            for i in 0..30 {
                let name = format!("guest{round}.{i}");
                let mut guest = Guest::enter(&address, &name);
                if i % 2 == 0 {
                    guest.says("/quit");
                    assert_eq!(guest.hears(), "");
                }
                drop(guest);
                ann.hears_until(&format!("* {name} is gone"));
            }
        }
        // The workers of the server may have opened something of their own since.
        let begun = Instant::now();
        while chat.descriptors() > before + 8 {
            assert!(begun.elapsed() < LIMIT, "{} are open", chat.descriptors());
            thread::yield_now();
        }
        drop(ann);
        chat.end()
    });
}

#[test]
fn chat_puts_out_who_does_not_listen() {
    same(|place| {
        let (chat, address) = Process::serve(&mut place.command("chat", &[HERE]));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
        let mut deaf = Guest::on(TcpStream::from(socket));
        deaf.enters("deaf"); // and hears no more
        let mut ann = Guest::enter(&address, "ann");
        let line = "x".repeat(1000);
        loop {
            ann.says(&line);
            if ann.hears_until(&format!("ann: {line}")).iter().any(|l| l == "* deaf is gone") {
                break;
            }
        }
        drop(ann);
        chat.end()
    });
}

#[test]
fn chat_outlives_a_lack_of_descriptors() {
    same(|place| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "ulimit -n 40; exec \"$0\" chat 127.0.0.1:0", place.world.binary]);
        let (mut chat, address) = Process::serve(place.place(&mut command));
        // Each takes two descriptors of the server, so not all are let in at once.
        let connect = || TcpStream::connect(&address).unwrap();
        let waiting: Vec<_> = std::iter::repeat_with(connect).take(60).collect();
        let complaint = chat.complaint();
        assert!(complaint.contains("Too many open files"), "{complaint}");
        for stream in waiting {
            drop(Guest::try_on(stream)); // served, or turned away
        }
        // The server learns only by and by that they are gone.
        let enters = |mut guest: Guest| {
            guest.says("last");
            guest.hears() == "* last is here"
        };
        while !Guest::try_on(connect()).is_some_and(enters) {}
        let ended = chat.end();
        (ended.code, ended.stdout)
    });
}

struct Client(UdpSocket);

impl Client {
    fn new(server: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(socket)
    }

    fn ask(&self, question: &[u8]) -> String {
        let mut answer = vec![0; 70_000];
        self.0.send(question).unwrap();
        let count = self.0.recv(&mut answer).expect("an answer");
        String::from_utf8(answer[..count].to_vec()).unwrap()
    }
}

#[test]
fn respond_answers_many_at_a_time() {
    let ended = same(|place| {
        let (respond, address) = Process::serve(&mut place.command("respond", &[HERE]));
        thread::scope(|s| {
            for i in 0..20 {
                let client = Client::new(&address);
                s.spawn(move || {
                    for j in 0..20 {
                        let answer = client.ask(format!("sum {i} {j} -1").as_bytes());
                        assert_eq!(answer, (i + j - 1).to_string());
                    }
                    assert_eq!(client.ask(b"seen"), "20");
                });
            }
        });
        respond.end()
    });
    assert_eq!((ended.code, ended.stdout()), (Some(0), "420 questions were answered\n"));
}

#[test]
fn respond_answers_what_is_odd() {
    let long = format!("upper {}", "long ".repeat(12_000));
    let questions: [&[u8]; 8] = [
        b"echo",
        b"",
        b"echo a  b ",
        b"upper stra\xc3\x9fe \xff",
        b"sum 1 x",
        b"sum",
        b"how are you?",
        long.as_bytes(),
    ];
    let (answers, ended) = same(|place| {
        let (respond, address) = Process::serve(&mut place.command("respond", &[HERE]));
        let client = Client::new(&address);
        let answers = questions.map(|question| client.ask(question));
        assert_eq!(client.ask(b"seen"), "8");
        (answers, respond.end())
    });
    assert_eq!(answers[..4], ["", "?", "a  b ", "STRASSE \u{fffd}"]);
    assert_eq!((answers[6].as_str(), answers[7].len()), ("how?", 60_000));
    assert_eq!((ended.code, ended.stderr()), (Some(0), ""));
}

#[test]
fn respond_asks() {
    let asked = same(|place| {
        let (respond, address) = Process::serve(&mut place.command("respond", &[HERE]));
        let answered = place.run("respond", &["--ask", &address, "upper hello"], "");
        drop(respond);
        let refused = place.run("respond", &["--ask", &address, "upper hello"], "");

        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let mut unanswered = place.run("respond", &["--ask", &address, "x"], "");
        let said = unanswered.stderr().replace(&address, "ADDRESS");
        unanswered.stderr = said.into_bytes();
        silent.set_nonblocking(true).unwrap();
        let tries = std::iter::from_fn(|| silent.recv(&mut [0]).ok()).count();
        (answered, refused, unanswered, tries)
    });
    let (answered, refused, unanswered, tries) = asked;
    assert_eq!((answered.code, answered.stdout()), (Some(0), "HELLO\n"));
    assert!(
        refused.code == Some(1) && refused.stderr().contains("ConnectionRefused"),
        "{refused:?}"
    );
    assert_eq!(unanswered.stderr(), "Error: \"no answer from ADDRESS\"\n");
    assert_eq!((unanswered.code, tries), (Some(1), 5));
}

#[test]
fn respond_on_std_and_on_gocoro_understand_each_other() {
    for (one, other) in [(STD, FOUR_WORKERS), (ONE_WORKER, STD), (FOUR_WORKERS, ONE_WORKER)] {
        let [server, client] = [one, other].map(|world| Place { world, folder: Folder::new() });
        let (respond, address) = Process::serve(&mut server.command("respond", &[HERE]));
        let asked = client.run("respond", &["--ask", &address, "sum 1 2 3"], "");
        assert_eq!((asked.code, asked.stdout()), (Some(0), "6\n"));
        assert_eq!(respond.end().stdout(), "1 questions were answered\n");
    }
}

#[test]
fn respond_panics_if_it_cannot_say_where_it_is() {
    let ended = same(|place| {
        let nobody = std::io::pipe().unwrap().1;
        let ended = Process::start(place.command("respond", &[HERE]).stdout(nobody)).end();
        assert!(ended.stderr().contains("failed printing to stdout: Broken pipe"), "{ended:?}");
        ended.code // what else is said names a thread or a task
    });
    assert_eq!(ended, Some(101));
}

#[test]
fn respond_tells_what_it_cannot_bind() {
    let ended = same(|place| place.run("respond", &["192.0.2.1:0"], ""));
    assert!(ended.code == Some(1) && ended.stderr().contains("AddrNotAvailable"), "{ended:?}");
    let ended = same(|place| place.run("respond", &["--what"], ""));
    assert_eq!(ended.code, Some(1));
}

/// A web server that has a document, and answers in many ways. It serves until the test ends.
fn web() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // An error says that the client has had enough.
            thread::spawn(move || drop(answer(stream.unwrap(), address)));
        }
    });
    address
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| (0..50_000).map(|i| format!("line {i}\n")).collect());

fn answer(mut stream: TcpStream, own: SocketAddr) -> std::io::Result<()> {
    let mut request = BufReader::new(stream.try_clone()?).lines();
    let first = request.next().unwrap()?;
    let headers: Vec<_> = request.map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    assert!(headers.contains(&format!("Host: {own}")) || headers[0].starts_with("Host: localhost"));
    let path = first.split(' ').nth(1).unwrap();
    let length = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let ok = |rest: String| format!("HTTP/1.1 200 OK\r\nServer: test\r\n{rest}");
    let to = |target: &str| format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\n{}", length(""));
    let response = match path {
        "/" => ok(length("root\n")),
        "/document" => ok(length(&DOCUMENT)),
        "/until-end" => format!("HTTP/1.0 200 OK\r\n\r\n{}", *DOCUMENT),
        "/chunks" => {
            let mut response = ok("transfer-encoding: chunked\r\n\r\n".into());
            for chunk in DOCUMENT.as_bytes().chunks(7777) {
                let text = str::from_utf8(chunk).unwrap();
                response += &format!("{:x};x=y\r\n{text}\r\n", chunk.len());
            }
            response + "0\r\nTrailer: t\r\n\r\n"
        }
        "/moved" => to("/document"),
        "/moved-far" => to(&format!("http://{own}/moved")),
        "/round" => to("/round"),
        "/cut" => ok("Content-Length: 100\r\n\r\nnot all".into()),
        "/cut-chunk" => ok("transfer-encoding: chunked\r\n\r\n100\r\nnot all".into()),
        "/cut-head" => "HTTP/1.1 200 OK\r\nServ".into(),
        "/nonsense" => "220 mail is here\r\n".into(),
        "/long-header" => ok(format!("X: {}\r\n{}", "x".repeat(20_000), length(""))),
        "/many-headers" => ok(format!("{}{}", "X: x\r\n".repeat(200), length(""))),
        "/silent" => {
            return stream.read_to_end(&mut Vec::new()).map(drop); // until the client gives up
        }
        _ => format!("HTTP/1.1 404 Not Found\r\n{}", length("nothing")),
    };
    stream.write_all(response.as_bytes())
}

#[test]
fn fetch_gets_documents() {
    let own = web();
    for path in ["document", "until-end", "chunks", "moved", "moved-far"] {
        let url = format!("http://{own}/{path}");
        let ended = same(|place| place.run("fetch", &[&url], ""));
        assert!(ended.code == Some(0) && ended.stdout() == *DOCUMENT, "{ended:?}");
    }
    let url = format!("http://localhost:{}", own.port());
    assert_eq!(same(|place| place.run("fetch", &[&url], "")).stdout(), "root\n");
}

#[test]
fn fetch_gets_many_documents_into_a_folder() {
    let own = web();
    let paths = ["/", "/chunks", "/document", "/missing", "/until-end"];
    let urls: Vec<_> = (0..40).map(|i| format!("http://{own}{}", paths[i % 5])).collect();
    let ended = same(|place| {
        let args: Vec<_> = ["-d", "got/it"].into_iter().chain(urls.iter().map(|u| &**u)).collect();
        let ended = place.run("fetch", &args, "");
        for (i, url) in urls.iter().enumerate() {
            let path = place.folder.0.join(format!("got/it/{}", i + 1));
            match i % 5 {
                0 => assert_eq!(std::fs::read(path).unwrap(), b"root\n"),
                3 => assert!(!path.exists()),
                _ => assert!(std::fs::read(path).unwrap() == DOCUMENT.as_bytes(), "{url}"),
            }
        }
        ended
    });
    assert_eq!((ended.code, ended.stdout()), (Some(1), ""));
    assert_eq!(ended.stderr().matches("/missing: 404 Not Found\n").count(), 8, "{ended:?}");
}

#[test]
fn fetch_tells_what_went_wrong() {
    let own = web();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut urls: Vec<_> =
        ["ftp://x/", "http:///x", "http://no host/", "x"].map(str::to_owned).into();
    urls.push(format!("http://{closed}/"));
    for path in
        ["round", "cut", "cut-chunk", "cut-head", "nonsense", "long-header", "many-headers", ""]
    {
        urls.push(format!("http://{own}/{path}"));
    }
    let args: Vec<_> = urls.iter().map(|url| &**url).collect();
    let ended = same(|place| place.run("fetch", &args, ""));
    assert_eq!((ended.code, ended.stdout()), (Some(1), "root\n"));
    let complaints: Vec<_> = ended.stderr().lines().collect();
    assert_eq!(complaints.len(), urls.len(), "{ended:?}");
    for (complaint, said) in complaints.iter().zip([
        "not an address of http",
        "no host",
        "failed to lookup",
        "not an address of http",
        "Connection refused",
        "redirected too often",
        "cut short",
        "cut short",
        "cut short",
        "does not speak HTTP/1",
        "cut short",
        "too many headers",
        "5 bytes",
    ]) {
        assert!(complaint.contains(said), "{complaint}");
    }
}

#[test]
fn fetch_waits_no_longer_than_it_is_told() {
    let url = format!("http://{}/silent", web());
    let args = ["-t", "0.2", &url, &url];
    same(|place| {
        let ended = place.run("fetch", &args, "");
        // The one deviation: a time that is over is `TimedOut` here, and `WouldBlock` there.
        let over =
            if place.world == STD { "Resource temporarily unavailable" } else { "timed out" };
        assert_eq!(ended.stderr().matches(over).count(), 2, "{ended:?}");
        (ended.code, ended.stdout().to_owned())
    });
}
