//! A connection to PostgreSQL for plain functions. This file may be copied as it is.

use gocoro::future::{wait, wait_timeout};
use gocoro::net::{TcpStream, unix::UnixStream};
use gocoro::task::JoinHandle;
use gocoro::{go, io};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::config::Host;
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls};

/// What the library says, or the socket.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// PostgreSQL's port.
const PORT: u16 = 5432;

pub(crate) struct Database {
    client: Client,
    driver: JoinHandle<Result<(), Error>>,
    address: Address,
}

impl Database {
    /// Connects to the first host of the configuration.
    pub(crate) fn connect(config: &Config) -> Result<Database, Failed> {
        let address = Address::first(config)?;
        // The driver ends when the client is gone and all was sent, or with the connection's error.
        let (client, driver) = match &address {
            Address::Tcp(host, port) => {
                let (client, connection) = wait(config.connect_raw(tcp(host, *port)?, NoTls))?;
                (client, go!(wait(connection)))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                let (client, connection) = wait(config.connect_raw(stream, NoTls))?;
                (client, go!(wait(connection)))
            }
        };
        Ok(Database { client, driver, address })
    }

    /// Says goodbye. What was sent before is answered, or dropped with its asker.
    pub(crate) fn close(self) -> Result<(), Error> {
        drop(self.client);
        self.driver.wait()
    }

    /// For queries on this connection that may take so long.
    pub(crate) fn patience(&self, lasts: Duration) -> Patience {
        Patience { lasts, token: self.client.cancel_token(), address: self.address.clone() }
    }
}

impl Deref for Database {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Database {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

#[derive(Clone)]
enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Address {
    fn first(config: &Config) -> Result<Address, Failed> {
        let port = config.get_ports().first().copied().unwrap_or(PORT);
        match config.get_hosts().first() {
            Some(Host::Tcp(host)) => Ok(Address::Tcp(host.clone(), port)),
            Some(Host::Unix(folder)) => Ok(Address::Unix(folder.join(format!(".s.PGSQL.{port}")))),
            None => Err("the configuration has to name a host".into()),
        }
    }
}

fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How long queries may take.
pub(crate) struct Patience {
    lasts: Duration,
    token: CancelToken,
    address: Address,
}

impl Patience {
    /// Waits for a query, and has the server stop it if it takes too long.
    ///
    /// The answer is waited for in any case, so the connection is free afterwards. A query that was
    /// stopped fails with `SqlState::QUERY_CANCELED`. A request to stop names the connection and
    /// not the query: one that comes before its query is lost, so it is sent again as long as
    /// there is no answer.
    pub(crate) fn ask<T>(
        &self,
        query: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failed> {
        let mut query = pin!(query);
        loop {
            if let Ok(answer) = wait_timeout(self.lasts, query.as_mut()) {
                return Ok(answer?);
            }
            match &self.address {
                Address::Tcp(host, port) => {
                    wait(self.token.cancel_query_raw(tcp(host, *port)?, NoTls))?;
                }
                Address::Unix(path) => {
                    wait(self.token.cancel_query_raw(UnixStream::connect(path)?, NoTls))?;
                }
            }
        }
    }
}
