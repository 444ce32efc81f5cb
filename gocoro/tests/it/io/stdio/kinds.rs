//! The kinds of files that a standard descriptor may lead to.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process;

/// What two processes can talk over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Pipe,
    Fifo,
    Terminal,
    Socket,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Pipe, Kind::Fifo, Kind::Terminal, Kind::Socket];

/// A path that no other test uses.
pub(super) fn path(name: &str) -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, SeqCst);
    std::env::temp_dir().join(format!("gocoro-{}-{number}-{name}", process::id()))
}

impl Kind {
    /// The end that reads and the one that writes. `outside` is the end that the test keeps, of a
    /// terminal that is the emulator's.
    fn open(self, outside_writes: bool) -> (OwnedFd, OwnedFd) {
        match self {
            Kind::Pipe => {
                let (reader, writer) = io::pipe().unwrap();
                (reader.into(), writer.into())
            }
            Kind::Socket => {
                let (one, two) = UnixStream::pair().unwrap();
                (one.into(), two.into())
            }
            Kind::Fifo => {
                let path = path("fifo");
                let name = CString::new(path.to_str().unwrap()).unwrap();
                // SAFETY: the path ends with a null byte.
                assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
                // One that is open for both lets the others be opened at once.
                let both = File::options().read(true).write(true).open(&path).unwrap();
                let reader = File::open(&path).unwrap();
                let writer = File::options().write(true).open(&path).unwrap();
                fs::remove_file(path).unwrap();
                drop(both);
                (reader.into(), writer.into())
            }
            Kind::Terminal => {
                let (emulator, program) = terminal();
                if outside_writes { (program, emulator) } else { (emulator, program) }
            }
        }
    }

    /// A child's standard input, and where the test writes.
    pub(super) fn input(self) -> (OwnedFd, OwnedFd) {
        self.open(true)
    }

    /// Where the test reads, and a child's output.
    pub(super) fn output(self) -> (OwnedFd, OwnedFd) {
        self.open(false)
    }
}

/// A terminal: the emulator's side and the program's.
pub(in crate::io) fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut emulator, mut program) = (0, 0);
    let null = std::ptr::null_mut();
    // SAFETY: the two numbers are stored, and nothing else is asked for.
    let result = unsafe {
        libc::openpty(&raw mut emulator, &raw mut program, null, null.cast(), null.cast())
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    // SAFETY: both were just opened, and nothing else owns them.
    let ends = unsafe { (OwnedFd::from_raw_fd(emulator), OwnedFd::from_raw_fd(program)) };
    for end in [&ends.0, &ends.1] {
        use std::os::fd::AsRawFd;
        // SAFETY: no pointers.
        unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    ends
}

/// Whether this process may become another user.
pub(super) fn is_root() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() == 0 }
}

/// Becomes a user who may not open again what is open.
pub(super) fn become_nobody() {
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setuid(65534) }, 0, "{}", io::Error::last_os_error());
}
