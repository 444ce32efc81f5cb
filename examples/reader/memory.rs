//! The memory of another process, and whether it may be read.

use std::fs;
use std::io::{self, IoSliceMut};
use std::path::PathBuf;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::failure::Failure;

/// More bytes than anything has that is read at once.
const READ_MAX: usize = 1 << 30;

/// Why some memory was not read.
#[derive(Debug)]
pub(crate) enum Fault {
    /// There is none at that address.
    Nowhere,
    /// The process is gone, or cannot be read.
    Failed(Failure),
}

/// A process that can be read.
pub(crate) struct Process {
    pub(crate) number: i32,
    pub(crate) name: String,
    /// When it started, by which a later process of the same number is told from it.
    started: u64,
}

/// What the system says of a process.
struct Status {
    name: String,
    state: char,
    started: u64,
}

impl Status {
    fn of(process: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name stands in parentheses, and may have some of its own.
        let (before, after) = text.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let mut rest = after.split_ascii_whitespace();
        let state = rest.next()?.chars().next()?;
        let started = rest.nth(18)?.parse().ok()?;
        Some(Self { name, state, started })
    }
}

impl Process {
    /// A process, once it is known that its memory can be read.
    pub(crate) fn open(number: i32) -> Result<Self, Failure> {
        let status = Status::of(number).ok_or(Failure::NoProcess(number))?;
        let group = field(number, "Tgid:").and_then(|numbers| numbers.first().copied());
        if let Some(process) = group.filter(|&process| process != number as u32) {
            return Err(Failure::Thread(number, process as i32));
        }
        if matches!(status.state, 'Z' | 'X') {
            return Err(Failure::Zombie(number));
        }
        let process = Self { number, name: status.name, started: status.started };
        let maps = fs::read_to_string(process.file("maps")).map_err(|e| process.why_not(e))?;
        if maps.is_empty() {
            return Err(if process.is_alive() {
                Failure::Kernel(number)
            } else {
                Failure::Ended(number)
            });
        }
        process.check_machine()?;
        // The first mapping may be one that nobody can read, so any will do.
        let starts = maps.lines().filter(|line| line.contains(" r"));
        let starts =
            starts.filter_map(|line| u64::from_str_radix(line.split('-').next()?, 16).ok());
        let mut byte = [0];
        for start in starts {
            match process.read(start, &mut byte) {
                Ok(()) => return Ok(process),
                Err(Fault::Nowhere) => {}
                Err(Fault::Failed(failure)) => return Err(failure),
            }
        }
        Ok(process)
    }

    /// A file that the kernel has of the process.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.number).into()
    }

    /// Whether the process is still there, and not another one of its number.
    pub(crate) fn is_alive(&self) -> bool {
        Status::of(self.number).is_some_and(|status| {
            status.started == self.started && !matches!(status.state, 'Z' | 'X')
        })
    }

    /// What the process is, if it has been stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        Status::of(self.number).is_some_and(|status| matches!(status.state, 'T' | 't'))
    }

    /// Fails if the program is for another machine, or has other pointers.
    fn check_machine(&self) -> Result<(), Failure> {
        let head = |path| {
            let mut head = [0; 20];
            let mut file = fs::File::open(path)?;
            io::Read::read_exact(&mut file, &mut head).map(|()| head)
        };
        let (Ok(theirs), Ok(ours)) = (head(self.file("exe")), head("/proc/self/exe".into())) else {
            // The memory says more.
            return Ok(());
        };
        let machine = |head: [u8; 20]| u16::from_le_bytes([head[18], head[19]]);
        let other = |what| Err(Failure::OtherMachine { process: self.number, what });
        match theirs {
            _ if !theirs.starts_with(b"\x7fELF") => Ok(()),
            _ if theirs[4] != ours[4] => other(String::from("a 32-bit program")),
            _ if machine(theirs) != machine(ours) => {
                other(format!("a program for another machine (ELF number {})", machine(theirs)))
            }
            _ => Ok(()),
        }
    }

    /// Reads memory.
    pub(crate) fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = &mut bytes[done..];
            let from = address.checked_add(done as u64).ok_or(Fault::Nowhere)?;
            let remote = RemoteIoVec { base: from as usize, len: rest.len() };
            let local = &mut [IoSliceMut::new(rest)];
            match process_vm_readv(Pid::from_raw(self.number), local, &[remote]) {
                Ok(0) => return Err(Fault::Nowhere),
                Ok(count) => done += count,
                Err(error) => return Err(self.fault(error.into())),
            }
        }
        Ok(())
    }

    fn fault(&self, error: io::Error) -> Fault {
        match error.raw_os_error() {
            Some(libc::EFAULT | libc::EINVAL | libc::EIO) if self.is_alive() => Fault::Nowhere,
            _ => Fault::Failed(self.why_not(error)),
        }
    }

    /// The `count` bytes at this address.
    pub(crate) fn bytes(&self, address: u64, count: usize) -> Result<Vec<u8>, Fault> {
        if count > READ_MAX {
            return Err(Fault::Nowhere);
        }
        let mut bytes = vec![0; count];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn word(&self, address: u64) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).map(|()| u64::from_ne_bytes(bytes))
    }

    /// What an error means that came of looking into the process.
    pub(crate) fn why_not(&self, error: io::Error) -> Failure {
        let process = self.number;
        match error.raw_os_error() {
            Some(libc::ESRCH) => Failure::Ended(process),
            _ if !self.is_alive() => Failure::Ended(process),
            Some(libc::ENOSYS) => Failure::NoCall(process),
            Some(libc::EPERM | libc::EACCES) => {
                let users = |process| field(process, "Uid:").unwrap_or_default();
                let mine = users(std::process::id() as i32).get(1).copied().unwrap_or_default();
                let mut theirs = users(process);
                theirs.dedup();
                if mine != 0 && theirs.iter().any(|&user| user != mine) {
                    return Failure::OtherUser { process, theirs, mine };
                }
                match yama() {
                    scope @ 1.. => Failure::Yama { process, scope },
                    0 => Failure::Refused(process, error),
                }
            }
            _ => Failure::System("the process cannot be read", error),
        }
    }
}

/// The setting of Yama, which bounds who may look into whose processes. Zero: it does not.
fn yama() -> u8 {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    scope.and_then(|scope| scope.trim().parse().ok()).unwrap_or(0)
}

/// The numbers of a line of a process's status.
fn field(process: i32, name: &str) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().map(|number| number.parse().ok()).collect()
}

/// A part of the process's memory, as it was read.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Bytes(pub Vec<u8>);

impl Bytes {
    fn part<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let offset = usize::try_from(offset).ok()?;
        self.0.get(offset..offset.checked_add(N)?)?.try_into().ok()
    }

    pub(crate) fn byte(&self, offset: u64) -> Option<u8> {
        self.part(offset).map(|[byte]| byte)
    }

    pub(crate) fn half(&self, offset: u64) -> Option<u32> {
        self.part(offset).map(u32::from_ne_bytes)
    }

    pub(crate) fn word(&self, offset: u64) -> Option<u64> {
        self.part(offset).map(u64::from_ne_bytes)
    }

    /// A text with zeros behind, in a room of so many bytes.
    pub(crate) fn text(&self, offset: u64, room: u64) -> Option<String> {
        let start = usize::try_from(offset).ok()?;
        let bytes = self.0.get(start..start.checked_add(usize::try_from(room).ok()?)?)?;
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some(clean(&bytes[..end]))
    }
}

/// A text that may be anything, for a terminal.
pub(crate) fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
