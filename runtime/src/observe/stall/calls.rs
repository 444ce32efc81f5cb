//! The system calls by which tasks block their workers, by their numbers.

use std::ffi::c_long;

/// A call, by its name.
macro_rules! calls {
    ($($name:ident $number:ident,)*) => {
        &[$((libc::$number, stringify!($name)),)*]
    };
}

/// The calls that go on, or are made again by the kernel, after a signal whose handler was set with
/// `SA_RESTART`. A signal does nothing to them. Sleeps are among them although they end: std's go
/// on by themselves, and who calls another has to look how long it was.
const KEPT: &[(c_long, &str)] = calls![
    read SYS_read,
    write SYS_write,
    readv SYS_readv,
    writev SYS_writev,
    pread SYS_pread64,
    pwrite SYS_pwrite64,
    recvfrom SYS_recvfrom,
    sendto SYS_sendto,
    recvmsg SYS_recvmsg,
    sendmsg SYS_sendmsg,
    accept SYS_accept,
    accept4 SYS_accept4,
    connect SYS_connect,
    futex SYS_futex,
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
    sendfile SYS_sendfile,
    splice SYS_splice,
    copy_file_range SYS_copy_file_range,
];

/// Calls that a signal ends with `EINTR`, whatever its handler was set with.
const CUT: &[(c_long, &str)] = calls![
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
    let all = KEPT.iter().chain(OLD).chain(CUT).chain(OLD_CUT);
    all.copied().find(|&(known, _)| known == number).map(|(_, name)| name)
}

/// Whether a signal does nothing to a thread that is in this call.
pub(super) fn is_kept(number: c_long) -> bool {
    KEPT.iter().chain(OLD).any(|&(known, _)| known == number)
}
