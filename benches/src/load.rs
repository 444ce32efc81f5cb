//! The load generator: one thread with non-blocking connections, in a closed loop. A connection
//! sends a request, waits for the whole answer, and sends the next request. All servers face this
//! generator, so it may as well be simple. But it has to be as cheap as a server can be, since it
//! too has one core.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// What the connections of a load do.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) port: u16,
    pub(crate) connections: usize,
    pub(crate) request: Vec<u8>,
    /// The number of bytes in the answer to one request.
    pub(crate) answer: usize,
    /// Whether each request has a connection of its own.
    pub(crate) reconnect: bool,
}

/// What a stretch of load achieved.
pub(crate) struct Done {
    pub(crate) exchanges: u64,
    pub(crate) took: Duration,
}

pub(crate) struct Load {
    plan: Plan,
    poll: Poll,
    connections: Vec<Connection>,
    opened: usize,
    buffer: Vec<u8>,
}

struct Connection {
    stream: Option<TcpStream>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    Connecting,
    /// The connection waits for this many more bytes of the answer.
    Waiting(usize),
}

/// A loopback address for the `n`th connection. Connections are spread over several addresses,
/// since each has only 28 000 ports to connect from.
pub(crate) fn address(port: u16, n: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + (n % 100) as u8)), port)
}

impl Load {
    /// Opens the plan's connections, and has each of them served once.
    pub(crate) fn open(plan: Plan) -> io::Result<Self> {
        let mut load = Load {
            poll: Poll::new()?,
            connections: Vec::with_capacity(plan.connections),
            opened: 0,
            buffer: vec![0; 64 * 1024],
            plan,
        };
        if load.plan.reconnect {
            let idle = || Connection { stream: None, state: State::Idle };
            load.connections.resize_with(load.plan.connections, idle);
            return Ok(load);
        }
        while load.connections.len() < load.plan.connections {
            let missing = load.plan.connections - load.connections.len();
            // So few at a time that they fit into a listener's backlog.
            load.open_some(missing.min(64))?;
        }
        Ok(load)
    }

    fn open_some(&mut self, count: usize) -> io::Result<()> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = std::net::TcpStream::connect(address(self.plan.port, self.opened))?;
            self.opened += 1;
            stream.set_nodelay(true)?;
            stream.write_all(&self.plan.request)?;
            streams.push(stream);
        }
        for mut stream in streams {
            stream.read_exact(&mut self.buffer[..self.plan.answer])?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(self.connections.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.connections.push(Connection { stream: Some(stream), state: State::Idle });
        }
        Ok(())
    }

    /// Keeps all connections busy for `window`, then waits for the last answers, which count too.
    pub(crate) fn drive(&mut self, window: Duration) -> io::Result<Done> {
        let mut events = Events::with_capacity(1024);
        let start = Instant::now();
        let mut busy = self.connections.len();
        let mut exchanges = 0;
        let mut is_over = false;
        for n in 0..busy {
            self.begin(n)?;
        }
        while busy > 0 {
            self.poll.poll(&mut events, Some(Duration::from_secs(5)))?;
            if events.is_empty() {
                return Err(io::Error::new(ErrorKind::TimedOut, "no answer for 5 s"));
            }
            for event in &events {
                let n = event.token().0;
                if !self.advance(n)? {
                    continue;
                }
                exchanges += 1;
                if is_over {
                    busy -= 1;
                } else {
                    self.begin(n)?;
                }
            }
            is_over = is_over || start.elapsed() >= window;
        }
        Ok(Done { exchanges, took: start.elapsed() })
    }

    /// Starts the next exchange of the `n`th connection.
    fn begin(&mut self, n: usize) -> io::Result<()> {
        if !self.plan.reconnect {
            return self.send(n);
        }
        let mut stream = TcpStream::connect(address(self.plan.port, self.opened))?;
        self.opened += 1;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(n), both)?;
        self.connections[n] = Connection { stream: Some(stream), state: State::Connecting };
        Ok(())
    }

    fn send(&mut self, n: usize) -> io::Result<()> {
        let connection = &mut self.connections[n];
        let stream = connection.stream.as_mut().expect("open while in use");
        // A request is small and nothing else is on its way, so one write takes all of it.
        if stream.write(&self.plan.request)? != self.plan.request.len() {
            return Err(ErrorKind::WriteZero.into());
        }
        connection.state = State::Waiting(self.plan.answer);
        Ok(())
    }

    /// Reads what has come for the `n`th connection. `true`: that completes an exchange.
    fn advance(&mut self, n: usize) -> io::Result<bool> {
        let connection = &mut self.connections[n];
        let Some(stream) = connection.stream.as_mut() else {
            return Ok(false);
        };
        let mut missing = match connection.state {
            State::Idle => return Ok(false),
            State::Waiting(missing) => missing,
            State::Connecting => {
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
                return match stream.peer_addr() {
                    Ok(_) => self.send(n).map(|()| false),
                    Err(e) if e.kind() == ErrorKind::NotConnected => Ok(false),
                    Err(e) => Err(e),
                };
            }
        };
        loop {
            let got = match stream.read(&mut self.buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(got) => got,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            };
            missing = missing.checked_sub(got).ok_or(ErrorKind::InvalidData)?;
            if missing == 0 || got < self.buffer.len() {
                break;
            }
        }
        connection.state = if missing == 0 { State::Idle } else { State::Waiting(missing) };
        if missing == 0 && self.plan.reconnect {
            connection.stream = None;
        }
        Ok(missing == 0)
    }
}
