//! What the system says of a thread.

use std::ffi::{c_int, c_long};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use super::calls;

/// A thread of this process, by its number in the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::observe) struct Thread(pub(in crate::observe) i32);

/// The signals that a thread blocks: the first has the lowest bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocked(u64);

impl Blocked {
    pub(in crate::observe) fn has(self, signal: c_int) -> bool {
        self.0 >> (signal - 1) & 1 != 0
    }
}

/// The time that a thread has spent since it was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::observe) struct Spent {
    pub(in crate::observe) computing: Duration,
    /// The thread could have run, and had no processor.
    pub(in crate::observe) without_processor: Duration,
}

impl Spent {
    pub(in crate::observe) fn since(self, before: Spent) -> Spent {
        Spent {
            computing: self.computing.saturating_sub(before.computing),
            without_processor: self.without_processor.saturating_sub(before.without_processor),
        }
    }
}

/// What a thread does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::observe) enum Doing {
    /// The thread runs, or could run.
    Computes,
    /// The thread waits in a system call.
    Call(Call),
    /// The thread waits outside of a system call, as for a page that has to be read.
    Fault(Option<String>),
    /// The system does not say.
    Unknown,
}

/// A system call that has not returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::observe) struct Call {
    number: c_long,
    arguments: Vec<usize>,
    /// What it waits for, as the kernel names it.
    place: Option<String>,
}

impl Thread {
    fn read(self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/self/task/{}/{file}", self.0)).ok()
    }

    /// What the thread has spent so far. `None`: the system does not say.
    pub(in crate::observe) fn spent(self) -> Option<Spent> {
        spent(&self.read("schedstat")?)
    }

    /// The signals that the thread blocks, as far as the system says.
    pub(super) fn blocked(self) -> Blocked {
        self.read("status").map_or(Blocked(0), |status| blocked(&status))
    }

    pub(in crate::observe) fn doing(self) -> Doing {
        let Some(call) = self.read("syscall") else { return Doing::Unknown };
        let place = || {
            let place = self.read("wchan").filter(|place| place.trim() != "0");
            place.map(|place| place.trim().to_owned()).filter(|place| !place.is_empty())
        };
        match number(&call) {
            Number::None => Doing::Computes,
            Number::Fault => Doing::Fault(place()),
            Number::Call(number) => {
                Doing::Call(Call { number, arguments: arguments(&call), place: place() })
            }
            Number::Unknown => Doing::Unknown,
        }
    }

    /// Whether the thread would not see a signal while it does this.
    pub(in crate::observe) fn is_kept(self, doing: &Doing) -> bool {
        match doing {
            Doing::Computes | Doing::Fault(_) => true,
            Doing::Call(Call { number, arguments, .. }) => {
                calls::is_kept(*number, arguments, |descriptor| self.may_be_socket(descriptor))
            }
            Doing::Unknown => false,
        }
    }

    /// Whether a descriptor of this thread's is a socket, or it is unknown what it is.
    fn may_be_socket(self, descriptor: usize) -> bool {
        let what = fs::metadata(format!("/proc/self/task/{}/fd/{descriptor}", self.0));
        what.map_or(true, |what| what.file_type().is_socket())
    }
}

impl Doing {
    pub(in crate::observe) fn in_words(&self) -> String {
        let at = |place: &Option<String>| match place {
            Some(place) => format!(" ({place})"),
            None => String::new(),
        };
        match self {
            Doing::Computes => "computes".to_owned(),
            Doing::Call(Call { number, place, .. }) => match calls::name(*number) {
                Some(name) => format!("blocks in {name}(2){}", at(place)),
                None => format!("blocks in system call {number}{}", at(place)),
            },
            Doing::Fault(place) => format!("waits for memory{}", at(place)),
            Doing::Unknown => "computes or blocks".to_owned(),
        }
    }
}

enum Number {
    None,
    Fault,
    Call(c_long),
    Unknown,
}

/// Reads `/proc/…/syscall`.
fn number(text: &str) -> Number {
    match text.split_whitespace().next() {
        Some("running") => Number::None,
        Some("-1") => Number::Fault,
        Some(number) => number.parse().map_or(Number::Unknown, Number::Call),
        None => Number::Unknown,
    }
}

/// Reads the arguments of the call in `/proc/…/syscall`: what is between the number and the stack
/// and instruction pointers.
fn arguments(text: &str) -> Vec<usize> {
    let word = |word: &str| usize::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    text.split_whitespace().skip(1).take(6).map_while(word).collect()
}

/// Reads `/proc/…/schedstat`: nanoseconds with a processor, and nanoseconds without one.
fn spent(text: &str) -> Option<Spent> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten().map(Duration::from_nanos);
    Some(Spent { computing: next()?, without_processor: next()? })
}

/// Reads in `/proc/…/status` which signals the thread blocks.
fn blocked(status: &str) -> Blocked {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    Blocked(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert!(matches!(number("running\n"), Number::None));
        assert!(matches!(number("-1 0x7ffc 0x55\n"), Number::Fault));
        assert!(matches!(number("0 0x3 0x55 0x1 0x0 0x0 0x0 0x7ffc 0x55\n"), Number::Call(0)));
        assert!(matches!(number(""), Number::Unknown));
        let words = arguments("202 0x7f00 0x80 0x1 0x0 0xa 0xffffffffffffffff 0x7ffc 0x55\n");
        assert_eq!(words, [0x7f00, 0x80, 1, 0, 10, usize::MAX]);
        let time = Duration::from_nanos;
        let both = Spent { computing: time(123), without_processor: time(456) };
        assert_eq!(spent("123 456 7\n"), Some(both));
        assert_eq!(both.since(Spent { computing: time(23), ..both }).computing, time(100));
        assert_eq!(spent("0\n"), None);
        let status = "Name:\tx\nSigBlk:\t8000000000000001\nSigIgn:\t0000000000000000\n";
        let blocked = |status, signal| blocked(status).has(signal);
        assert!(blocked(status, 1) && blocked(status, 64));
        assert!(!blocked(status, 2) && !blocked("", 1));
    }

    #[test]
    fn doings_have_words() {
        let call = |number, place| Doing::Call(Call { number, arguments: Vec::new(), place });
        let read = call(libc::SYS_read, Some("pipe_read".to_owned()));
        assert_eq!(read.in_words(), "blocks in read(2) (pipe_read)");
        assert_eq!(call(9999, None).in_words(), "blocks in system call 9999");
    }

    #[test]
    fn only_who_does_not_see_a_signal_gets_one() {
        let own = fs::read_link("/proc/thread-self").unwrap();
        let here = Thread(own.file_name().unwrap().to_str().unwrap().parse().unwrap());
        let is_kept = |number, arguments: &[usize]| {
            here.is_kept(&Doing::Call(Call { number, arguments: arguments.into(), place: None }))
        };
        let (pipe, _writer) = std::io::pipe().unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (pipe, socket) = (pipe.as_raw_fd() as usize, socket.as_raw_fd() as usize);
        assert!(is_kept(libc::SYS_read, &[pipe, 0, 1]) && is_kept(libc::SYS_wait4, &[]));
        assert!(!is_kept(libc::SYS_read, &[socket, 0, 1]));
        assert!(!is_kept(libc::SYS_read, &[i32::MAX as usize, 0, 1]));
        assert!(!is_kept(libc::SYS_read, &[]) && !is_kept(libc::SYS_write, &[pipe, 0, 1]));
        assert!(!is_kept(libc::SYS_recvfrom, &[socket]) && !is_kept(libc::SYS_ppoll, &[]));
        assert!(is_kept(libc::SYS_futex, &[0x7f00, 0, 1, 0, 0, 0]));
        assert!(!is_kept(libc::SYS_futex, &[0x7f00, 0, 1, 0x7ffc, 0, 0]));
        assert!(here.is_kept(&Doing::Computes) && !here.is_kept(&Doing::Unknown));
    }
}
