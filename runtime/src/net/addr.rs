//! From what a user calls an address to socket addresses.

use std::iter::Cloned;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{io, net, option, slice, vec};

use socket2::SockAddr;

use crate::blocking;

/// A trait for objects which can be converted or resolved to one or more [`SocketAddr`] values.
///
/// It is implemented for the types that [`std::net::ToSocketAddrs`] is implemented for, with the
/// same meaning, so calls such as `TcpStream::connect("localhost:80")` read as they do with std.
/// The difference is where a host name is looked up: on the blocking pool, since the system's
/// resolver would block the worker. That is why this is a trait of gocoro's own: std's hides the
/// lookup in types that need not be `Send`. An address that is written in digits is parsed on the
/// spot.
///
/// An implementation of your own runs in the calling task. If it blocks, let a thread do that part,
/// and wait for its answer on a channel of gocoro's.
///
/// # Examples
///
/// ```
/// use gocoro::net::{SocketAddr, ToSocketAddrs};
///
/// let addr = SocketAddr::from(([127, 0, 0, 1], 443));
/// assert!("127.0.0.1:443".to_socket_addrs()?.eq([addr]));
/// assert!(("127.0.0.1", 443).to_socket_addrs()?.eq([addr]));
/// assert!([addr, addr][..].as_ref().to_socket_addrs()?.eq([addr, addr]));
///
/// let error = "127.0.0.1".to_socket_addrs().unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput); // the port is missing
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToSocketAddrs {
    /// The iterator over the addresses.
    type Iter: Iterator<Item = SocketAddr>;

    /// Converts this object to an iterator of resolved [`SocketAddr`]s.
    ///
    /// The iterator may turn out to be empty.
    ///
    /// # Parks
    ///
    /// While a host name is looked up. Blocks the thread outside a task.
    ///
    /// # Errors
    ///
    /// Those of std: `InvalidInput` for a string that is no address, the resolver's error for a
    /// name that it cannot resolve. `TimedOut` once an enclosing
    /// [`io_deadline`](crate::time::io_deadline) has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::ToSocketAddrs;
    ///
    /// let addrs = "localhost:80".to_socket_addrs()?;
    /// assert!(addrs.into_iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

/// Implements the trait for types that are one address.
macro_rules! one_address {
    ($($ty:ty: $this:ident => $addr:expr;)*) => {$(
        impl ToSocketAddrs for $ty {
            type Iter = option::IntoIter<SocketAddr>;

            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                let $this = *self;
                Ok(Some($addr).into_iter())
            }
        }
    )*};
}

one_address! {
    SocketAddr: addr => addr;
    SocketAddrV4: addr => addr.into();
    SocketAddrV6: addr => addr.into();
    (IpAddr, u16): pair => pair.into();
    (Ipv4Addr, u16): pair => pair.into();
    (Ipv6Addr, u16): pair => pair.into();
}

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let (host, port) = *self;
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(vec![SocketAddr::new(ip, port)].into_iter()),
            Err(_) => resolve((host.to_owned(), port)),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match self.parse::<SocketAddr>() {
            Ok(addr) => Ok(vec![addr].into_iter()),
            Err(_) => resolve(self.to_owned()),
        }
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.as_str().to_socket_addrs()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = Cloned<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().cloned())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }
}

/// Lets std look `name` up, off the worker. The name is owned, so a cancelled caller need not wait.
fn resolve<N>(name: N) -> io::Result<vec::IntoIter<SocketAddr>>
where
    N: net::ToSocketAddrs<Iter = vec::IntoIter<SocketAddr>> + Send + 'static,
{
    blocking::call_or_refuse(move || name.to_socket_addrs())
}

/// Tries `f` on each address of `addr` until one succeeds.
///
/// # Errors
///
/// That of the last address, or of the resolution.
pub(super) fn each<A: ToSocketAddrs, T>(
    addr: A,
    mut f: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for addr in addr.to_socket_addrs()? {
        match f(addr) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// The error that std gives where there is no address at all.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "could not resolve to any addresses")
}

/// Takes an address of the internet's families.
///
/// # Errors
///
/// `InvalidInput` for one of another family, as in std.
pub(super) fn inet(addr: SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not an internet address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_success_ends_the_search() {
        let addrs: Vec<_> = (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let mut tried = Vec::new();
        let port = each(&addrs[..], |addr| {
            tried.push(addr.port());
            if addr.port() == 2 { Ok(2) } else { Err(io::ErrorKind::AddrInUse.into()) }
        });
        assert_eq!(port.unwrap(), 2);
        assert_eq!(tried, [1, 2]);
    }

    #[test]
    fn the_last_error_is_returned() {
        let addrs: Vec<_> = (1..=2).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let result: io::Result<()> = each(&addrs[..], |addr| {
            Err(if addr.port() == 2 { io::ErrorKind::AddrInUse } else { io::ErrorKind::Other }
                .into())
        });
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn no_address_is_invalid_input() {
        let none: &[SocketAddr] = &[];
        let result: io::Result<()> = each(none, |_| unreachable!("there is no address"));
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
