//! A process without descriptors: each constructor fails as std's does, has no effect, leaves
//! nothing open, and works again when there are some.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::os::unix::net as unix;
use std::time::Duration;

use gocoro::io::{PipeReader, PipeWriter, Pollable, pipe};
use gocoro::net::unix::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use gocoro::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use crate::support::{bounded, passes_alone, scenario};
use crate::tcp::{both, raw};
use crate::unix::TempPath;

const EXHAUSTED: &str = "sockets::exhausted";

/// The limit of open descriptors in the child: far more than the runtime has open.
const LIMIT: u64 = 256;

const MINUTE: Duration = Duration::from_secs(60);

/// What the constructors are called on.
struct World {
    tcp: TcpListener,
    stream: TcpStream,
    udp: UdpSocket,
    listener: UnixListener,
    unix: UnixStream,
    datagram: UnixDatagram,
    reader: PipeReader,
    writer: PipeWriter,
    path: TempPath,
    /// A path at which nothing is.
    free: TempPath,
    of_std: OfStd,
}

/// The same of std. Its listeners have a connection to accept, or they would wait.
struct OfStd {
    tcp: net::TcpListener,
    stream: net::TcpStream,
    listener: unix::UnixListener,
    /// Whatever keeps the connections.
    _kept: (net::TcpStream, unix::UnixStream),
}

impl World {
    fn new() -> io::Result<World> {
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        let path = TempPath::new();
        let listener = UnixListener::bind(&path)?;
        let of_tcp = net::TcpListener::bind("127.0.0.1:0")?;
        let of_unix = unix::UnixListener::bind_addr(&address())?;
        let of_std = OfStd {
            _kept: (
                net::TcpStream::connect(of_tcp.local_addr()?)?,
                unix::UnixStream::connect_addr(&of_unix.local_addr()?)?,
            ),
            stream: net::TcpStream::connect(of_tcp.local_addr()?)?,
            tcp: of_tcp,
            listener: of_unix,
        };
        let (reader, writer) = pipe()?;
        Ok(World {
            stream: TcpStream::connect(tcp.local_addr()?)?,
            unix: UnixStream::connect(&path)?,
            udp: UdpSocket::bind("127.0.0.1:0")?,
            datagram: UnixDatagram::unbound()?,
            free: TempPath::new(),
            reader,
            writer,
            tcp,
            listener,
            path,
            of_std,
        })
    }
}

type Made = io::Result<Box<dyn Any>>;

type Constructor = (&'static str, fn(&World) -> Made, fn(&World) -> Made);

macro_rules! constructor {
    ($name:literal, |$world:ident| $made:expr, $of_std:expr) => {
        (
            $name,
            |$world| Ok(Box::new($made?)),
            |$world| {
                let _ = $world;
                Ok(Box::new($of_std?))
            },
        )
    };
}

fn address() -> SocketAddr {
    SocketAddr::from_pathname("").unwrap()
}

const CONSTRUCTORS: &[Constructor] = &[
    constructor!(
        "TcpListener::bind",
        |_w| TcpListener::bind("127.0.0.1:0"),
        net::TcpListener::bind("127.0.0.1:0")
    ),
    constructor!(
        "ListenerBuilder::bind",
        |_w| TcpListener::builder().backlog(1).bind("127.0.0.1:0"),
        net::TcpListener::bind("127.0.0.1:0")
    ),
    constructor!("TcpListener::accept", |w| w.tcp.accept(), w.of_std.tcp.accept()),
    constructor!("TcpListener::try_accept", |w| w.tcp.try_accept(), w.of_std.tcp.accept()),
    constructor!(
        "TcpListener::incoming",
        |w| w.tcp.incoming().next().unwrap(),
        w.of_std.tcp.incoming().next().unwrap()
    ),
    constructor!("TcpListener::try_clone", |w| w.tcp.try_clone(), w.of_std.tcp.try_clone()),
    constructor!(
        "TcpStream::connect",
        |w| TcpStream::connect(w.of_std.tcp.local_addr()?),
        net::TcpStream::connect(w.of_std.tcp.local_addr()?)
    ),
    constructor!(
        "TcpStream::connect, several",
        |w| TcpStream::connect(&[w.of_std.tcp.local_addr()?; 2][..]),
        net::TcpStream::connect(&[w.of_std.tcp.local_addr()?; 2][..])
    ),
    constructor!(
        "TcpStream::connect_timeout",
        |w| TcpStream::connect_timeout(&w.of_std.tcp.local_addr()?, MINUTE),
        net::TcpStream::connect_timeout(&w.of_std.tcp.local_addr()?, MINUTE)
    ),
    constructor!(
        "TcpStream::connect_within",
        |w| TcpStream::connect_within(w.of_std.tcp.local_addr()?, MINUTE),
        net::TcpStream::connect(w.of_std.tcp.local_addr()?)
    ),
    constructor!("TcpStream::try_clone", |w| w.stream.try_clone(), w.of_std.stream.try_clone()),
    constructor!(
        "UdpSocket::bind",
        |_w| UdpSocket::bind("127.0.0.1:0"),
        net::UdpSocket::bind("127.0.0.1:0")
    ),
    constructor!("UdpSocket::try_clone", |w| w.udp.try_clone(), w.of_std.stream.try_clone()),
    constructor!(
        "UnixListener::bind",
        // A bind that fails must leave nothing at the path, or the next would say `AddrInUse`.
        |w| UnixListener::bind(&w.free).inspect(|_| fs::remove_file(&w.free).unwrap()),
        unix::UnixListener::bind_addr(&address())
    ),
    constructor!(
        "UnixListener::bind_addr",
        |_w| UnixListener::bind_addr(&address()),
        unix::UnixListener::bind_addr(&address())
    ),
    constructor!("UnixListener::accept", |w| w.listener.accept(), w.of_std.listener.accept()),
    constructor!(
        "UnixListener::try_clone",
        |w| w.listener.try_clone(),
        w.of_std.listener.try_clone()
    ),
    constructor!(
        "UnixStream::connect",
        |w| UnixStream::connect(&w.path),
        unix::UnixStream::connect(&w.path)
    ),
    constructor!("UnixStream::pair", |_w| UnixStream::pair(), unix::UnixStream::pair()),
    constructor!("UnixStream::try_clone", |w| w.unix.try_clone(), w.of_std.tcp.try_clone()),
    constructor!(
        "UnixDatagram::bind",
        // A bind that fails must leave nothing at the path, or the next would say `AddrInUse`.
        |w| UnixDatagram::bind(&w.free).inspect(|_| fs::remove_file(&w.free).unwrap()),
        unix::UnixDatagram::unbound()
    ),
    constructor!(
        "UnixDatagram::unbound",
        |_w| UnixDatagram::unbound(),
        unix::UnixDatagram::unbound()
    ),
    constructor!("UnixDatagram::pair", |_w| UnixDatagram::pair(), unix::UnixDatagram::pair()),
    constructor!("UnixDatagram::try_clone", |w| w.datagram.try_clone(), w.of_std.tcp.try_clone()),
    constructor!("io::pipe", |_w| pipe(), io::pipe()),
    constructor!("PipeReader::try_clone", |w| w.reader.try_clone(), w.of_std.tcp.try_clone()),
    constructor!("PipeWriter::try_clone", |w| w.writer.try_clone(), w.of_std.tcp.try_clone()),
    constructor!("Pollable::new", |_w| Pollable::new(io::stderr()), io::pipe()),
];

/// In a process of its own: the limit hits every test that runs beside it.
#[test]
fn each_constructor_says_that_there_are_no_descriptors() {
    passes_alone("sockets::exhausted::constructors_without_descriptors", EXHAUSTED);
}

#[test]
fn constructors_without_descriptors() {
    if scenario().as_deref() != Some(EXHAUSTED) {
        return;
    }
    raw::limit_descriptors(LIMIT).unwrap();
    // The runtime has its own descriptors by now.
    both(|| Ok(()));
    let before = open();
    bounded(|| both(constructors));
    assert_eq!(open(), before);
}

fn open() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn said(made: Made) -> (ErrorKind, Option<i32>, String) {
    let error = made.expect_err("an error");
    (error.kind(), error.raw_os_error(), error.to_string())
}

fn constructors() -> io::Result<()> {
    let world = World::new()?;
    // What waits to be accepted, with something in it that must not be lost.
    (&world.stream).write_all(b"x")?;
    (&world.unix).write_all(b"x")?;
    let before = open();
    let mut filler: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    for round in 0..3 {
        for (name, make, of_std) in CONSTRUCTORS {
            println!("{name}");
            let said = said(make(&world));
            assert_eq!(said, self::said(of_std(&world)));
            assert_eq!(said.1, Some(libc::EMFILE), "{said:?}");
        }
        // The resolver reads files. What it says without them is its own matter.
        let name = ("localhost", 80);
        let of_std = std::net::ToSocketAddrs::to_socket_addrs(&name);
        assert_eq!(said(boxed(name.to_socket_addrs())), said(boxed(of_std)), "{round}");
    }
    // With room for one, a pair has not room enough, and takes nothing.
    filler.pop();
    for _ in 0..3 {
        assert_eq!(said(boxed(UnixStream::pair())).1, Some(libc::EMFILE));
        assert_eq!(said(boxed(UnixDatagram::pair())).1, Some(libc::EMFILE));
        assert_eq!(said(boxed(pipe())).1, Some(libc::EMFILE));
    }
    drop(UdpSocket::bind("127.0.0.1:0")?);
    drop(filler);
    assert_eq!(open(), before);
    let ((mut tcp, _), (mut unix, _)) = (world.tcp.accept()?, world.listener.accept()?);
    tcp.read_exact(&mut [0])?;
    unix.read_exact(&mut [0])?;
    for (name, make, _) in CONSTRUCTORS.iter().filter(|(name, ..)| !is_accept(name)) {
        println!("{name}");
        drop(make(&world)?);
    }
    drop((tcp, unix));
    assert_eq!(open(), before);
    Ok(())
}

/// Nobody connects any more to the listeners by then.
fn is_accept(name: &str) -> bool {
    name.contains("accept") || name.contains("incoming")
}

fn boxed<T: 'static>(made: io::Result<T>) -> Made {
    Ok(Box::new(made?))
}
