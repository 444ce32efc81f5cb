//! What a task waits for that waits on a descriptor, in words. The kernel is asked, since the
//! reactor knows nothing of sockets, and nobody else is asked often enough to remember names. What
//! the kernel does not tell is missing: to where a socket is being connected.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{Domain, SockAddr, SockRef, Type};

use crate::task::{Reason, Words};

/// Says what a task waits for that waits on this descriptor for this reason.
pub(super) fn name(fd: BorrowedFd<'_>, reason: Reason, words: &mut Words) {
    let socket = SockRef::from(&fd);
    if reason == Reason::Signal {
        return words.say(format_args!("{}", reason.plain()));
    }
    let writes = reason == Reason::Writable;
    let Ok(kind) = socket.r#type() else { return name_other(fd, writes, words) };
    let local = socket.local_addr().ok();
    let is_inet = local.as_ref().is_some_and(SockAddr::is_ipv4)
        || local.as_ref().is_some_and(SockAddr::is_ipv6);
    let protocol = match (is_inet, kind) {
        (true, Type::STREAM) => "tcp",
        (true, Type::DGRAM) => "udp",
        _ if local.as_ref().is_some_and(|addr| addr.domain() == Domain::UNIX) => "unix",
        _ => "socket",
    };
    let here = address(local.as_ref());
    let peer = socket.peer_addr().ok();
    let there = address(peer.as_ref());
    let listens = kind == Type::STREAM && !writes && is_listener(&socket);
    match (writes, peer) {
        _ if listens => words.say(format_args!("accept on {protocol} {here}")),
        (true, None) if kind == Type::STREAM => {
            words.say(format_args!("connect of {protocol} {here}"));
        }
        (false, Some(_)) => words.say(format_args!("read from {protocol} {here} ← {there}")),
        (true, Some(_)) => words.say(format_args!("write to {protocol} {here} → {there}")),
        (false, None) => words.say(format_args!("read from {protocol} {here}")),
        (true, None) => words.say(format_args!("write to {protocol} {here}")),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_listener(socket: &SockRef<'_>) -> bool {
    socket.is_listener().unwrap_or(false)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_listener(socket: &SockRef<'_>) -> bool {
    socket.peer_addr().is_err()
}

fn address(addr: Option<&SockAddr>) -> String {
    let Some(addr) = addr else { return String::from("?") };
    if let Some(addr) = addr.as_socket() {
        return addr.to_string();
    }
    match addr.as_pathname() {
        Some(path) => path.display().to_string(),
        None => match addr.as_abstract_namespace() {
            Some(name) => format!("@{}", String::from_utf8_lossy(name)),
            None => String::from("(unnamed)"),
        },
    }
}

/// What is no socket has a name in the process's table of descriptors, where there is one.
fn name_other(fd: BorrowedFd<'_>, writes: bool, words: &mut Words) {
    let number = fd.as_raw_fd();
    let link = fs::read_link(format!("/proc/self/fd/{number}")).ok();
    let link = link.map_or_else(|| format!("descriptor {number}"), |to| to.display().to_string());
    if link == "anon_inode:[pidfd]" {
        return match process(number) {
            Some(process) => words.say(format_args!("the end of process {process}")),
            None => words.say(format_args!("the end of a process")),
        };
    }
    let what = if writes { "write to" } else { "read from" };
    words.say(format_args!("{what} {link}"));
}

/// The process that this descriptor stands for.
fn process(number: i32) -> Option<String> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
    info.lines().find_map(|line| Some(line.strip_prefix("Pid:")?.trim().to_owned()))
}
