//! Unix addresses, as std and as socket2 have them.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

use socket2::SockAddr;

/// What std calls an address without a name.
const UNNAMED: &str = "";

/// The address that a path names.
///
/// # Errors
///
/// std's: `InvalidInput` for a path that is too long, or has a null byte in it.
pub(super) fn of_path(path: impl AsRef<Path>) -> io::Result<SockAddr> {
    to_kernel(&SocketAddr::from_pathname(path)?)
}

/// The address as it is given to the kernel.
pub(super) fn to_kernel(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return SockAddr::unix(path);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = addr.as_abstract_name() {
        // A null byte in front is what makes a name abstract.
        return SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()));
    }
    SockAddr::unix(UNNAMED)
}

/// The address as std has it.
///
/// # Errors
///
/// `InvalidInput` for one of another family, as in std, and for a path that fills all the room of
/// an address: std has such addresses from the kernel alone.
pub(super) fn from_kernel(addr: SockAddr) -> io::Result<SocketAddr> {
    // The kernel gives no address at all, not even a family, for a sender without a name.
    if addr.len() > 0 && !addr.is_unix() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a Unix address"));
    }
    if let Some(path) = addr.as_pathname() {
        return SocketAddr::from_pathname(path);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = addr.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(UNNAMED)
}

/// The address of whoever sent a datagram. One from a path that fills all the room is not lost for
/// that: its sender has no name.
pub(super) fn of_sender(addr: SockAddr) -> io::Result<SocketAddr> {
    match addr.is_unix() {
        true => from_kernel(addr).or_else(|_| SocketAddr::from_pathname(UNNAMED)),
        false => from_kernel(addr),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(addr: &SocketAddr) -> SocketAddr {
        from_kernel(to_kernel(addr).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_of_address_goes_there_and_back() {
        let path = SocketAddr::from_pathname("/run/socket").unwrap();
        assert_eq!(there_and_back(&path).as_pathname(), Some(Path::new("/run/socket")));
        let unnamed = SocketAddr::from_pathname(UNNAMED).unwrap();
        assert!(unnamed.is_unnamed());
        assert!(there_and_back(&unnamed).is_unnamed());
    }

    #[test]
    fn the_longest_path_goes_there_and_back() {
        let longest = "p".repeat(107);
        let path = SocketAddr::from_pathname(&longest).unwrap();
        assert_eq!(there_and_back(&path).as_pathname(), Some(Path::new(&longest)));
        let error = of_path("p".repeat(108)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(of_path("a\0b").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn abstract_names_keep_every_byte() {
        for name in [&b"name"[..], b"", b"\0a\0", &[7; 107]] {
            let addr = SocketAddr::from_abstract_name(name).unwrap();
            assert_eq!(there_and_back(&addr).as_abstract_name(), Some(name));
        }
    }

    #[test]
    fn another_family_is_refused() {
        let inet = std::net::SocketAddr::from(([127, 0, 0, 1], 80));
        let error = from_kernel(inet.into()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
