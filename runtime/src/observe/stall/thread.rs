//! What the system says of a thread.

use std::ffi::{c_int, c_long};
use std::fs;
use std::time::Duration;

use super::calls;

/// A thread of this process, by its number in the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Thread(pub(super) i32);

/// The time that a thread has spent since it was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Spent {
    pub(super) computing: Duration,
    /// The thread could have run, and had no processor.
    pub(super) without_processor: Duration,
}

impl Spent {
    pub(super) fn since(self, before: Spent) -> Spent {
        Spent {
            computing: self.computing.saturating_sub(before.computing),
            without_processor: self.without_processor.saturating_sub(before.without_processor),
        }
    }
}

/// What a thread does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    /// It runs, or could run.
    Computes,
    /// It waits in this system call; and what for, as the kernel names it.
    Call(c_long, Option<String>),
    /// It waits outside of a system call, as for a page that has to be read.
    Fault(Option<String>),
    /// The system does not say.
    Unknown,
}

impl Thread {
    fn read(self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/self/task/{}/{file}", self.0)).ok()
    }

    /// What the thread has spent so far. `None`: the system does not say.
    pub(super) fn spent(self) -> Option<Spent> {
        spent(&self.read("schedstat")?)
    }

    /// Whether the thread takes this signal, as far as the system says.
    pub(super) fn takes(self, signal: c_int) -> bool {
        !self.read("status").is_some_and(|status| is_blocked(&status, signal))
    }

    pub(super) fn doing(self) -> Doing {
        let Some(call) = self.read("syscall") else { return Doing::Unknown };
        let place = || {
            let place = self.read("wchan").filter(|place| place.trim() != "0");
            place.map(|place| place.trim().to_owned()).filter(|place| !place.is_empty())
        };
        match number(&call) {
            Number::None => Doing::Computes,
            Number::Fault => Doing::Fault(place()),
            Number::Call(number) => Doing::Call(number, place()),
            Number::Unknown => Doing::Unknown,
        }
    }
}

impl Doing {
    /// Whether a signal would change nothing for the thread.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Doing::Computes | Doing::Fault(_) => true,
            Doing::Call(number, _) => calls::is_kept(*number),
            Doing::Unknown => false,
        }
    }

    pub(super) fn in_words(&self) -> String {
        let at = |place: &Option<String>| match place {
            Some(place) => format!(" ({place})"),
            None => String::new(),
        };
        match self {
            Doing::Computes => "computes".to_owned(),
            Doing::Call(number, place) => match calls::name(*number) {
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

/// Reads `/proc/…/schedstat`: nanoseconds with a processor, and nanoseconds without one.
fn spent(text: &str) -> Option<Spent> {
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten().map(Duration::from_nanos);
    Some(Spent { computing: next()?, without_processor: next()? })
}

/// Reads in `/proc/…/status` whether the thread blocks this signal.
fn is_blocked(status: &str, signal: c_int) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 != 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert!(matches!(number("running\n"), Number::None));
        assert!(matches!(number("-1 0x7ffc 0x55\n"), Number::Fault));
        assert!(matches!(number("0 0x3 0x55 0x1 0x0 0x0 0x0 0x7ffc 0x55\n"), Number::Call(0)));
        assert!(matches!(number(""), Number::Unknown));
        let time = Duration::from_nanos;
        let both = Spent { computing: time(123), without_processor: time(456) };
        assert_eq!(spent("123 456 7\n"), Some(both));
        assert_eq!(both.since(Spent { computing: time(23), ..both }).computing, time(100));
        assert_eq!(spent("0\n"), None);
        let status = "Name:\tx\nSigBlk:\t8000000000000001\nSigIgn:\t0000000000000000\n";
        assert!(is_blocked(status, 1) && is_blocked(status, 64));
        assert!(!is_blocked(status, 2) && !is_blocked("", 1));
    }

    #[test]
    fn doings_have_words() {
        let read = Doing::Call(libc::SYS_read, Some("pipe_read".to_owned()));
        assert_eq!(read.in_words(), "blocks in read(2) (pipe_read)");
        assert_eq!(Doing::Call(9999, None).in_words(), "blocks in system call 9999");
        assert!(read.is_kept() && Doing::Computes.is_kept());
        assert!(!Doing::Call(libc::SYS_ppoll, None).is_kept() && !Doing::Unknown.is_kept());
    }
}
