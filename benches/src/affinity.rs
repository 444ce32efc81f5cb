//! Which cores a process runs on.

use std::{io, mem};

use crate::row::Place;

/// The cores that this process may run on.
pub(crate) fn cores() -> Vec<usize> {
    // SAFETY: `cpu_set_t` is an array of integers, for which zeroes are a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is valid for writes of the size given.
    let failed = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &mut set) } != 0;
    if failed {
        return vec![0];
    }
    // SAFETY: each number is below `CPU_SETSIZE`, the set's size.
    (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect()
}

/// Binds the calling thread, and all threads it starts from now on, to `cores`.
pub(crate) fn pin(cores: &[usize]) {
    // SAFETY: `cpu_set_t` is an array of integers, for which zeroes are a value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for &core in cores.iter().filter(|&&core| core < libc::CPU_SETSIZE as usize) {
        // SAFETY: the number is below `CPU_SETSIZE`, the set's size.
        unsafe { libc::CPU_SET(core, &mut set) };
    }
    // SAFETY: `set` is valid for reads of the size given.
    if unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) } != 0 {
        eprintln!("not pinned to {cores:?}: {}", io::Error::last_os_error());
    }
}

/// The cores of a process at `place`, when the measured system has `workers` workers.
pub(crate) fn at(place: Place, workers: usize) -> Vec<usize> {
    let cores = cores();
    match place {
        Place::Workers => cores[..workers.min(cores.len())].to_vec(),
        Place::BesideServer if workers < cores.len() => cores[workers..].to_vec(),
        Place::BesideServer | Place::All => cores,
    }
}
