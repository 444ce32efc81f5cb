//! A UDP socket's options that the kernel keeps, and the multicast groups that it is in.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::UdpSocket;

impl UdpSocket {
    /// Sets the value of the `SO_BROADCAST` option: whether this socket may send to broadcast
    /// addresses.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_broadcast(true)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.kernel().set_broadcast(broadcast)
    }

    /// Gets the value of the `SO_BROADCAST` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_broadcast(true)?;
    /// assert_eq!(socket.broadcast()?, true);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.kernel().broadcast()
    }

    /// Sets the value of the `IP_TTL` option on this socket: how many hops a packet may take.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_ttl(42)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket.kernel().set_ttl_v4(ttl)
    }

    /// Gets the value of the `IP_TTL` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_ttl(42)?;
    /// assert_eq!(socket.ttl()?, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.kernel().ttl_v4()
    }

    /// Sets the value of the `IP_MULTICAST_LOOP` option: whether multicast packets come back to
    /// this host. It may have no effect on IPv6 sockets.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_multicast_loop_v4(false)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_multicast_loop_v4(&self, multicast_loop_v4: bool) -> io::Result<()> {
        self.socket.kernel().set_multicast_loop_v4(multicast_loop_v4)
    }

    /// Gets the value of the `IP_MULTICAST_LOOP` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_multicast_loop_v4(false)?;
    /// assert_eq!(socket.multicast_loop_v4()?, false);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.kernel().multicast_loop_v4()
    }

    /// Sets the value of the `IP_MULTICAST_TTL` option: how many hops a multicast packet may take.
    /// The default is 1, which does not leave the local network.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_multicast_ttl_v4(42)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.socket.kernel().set_multicast_ttl_v4(ttl)
    }

    /// Gets the value of the `IP_MULTICAST_TTL` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_multicast_ttl_v4(42)?;
    /// assert_eq!(socket.multicast_ttl_v4()?, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket.kernel().multicast_ttl_v4()
    }

    /// Sets the value of the `IPV6_MULTICAST_LOOP` option: whether this socket sees the multicast
    /// packets that it sends itself. It may have no effect on IPv4 sockets.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let Ok(socket) = UdpSocket::bind("[::1]:0") else {
    ///     return Ok(()); // there is no IPv6 here
    /// };
    /// socket.set_multicast_loop_v6(false)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn set_multicast_loop_v6(&self, multicast_loop_v6: bool) -> io::Result<()> {
        self.socket.kernel().set_multicast_loop_v6(multicast_loop_v6)
    }

    /// Gets the value of the `IPV6_MULTICAST_LOOP` option for this socket.
    ///
    /// # Errors
    ///
    /// Those of `getsockopt`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::UdpSocket;
    ///
    /// let Ok(socket) = UdpSocket::bind("[::1]:0") else {
    ///     return Ok(()); // there is no IPv6 here
    /// };
    /// socket.set_multicast_loop_v6(false)?;
    /// assert_eq!(socket.multicast_loop_v6()?, false);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.kernel().multicast_loop_v6()
    }

    /// Joins an IPv4 multicast group.
    ///
    /// `interface` is the address of the local interface on which the group is joined; the
    /// unspecified address lets the system choose.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, for one if `multiaddr` is no multicast address.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gocoro::net::{Ipv4Addr, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:5353")?;
    /// socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 0, 251), &Ipv4Addr::UNSPECIFIED)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.kernel().join_multicast_v4(multiaddr, interface)
    }

    /// Joins an IPv6 multicast group.
    ///
    /// `interface` is the index of the interface on which the group is joined; 0 lets the system
    /// choose.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, for one if `multiaddr` is no multicast address.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use gocoro::net::{Ipv6Addr, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("[::]:5353")?;
    /// socket.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb), 0)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.kernel().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves an IPv4 multicast group.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, `AddrNotAvailable` for one if the group was not joined.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{Ipv4Addr, UdpSocket};
    /// use std::io::ErrorKind;
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let group = Ipv4Addr::new(224, 0, 0, 251);
    /// let error = socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.kernel().leave_multicast_v4(multiaddr, interface)
    }

    /// Leaves an IPv6 multicast group.
    ///
    /// # Errors
    ///
    /// Those of `setsockopt`, for one if the group was not joined.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::net::{Ipv6Addr, UdpSocket};
    ///
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
    /// assert!(socket.leave_multicast_v6(&group, 0).is_err()); // it was not joined
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.kernel().leave_multicast_v6(multiaddr, interface)
    }
}
