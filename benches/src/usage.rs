//! What a process has used, in processor time and memory; and how many files it may open.

use std::{fs, io, mem, time::Duration};

/// More open files than any row needs on either side of its connections.
const OPEN_FILES: u64 = 110_000;

/// Processor time of this process so far, in user and kernel mode.
pub(crate) fn cpu_time() -> Duration {
    // SAFETY: `rusage` consists of integers, for which zeroes are a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` is valid for writes.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) } != 0;
    assert!(!failed, "getrusage: {}", io::Error::last_os_error());
    let part = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    part(usage.ru_utime) + part(usage.ru_stime)
}

/// Bytes of memory that this process holds now, with the page tables that map them.
pub(crate) fn memory() -> u64 {
    status("VmRSS:") + status("VmPTE:")
}

/// The most bytes that this process has held at any time.
pub(crate) fn peak_memory() -> u64 {
    status("VmHWM:")
}

/// The bytes that a line of `/proc/self/status` tells, in KiB.
fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("read /proc/self/status");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a line of status");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib * 1024
}

/// Raises the limit of open files as far as is permitted, and returns it.
pub(crate) fn allow_open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writes.
    let failed = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0;
    assert!(!failed, "getrlimit: {}", io::Error::last_os_error());
    let wanted = limit.rlim_max.max(OPEN_FILES);
    // A hard limit above the present one may be refused. The present one never is.
    for max in [wanted, limit.rlim_max] {
        let raised = libc::rlimit { rlim_cur: max, rlim_max: max };
        // SAFETY: `raised` is valid for reads.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
            return max;
        }
    }
    limit.rlim_cur
}
