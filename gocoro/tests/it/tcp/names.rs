//! Addresses are what users write.

use std::io::{self, ErrorKind};
use std::iter;
use std::time::{Duration, Instant};

use gocoro::net::{
    IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs,
};
use gocoro::time::io_deadline;

use super::stream::silenced;
use super::{both, kind};
use crate::support::SOON;

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn every_form_of_an_address_connects() {
    fn connects(addr: impl ToSocketAddrs, listener: &TcpListener) -> io::Result<()> {
        let client = TcpStream::connect(addr)?;
        assert_eq!(listener.accept()?.1, client.local_addr()?);
        Ok(())
    }
    both(|| {
        let listener = TcpListener::bind((LOCAL, 0))?;
        let addr = listener.local_addr()?;
        let (port, text, borrowed) = (addr.port(), addr.to_string(), &addr);
        connects(addr, &listener)?;
        connects(borrowed, &listener)?;
        connects(SocketAddrV4::new(LOCAL, port), &listener)?;
        connects((IpAddr::V4(LOCAL), port), &listener)?;
        connects((LOCAL, port), &listener)?;
        connects(("127.0.0.1", port), &listener)?;
        connects(("127.0.0.1".to_owned(), port), &listener)?;
        connects(text.as_str(), &listener)?;
        connects(&text, &listener)?;
        connects(text, &listener)?;
        connects(&[addr][..], &listener)?;
        connects(("localhost", port), &listener)?;
        connects(format!("localhost:{port}"), &listener)
    });
}

#[test]
fn a_name_is_resolved() {
    both(|| {
        let addrs: Vec<_> = "localhost:80".to_socket_addrs()?.collect();
        assert!(addrs.contains(&SocketAddr::from((LOCAL, 80))), "{addrs:?}");
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        Ok(())
    });
}

#[test]
fn no_name_is_looked_up_after_an_io_deadline() {
    both(|| {
        let passed = Instant::now();
        let lookup = || "localhost:80".to_socket_addrs().map(Iterator::count);
        assert_eq!(kind(io_deadline(passed, lookup)), ErrorKind::TimedOut);
        // What is no name needs no lookup.
        let digits = || "127.0.0.1:80".to_socket_addrs().map(Iterator::count);
        assert_eq!(io_deadline(passed, digits)?, 1);
        Ok(())
    });
}

#[test]
fn a_timeout_bounds_the_connection_to_a_name() {
    both(|| {
        let listener = TcpListener::bind((LOCAL, 0))?;
        let name = ("localhost", listener.local_addr()?.port());
        let client = TcpStream::connect_within(name, Duration::from_secs(600))?;
        assert_eq!(listener.accept()?.1, client.local_addr()?);
        TcpStream::connect_within(name, Duration::MAX)?;

        let (silent, _kept) = silenced()?;
        let name = ("localhost", silent.port());
        assert_eq!(kind(TcpStream::connect_within(name, SOON)), ErrorKind::TimedOut);
        let zero = TcpStream::connect_within(name, Duration::ZERO);
        assert_eq!(kind(zero), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn what_is_no_address_is_an_error() {
    both(|| {
        assert_eq!(kind(TcpStream::connect("127.0.0.1")), ErrorKind::InvalidInput);
        assert_eq!(kind(TcpStream::connect("localhost:http")), ErrorKind::InvalidInput);
        assert_eq!(kind(TcpStream::connect(("a\0b", 80))), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_name_that_cannot_be_resolved_is_an_error() {
    both(|| {
        // No part of a name may be this long, so no server is asked.
        let name = format!("{}.invalid", "x".repeat(64));
        assert!(TcpStream::connect((name.as_str(), 80)).is_err());
        assert!(TcpListener::bind((name, 80)).is_err());
        Ok(())
    });
}

#[test]
fn users_may_have_addresses_of_their_own() {
    struct Everywhere(u16);

    impl ToSocketAddrs for Everywhere {
        type Iter = iter::Once<SocketAddr>;

        fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
            Ok(iter::once(SocketAddr::from((LOCAL, self.0))))
        }
    }
    both(|| {
        let listener = TcpListener::bind(Everywhere(0))?;
        TcpStream::connect(Everywhere(listener.local_addr()?.port()))?;
        Ok(())
    });
}
