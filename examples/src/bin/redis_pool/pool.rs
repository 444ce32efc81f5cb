//! Connections that speak the `redis` crate's language, and a pool of them. This file may be copied
//! as it is.

use gocoro::channel::{Receiver, Sender, bounded};
use gocoro::net::TcpStream;
use gocoro::task;
use redis::{ConnectionLike, Parser, RedisResult, Value};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// How long a connect, an answer, or a place in the pool may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Connection {
    stream: TcpStream,
    parser: Parser,
    /// Answers that the server owes.
    owed: usize,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Connection { stream, parser: Parser::new(), owed: 0 })
    }

    /// Whether the server has said nothing that it was not asked for, goodbye for instance.
    fn is_quiet(&self) -> bool {
        self.stream.try_read(&mut [0]).is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
    }

    /// Sends commands, and takes as many answers. Errors that the server answers are values, here.
    fn exchange(&mut self, commands: &[u8], answers: usize) -> RedisResult<Vec<Value>> {
        self.owed += answers; // until they are there, whatever happens meanwhile
        self.stream.write_all(commands)?;
        let mut values = Vec::with_capacity(answers);
        while values.len() < answers {
            match self.parser.parse_value(&mut self.stream)? {
                Value::Push { .. } => {} // news that are no answer
                value => {
                    self.owed -= 1;
                    values.push(value);
                }
            }
        }
        Ok(values)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        let mut values = self.exchange(command, 1)?;
        Ok(values.remove(0))
    }

    /// A transaction's first answers, `offset` many, only say that its commands were understood.
    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        let mut values = self.exchange(commands, offset + count)?;
        let kept = values.split_off(offset);
        values.into_iter().try_for_each(|value| value.extract_error().map(drop))?;
        Ok(kept)
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        redis::cmd("PING").exec(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.owed == 0
    }
}

/// At most so many connections, which are opened when they are needed.
pub(crate) struct Pool {
    address: SocketAddr,
    places: (Sender<Option<Connection>>, Receiver<Option<Connection>>),
}

impl Pool {
    pub(crate) fn new(address: SocketAddr, connections_max: usize) -> Pool {
        let places = bounded(connections_max);
        for _ in 0..connections_max {
            places.0.send(None).expect("the pool has both ends");
        }
        Pool { address, places }
    }

    /// A connection of one's own, until it is dropped. Waits while all are in use.
    pub(crate) fn get(&self) -> RedisResult<Pooled<'_>> {
        let place = self.places.1.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        let mut pooled = Pooled { pool: self, connection: place }; // its drop gives the place back
        pooled.connection = pooled.connection.take().filter(Connection::is_quiet);
        if pooled.connection.is_none() {
            pooled.connection = Some(Connection::open(self.address)?);
        }
        Ok(pooled)
    }
}

pub(crate) struct Pooled<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let kept = self.connection.take().filter(Connection::is_open);
        // A cancel that came out of this would leave the pool with a place less.
        task::shield(|| {
            let _ = self.pool.places.0.try_send(kept); // there is room: the place was taken out
        });
    }
}

/// Whatever dereferences to a `ConnectionLike` is one.
impl Deref for Pooled<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection is there until the drop")
    }
}

impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection is there until the drop")
    }
}
