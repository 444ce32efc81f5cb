//! What the process holds between rounds, when no runtime is alive.

use std::fs;

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// In use, as the allocator counts; 0 if it does not.
    heap: usize,
    /// Anonymous memory, mapped for use, that is not the allocator's: stacks, for the most part.
    stacks: usize,
    resident: usize,
}

impl Memory {
    pub(super) fn now() -> Memory {
        let (heap, held) = heap();
        Memory { heap, stacks: mapped().saturating_sub(held), resident: resident() }
    }
}

/// What the allocator has lent, and what it holds.
#[cfg(target_env = "gnu")]
fn heap() -> (usize, usize) {
    // SAFETY: it only gives back what is not in use; what that was would be chance.
    unsafe { libc::malloc_trim(0) };
    // SAFETY: it only looks.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd, info.arena + info.hblkhd)
}

#[cfg(not(target_env = "gnu"))]
fn heap() -> (usize, usize) {
    (0, 0)
}

/// A stack that is not given back stays mapped, all of it.
fn mapped() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let anonymous = maps.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (range, mode) = (fields.next()?, fields.next()?);
        let (begin, end) = range.split_once('-')?;
        let bytes = |text| usize::from_str_radix(text, 16).unwrap();
        (mode == "rw-p" && fields.nth(3).is_none()).then(|| bytes(end) - bytes(begin))
    });
    anonymous.sum()
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Panics if the later ones hold more than the earlier ones, by more than chance.
pub(super) fn assert_flat(rounds: &[Memory]) {
    if cfg!(gocoro_asan) {
        return; // which keeps what is freed, for a while
    }
    let (early, late) = rounds.split_at(rounds.len() / 2);
    for (what, of, slack) in [
        ("heap", (|memory| memory.heap) as fn(&Memory) -> usize, 1 << 18),
        ("stacks", |memory| memory.stacks, 1 << 24),
        ("resident", |memory| memory.resident, 1 << 24),
    ] {
        let most = early.iter().map(of).max().unwrap();
        let least = late.iter().map(of).min().unwrap();
        assert!(least <= most + most / 10 + slack, "{what} grows: {rounds:?}");
    }
}
