//! Kinds of descriptors.

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;

use gocoro::io::{self, BufRead, BufReader, Pollable, Read, Write};
use gocoro::time::timeout;
use gocoro::{go, select};

use crate::io::stdio::kinds::terminal;
use crate::support::{NEVER, SOON, on_workers, settle};
use crate::tcp::{both, matrix};

/// Takes over what a call of the system's has made.
fn made(fd: i32) -> io::Result<File> {
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: it was just made.
        _ => Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into()),
    }
}

#[test]
fn a_counter_of_events() {
    matrix(|peer| {
        // SAFETY: no pointers.
        let counter =
            Arc::new(Pollable::new(made(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })?)?);
        let other = Arc::clone(&counter);
        let adding = peer.spawn(move || {
            settle();
            (&*other).write_all(&7_u64.to_ne_bytes())
        });
        let mut count = [0; 8];
        (&*counter).read_exact(&mut count)?;
        assert_eq!(u64::from_ne_bytes(count), 7);
        adding.wait()?;
        assert!(timeout(SOON, || (&*counter).read(&mut count)).is_err());
        // Full: one more does not fit.
        (&*counter).write_all(&(u64::MAX - 1).to_ne_bytes())?;
        assert!(timeout(SOON, || counter.writable()).is_err());
        Ok(())
    });
}

#[test]
fn a_timer() {
    both(|| {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers.
        let fd = made(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) })?;
        let timer = Pollable::new(fd)?;
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let soon = libc::timespec { tv_sec: 0, tv_nsec: SOON.as_nanos() as i64 };
        let setting = libc::itimerspec { it_interval: zero, it_value: soon };
        let fd = timer.as_raw_fd();
        // SAFETY: a valid setting, and nowhere to put the one before.
        let set = unsafe { libc::timerfd_settime(fd, 0, &setting, std::ptr::null_mut()) };
        assert_eq!(set, 0);
        let mut ticks = [0; 8];
        assert_eq!(timer.read_with(|mut timer| timer.read(&mut ticks))?, 8);
        assert_eq!(u64::from_ne_bytes(ticks), 1);
        Ok(())
    });
}

#[test]
fn changes_in_a_folder() {
    both(|| {
        // SAFETY: no pointers.
        let changes = Pollable::new(made(unsafe { libc::inotify_init1(libc::IN_CLOEXEC) })?)?;
        let folder = std::env::temp_dir().join(format!("gocoro-it-watched-{}", std::process::id()));
        let folder = folder.with_extension(format!("{:?}", std::thread::current().id()));
        std::fs::create_dir(&folder)?;
        let name = std::ffi::CString::new(folder.to_str().unwrap())?;
        // SAFETY: a string that ends with a null byte.
        let watch =
            unsafe { libc::inotify_add_watch(changes.as_raw_fd(), name.as_ptr(), libc::IN_CREATE) };
        assert!(watch >= 0);
        assert!(timeout(SOON, || changes.readable()).is_err());
        File::create(folder.join("new"))?;
        let mut buf = [0; 256];
        let count = (&changes).read(&mut buf)?;
        assert!(String::from_utf8_lossy(&buf[..count]).contains("new"));
        std::fs::remove_dir_all(folder)
    });
}

/// A terminal gives one line a read, and no further event for the next line.
#[test]
fn a_terminal() {
    matrix(|peer| {
        let (near, far) = terminal();
        let (mut near, far) = (Pollable::new(File::from(near))?, Pollable::new(File::from(far))?);
        assert!(timeout(SOON, || (&far).read(&mut [0; 8])).is_err());
        let reading = peer.spawn(move || {
            let mut lines = Vec::new();
            let mut buf = [0; 64];
            while lines.len() < 2 {
                let count = (&far).read(&mut buf)?;
                lines.push(String::from_utf8_lossy(&buf[..count]).into_owned());
            }
            (&far).write_all(b"done\n")?;
            drop(far);
            io::Result::Ok(lines)
        });
        near.write_all(b"one\ntwo\n")?;
        // The terminal echoes what is typed.
        let mut lines = BufReader::new(&mut near).lines();
        let shown: Vec<_> = lines.by_ref().take(3).collect::<io::Result<_>>()?;
        assert_eq!(shown, ["one", "two", "done"]);
        assert_eq!(reading.wait()?, ["one\n", "two\n"]);
        // Nobody has the other side any more.
        assert_eq!(lines.next().unwrap().unwrap_err().raw_os_error(), Some(libc::EIO));
        Ok(())
    });
}

#[test]
fn sockets_of_stds() {
    matrix(|peer| {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let address = socket.local_addr()?;
        let socket = Pollable::new(socket)?;
        let sending = peer.spawn(move || {
            settle();
            let socket = Pollable::new(UdpSocket::bind("127.0.0.1:0")?)?;
            socket.write_with(|socket| socket.send_to(b"ping", address))
        });
        let (count, _) = socket.read_with(|socket| socket.recv_from(&mut [0; 8]))?;
        assert_eq!((count, sending.wait()?), (4, 4));

        let listener = Pollable::new(TcpListener::bind("127.0.0.1:0")?)?;
        let address = listener.get_ref().local_addr()?;
        let connecting = peer.spawn(move || {
            settle();
            TcpStream::connect(address)
        });
        let (stream, _) = listener.read_with(TcpListener::accept)?;
        let (near, far) = (Pollable::new(stream)?, connecting.wait()?);
        assert!(timeout(SOON, || (&near).read(&mut [0; 8])).is_err());
        let mut far = Pollable::new(&far)?;
        far.write_all(b"abc")?;
        assert_eq!((&near).read(&mut [0; 8])?, 3);
        Ok(())
    });
}

#[test]
fn what_the_system_cannot_watch_is_always_ready() {
    both(|| {
        let path = std::env::current_exe()?;
        let mut file = Pollable::new(File::open(&path)?)?;
        file.readable()?;
        select! {
            readable(file) -> ready => ready?,
            default(NEVER) => unreachable!(),
        }
        let mut bytes = vec![0; 100_000];
        file.read_exact(&mut bytes)?;
        assert!(bytes == std::fs::read(path)?[..bytes.len()]);

        let options = File::options().read(true).write(true).open("/dev/null")?;
        let mut null = Pollable::new(options)?;
        assert_eq!(null.read(&mut [0; 8])?, 0);
        null.write_all(&[0; 100_000])?;
        null.flush()?;
        select! {
            writable(null) -> ready => ready?,
            default(NEVER) => unreachable!(),
        }
        Ok(())
    });
}

#[test]
fn the_streams_of_a_child() {
    on_workers(|_| {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = Pollable::new(child.stdin.take().unwrap()).unwrap();
        let mut output = Pollable::new(child.stdout.take().unwrap()).unwrap();
        // More than both pipes hold.
        let sent = vec![5; 1 << 19];
        let writing = go!(clone(sent) => input.write_all(&sent));
        let mut received = Vec::new();
        output.read_to_end(&mut received).unwrap();
        assert!(received == sent);
        writing.wait().unwrap();
        assert!(child.wait().unwrap().success());
    });
}
