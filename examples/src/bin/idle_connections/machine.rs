//! What the machine allows, and what it says the process uses.

use rlimit::Resource;

/// Descriptors that are not connections: stdio, listeners, and what the runtime polls with.
const SPARE_FDS: usize = 256;

/// Memory of this process in KiB.
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) page_tables: f64,
}

/// Reads the process's memory figures, where the system has them.
pub(crate) fn memory() -> Option<Memory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Memory { resident: field("VmRSS:")?, page_tables: field("VmPTE:")? })
}

/// Raises the descriptor limit and returns how many connections fit under it, at most `wanted`.
pub(crate) fn make_room(wanted: usize) -> usize {
    let fds = (wanted + SPARE_FDS) as u64;
    let (soft, hard) = rlimit::getrlimit(Resource::NOFILE).unwrap_or((1_024, 1_024));
    // Only a privileged process may go beyond the hard limit. Every process may go up to it.
    if rlimit::setrlimit(Resource::NOFILE, fds.max(soft), fds.max(hard)).is_ok() {
        return wanted;
    }
    let allowed = rlimit::increase_nofile_limit(fds).unwrap_or(soft) as usize;
    let fitting = wanted.min(allowed.saturating_sub(SPARE_FDS));
    if fitting < wanted {
        println!(
            "{wanted} connections need {fds} descriptors, {allowed} are allowed here \
             (see `ulimit -Hn`): going on with {fitting}"
        );
    }
    fitting
}
