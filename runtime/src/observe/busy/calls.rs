//! The system calls by which tasks block their workers, by their numbers.

use std::ffi::c_long;

/// A call, by its name.
macro_rules! calls {
    ($($name:ident $number:ident,)*) => {
        &[$((libc::$number, stringify!($name)),)*]
    };
}

/// The calls that go on, or are made again by the kernel, after a signal whose handler was set with
/// `SA_RESTART`: their callers do not see it. Sleeps are among them although they end: std's go on
/// by themselves, and who calls another has to look how long it was.
const KEPT: &[(c_long, &str)] = calls![
    pread SYS_pread64,
    wait4 SYS_wait4,
    waitid SYS_waitid,
    openat SYS_openat,
    flock SYS_flock,
    fcntl SYS_fcntl,
    fsync SYS_fsync,
    fdatasync SYS_fdatasync,
    ioctl SYS_ioctl,
    nanosleep SYS_nanosleep,
    clock_nanosleep SYS_clock_nanosleep,
    getdents SYS_getdents64,
    newfstatat SYS_newfstatat,
    statx SYS_statx,
    unlinkat SYS_unlinkat,
    mmap SYS_mmap,
    munmap SYS_munmap,
    madvise SYS_madvise,
    sched_yield SYS_sched_yield,
];

/// Calls that are kept as [`KEPT`] are, unless their descriptor is a socket, which may have a
/// timeout (`SO_RCVTIMEO`): then a signal ends them with `EINTR`.
const KEPT_BUT_FOR_SOCKETS: &[(c_long, &str)] = calls![read SYS_read, readv SYS_readv,];

/// Calls that are kept as [`KEPT`] are, unless they have a timeout: one in `sem_timedwait` ends
/// with `EINTR` then, and nothing tells that from others.
const KEPT_IF_ENDLESS: &[(c_long, &str)] = calls![futex SYS_futex,];

/// Calls that a signal may end, whatever its handler was set with: with `EINTR`, as it does where a
/// socket has a timeout, or with a part of what they were to do.
const CUT: &[(c_long, &str)] = calls![
    write SYS_write,
    writev SYS_writev,
    pwrite SYS_pwrite64,
    recvfrom SYS_recvfrom,
    sendto SYS_sendto,
    recvmsg SYS_recvmsg,
    sendmsg SYS_sendmsg,
    accept SYS_accept,
    accept4 SYS_accept4,
    connect SYS_connect,
    sendfile SYS_sendfile,
    splice SYS_splice,
    copy_file_range SYS_copy_file_range,
    ppoll SYS_ppoll,
    pselect6 SYS_pselect6,
    epoll_pwait SYS_epoll_pwait,
    rt_sigsuspend SYS_rt_sigsuspend,
    rt_sigtimedwait SYS_rt_sigtimedwait,
    semtimedop SYS_semtimedop,
    msgrcv SYS_msgrcv,
    msgsnd SYS_msgsnd,
    io_getevents SYS_io_getevents,
];

#[cfg(target_arch = "x86_64")]
const OLD: &[(c_long, &str)] = calls![open SYS_open, stat SYS_stat, lstat SYS_lstat,];

#[cfg(target_arch = "x86_64")]
const OLD_CUT: &[(c_long, &str)] = calls![
    poll SYS_poll,
    select SYS_select,
    epoll_wait SYS_epoll_wait,
    pause SYS_pause,
];

#[cfg(not(target_arch = "x86_64"))]
const OLD: &[(c_long, &str)] = &[];

#[cfg(not(target_arch = "x86_64"))]
const OLD_CUT: &[(c_long, &str)] = &[];

/// The name of the call with this number, if it is one that usually blocks.
pub(super) fn name(number: c_long) -> Option<&'static str> {
    let kept = [KEPT, KEPT_BUT_FOR_SOCKETS, KEPT_IF_ENDLESS, OLD];
    let mut all = kept.into_iter().chain([CUT, OLD_CUT]).flatten().copied();
    all.find(|&(known, _)| known == number).map(|(_, name)| name)
}

/// Whether whoever has called this, with these arguments, does not see a signal. `is_socket` tells
/// whether a descriptor is one.
pub(super) fn is_kept(
    number: c_long,
    arguments: &[usize],
    is_socket: impl FnOnce(usize) -> bool,
) -> bool {
    let is_in = |calls: &[(c_long, &str)]| calls.iter().any(|&(known, _)| known == number);
    match *arguments {
        _ if is_in(KEPT) || is_in(OLD) => true,
        [descriptor, ..] if is_in(KEPT_BUT_FOR_SOCKETS) => !is_socket(descriptor),
        [_, _, _, timeout, ..] if is_in(KEPT_IF_ENDLESS) => timeout == 0,
        _ => false,
    }
}
