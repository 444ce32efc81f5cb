//! Clients of both protocols, as plain code.

use bytes::Bytes;
use gocoro::future::{self, hyper::Executor};
use gocoro::go;
use gocoro::net::{SocketAddr, TcpStream};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Request, StatusCode};
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One connection. The task that drives it ends when the client is dropped, and its clones.
pub(crate) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Drives a connection until it is closed. Requests say what fails.
macro_rules! drive {
    ($connection:ident) => {
        go!({ drop(future::wait($connection)) })
    };
}

impl Client {
    pub(crate) fn http1(address: SocketAddr) -> Result<Client> {
        let (sender, connection) = future::wait(http1::handshake(connect(address)?))?;
        drive!(connection);
        Ok(Client::Http1(sender))
    }

    pub(crate) fn http2(address: SocketAddr) -> Result<Client> {
        let stream = connect(address)?;
        let (sender, connection) = future::wait(http2::handshake(Executor::new(), stream))?;
        drive!(connection);
        Ok(Client::Http2(sender))
    }

    /// One more user of an HTTP/2 connection, whose requests are under way at once.
    pub(crate) fn share(&self) -> Option<Client> {
        match self {
            Client::Http1(_) => None,
            Client::Http2(sender) => Some(Client::Http2(sender.clone())),
        }
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes)> {
        self.send(Request::get(path), "")
    }

    pub(crate) fn post(
        &mut self,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Bytes)> {
        self.send(Request::post(path), body)
    }

    fn send(
        &mut self,
        request: hyper::http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Bytes)> {
        let request = request.header("host", "localhost").body(Full::new(body.into()))?;
        let response = match self {
            Client::Http1(sender) => {
                future::wait(sender.ready())?;
                future::wait(sender.send_request(request))?
            }
            Client::Http2(sender) => {
                future::wait(sender.ready())?;
                future::wait(sender.send_request(request))?
            }
        };
        let status = response.status();
        Ok((status, future::wait(response.into_body().collect())?.to_bytes()))
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
