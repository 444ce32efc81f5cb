//! Descriptors are in the workers' polls once, and gone in time. Seen by `/proc/self/fdinfo`, in a
//! process whose descriptors are the scenario's alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{LocalRuntime, Runtime};
use gocoro::time::timeout;

use super::{IntoCode, run, scenarios};
use crate::support::{pair, with_workers};

scenarios! {
    registered_once_per_worker,
    gone_when_it_is_closed,
    short_lived_runtimes,
}

/// What a poll knows a descriptor by: it is another one after it was taken out and put in again.
type Mark = String;

/// The marks of a descriptor in the polls of this process, by the polls' wakers, which tell them
/// apart: a poll has several descriptors of its own.
fn registrations(fd: RawFd) -> BTreeMap<RawFd, Mark> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        // One of them is the folder itself, which is closed by now.
        let is_poll = fs::read_link(entry.path())
            .is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]");
        if !is_poll {
            continue;
        }
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", entry.file_name().display()));
        let (mut waker, mut marks) = (None, Vec::new());
        for line in info.unwrap().lines() {
            let mut words = line.split_ascii_whitespace();
            let number = |word: Option<&str>| word.unwrap().parse::<RawFd>().unwrap();
            if words.next() != Some("tfd:") {
                continue;
            }
            let watched = number(words.next());
            let mark = line.split_once("data:").unwrap().1.split_ascii_whitespace().next().unwrap();
            if mark == "ffffffffffffffff" {
                waker = Some(watched);
            }
            if watched == fd {
                marks.push(mark.to_owned());
            }
        }
        assert!(marks.len() <= 1, "a descriptor is watched once: {marks:?}");
        if let Some(mark) = marks.pop() {
            found.insert(waker.expect("a worker's poll"), mark);
        }
    }
    found
}

/// Has a task of this runtime, of one worker, wait for a byte many times over; this thread is the
/// other side.
fn waits_in(runtime: &Runtime, stream: &Arc<TcpStream>, other: &TcpStream) {
    let theirs = stream.clone();
    let task = runtime.spawn(move || {
        for _ in 0..100 {
            let mut byte = [0];
            // Nothing is sent before this is asked for.
            (&*theirs).write_all(b"?").unwrap();
            (&*theirs).read_exact(&mut byte).unwrap();
        }
    });
    for _ in 0..100 {
        (&*other).read_exact(&mut [0]).unwrap();
        // It waits by now, or its worker could not have run this.
        runtime.spawn(|| {}).wait();
        (&*other).write_all(b"!").unwrap();
    }
    task.wait();
}

fn registered_once_per_worker() {
    // Each with one worker, so that it is known which one waits.
    let runtimes: Vec<_> = (0..3).map(|_| with_workers(1)).collect();
    let (stream, other) = pair();
    let stream = Arc::new(stream);
    let fd = stream.as_raw_fd();
    assert_eq!(registrations(fd), BTreeMap::new(), "nobody has waited");
    waits_in(&runtimes[0], &stream, &other);
    let first = registrations(fd);
    assert_eq!(first.len(), 1, "{first:?}");
    waits_in(&runtimes[0], &stream, &other);
    assert_eq!(registrations(fd), first, "waits of the same worker change nothing");
    waits_in(&runtimes[1], &stream, &other);
    let both = registrations(fd);
    assert_eq!(both.len(), 2, "{both:?}");
    for runtime in [&runtimes[0], &runtimes[1], &runtimes[0]] {
        waits_in(runtime, &stream, &other);
    }
    assert_eq!(registrations(fd), both);
    // This thread's waits are in no poll.
    assert_eq!(registrations(other.as_raw_fd()), BTreeMap::new());
}

#[test]
fn a_descriptor_is_registered_once_with_each_worker_that_waits() {
    run("registered_once_per_worker").code(0).says(0, &["panicked"]);
}

/// Ends a stream in some way; what is left of its descriptor.
type Ending = fn(TcpStream) -> Option<OwnedFd>;

fn gone_when_it_is_closed() {
    let runtimes: Vec<_> = (0..2).map(|_| with_workers(1)).collect();
    let endings: [Ending; 3] = [
        |stream| {
            // The kernel keeps what is watched while a duplicate lives.
            let duplicate = std::os::fd::AsFd::as_fd(&stream).try_clone_to_owned().unwrap();
            drop(stream);
            Some(duplicate)
        },
        |stream| Some(OwnedFd::from(std::net::TcpStream::from(stream))),
        |stream| {
            // SAFETY: it is an open descriptor, and nobody else's.
            Some(unsafe { std::os::fd::FromRawFd::from_raw_fd(stream.into_raw_fd()) })
        },
    ];
    for end in endings {
        for on_a_worker in [false, true] {
            let (stream, other) = pair();
            let stream = Arc::new(stream);
            let fd = stream.as_raw_fd();
            for runtime in &runtimes {
                waits_in(runtime, &stream, &other);
            }
            assert_eq!(registrations(fd).len(), 2);
            let stream = Arc::into_inner(stream).unwrap();
            // The other worker's poll is not the ender's, either way.
            let left = if on_a_worker { runtimes[0].run(|| end(stream)) } else { end(stream) };
            assert_eq!(registrations(fd), BTreeMap::new());
            drop(left);
        }
    }
}

#[test]
fn a_descriptor_that_is_closed_is_in_no_poll() {
    run("gone_when_it_is_closed").code(0).says(0, &["panicked"]);
}

fn polls() -> usize {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    let is_poll = |path| {
        fs::read_link(path).is_ok_and(|target| target.as_os_str() == "anon_inode:[eventpoll]")
    };
    entries.filter(|entry| is_poll(entry.as_ref().unwrap().path())).count()
}

fn short_lived_runtimes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let before = polls();
    for _ in 0..50 {
        let mut runtime = LocalRuntime::new().unwrap();
        runtime.run(|| assert!(timeout(Duration::ZERO, || listener.accept()).is_err()));
    }
    assert_eq!(polls(), before);
}

/// A socket that was used in a runtime keeps nothing of its poll.
#[test]
fn polls_are_closed_though_a_socket_lives_on() {
    run("short_lived_runtimes").code(0);
}
