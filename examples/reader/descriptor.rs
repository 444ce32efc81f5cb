//! What a descriptor of another process leads to, as the kernel says.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;

use crate::memory::Process;

/// The state of a TCP socket that listens, as the kernel writes it.
const LISTENS: &str = "0A";

/// What a wait on this descriptor is for: to write to it, or to read, of which `what` are the
/// words.
pub(crate) fn words(process: &Process, number: RawFd, writes: bool, what: &str) -> String {
    let Ok(link) = fs::read_link(process.file(&format!("fd/{number}"))) else {
        return format!("{what} descriptor {number}");
    };
    let link = link.display().to_string();
    if link == "anon_inode:[pidfd]" {
        let info = fs::read_to_string(process.file(&format!("fdinfo/{number}"))).ok();
        let of =
            info.as_ref().and_then(|info| info.lines().find_map(|line| line.strip_prefix("Pid:")));
        return of.map_or_else(
            || String::from("the end of a process"),
            |of| format!("the end of process {}", of.trim()),
        );
    }
    let inode = link.strip_prefix("socket:[").and_then(|inode| inode.strip_suffix(']'));
    let socket = inode.and_then(|inode| inet(process, inode).or_else(|| unix(process, inode)));
    let Some(Socket { protocol, here, there, listens }) = socket else {
        return format!("{what} {link}");
    };
    match there {
        _ if listens && !writes => format!("accept on {protocol} {here}"),
        None if writes && protocol == "tcp" => format!("connect of {protocol} {here}"),
        Some(there) if writes => format!("{what} {protocol} {here} → {there}"),
        Some(there) => format!("{what} {protocol} {here} ← {there}"),
        None => format!("{what} {protocol} {here}"),
    }
}

struct Socket {
    protocol: &'static str,
    here: String,
    there: Option<String>,
    listens: bool,
}

/// The TCP or UDP socket with this inode.
fn inet(process: &Process, inode: &str) -> Option<Socket> {
    let tables = [("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6")];
    tables.into_iter().find_map(|(protocol, table)| {
        let table = fs::read_to_string(process.file(&format!("net/{table}"))).ok()?;
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<_> = line.split_ascii_whitespace().collect();
            let [_, here, there, state, ..] = fields[..] else { return None };
            if fields.get(9) != Some(&inode) {
                return None;
            }
            let there = address(there)?;
            let has_peer = there.port() != 0;
            Some(Socket {
                protocol,
                here: address(here)?.to_string(),
                there: has_peer.then(|| there.to_string()),
                listens: protocol == "tcp" && state == LISTENS,
            })
        })
    })
}

/// An address as the kernel writes it: words of 32 bits in its own byte order, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words = address.as_bytes().chunks(8).map(|word| {
        let word = std::str::from_utf8(word).ok()?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    });
    let bytes = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(address, port))
}

/// The Unix socket with this inode.
fn unix(process: &Process, inode: &str) -> Option<Socket> {
    let table = fs::read_to_string(process.file("net/unix")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let flags = fields.nth(3)?;
        let found = fields.nth(2)?;
        (found == inode).then(|| Socket {
            protocol: "unix",
            here: fields.next().unwrap_or("(unnamed)").to_owned(),
            there: None,
            // The kernel's flag of a socket that accepts.
            listens: u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x1_0000 != 0),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let written = |bytes: &[u8]| {
            let words = bytes.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
            words.map(|word| format!("{word:08X}")).collect::<String>() + ":1F90"
        };
        let read = |bytes: &[u8]| address(&written(bytes)).unwrap().to_string();
        assert_eq!(read(&[127, 0, 0, 1]), "127.0.0.1:8080");
        assert_eq!(read(&Ipv6Addr::LOCALHOST.octets()), "[::1]:8080");
        assert_eq!(address("0100007F"), None);
        assert_eq!(address("xyz:1"), None);
    }
}
