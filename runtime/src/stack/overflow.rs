//! The report of a stack overflow, and the end of the process.
//!
//! `generator` would drop the task without running its destructors and go on; a lock that the task
//! held would stay locked, a scope's children would read freed frames. So gocoro's handler stands
//! in front: a fault in the running stack's guard is reported and the process aborts; every other
//! fault goes to the handler that stood before `generator`'s, which is std's, or the program's.
//!
//! The handler runs on the thread's alternate signal stack and does what a signal handler may: read
//! memory, `write(2)`, `abort`; and, where another thread is about to abort, `pause(2)`.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// What to say of an overflow. All of it is read in a signal handler, so nothing is owned.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) name: Option<&'static str>,
    pub(crate) id: u64,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) bytes: usize,
}

struct Saved {
    segv: libc::sigaction,
    bus: libc::sigaction,
    fault: fn(usize) -> Option<Fault>,
}

static SAVED: AtomicPtr<Saved> = AtomicPtr::new(std::ptr::null_mut());

/// Installs the handler: `first` makes `generator` install its own, which is skipped from then on.
pub(super) fn install(
    fault: fn(usize) -> Option<Fault>,
    first: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let segv = action_of(libc::SIGSEGV);
    let bus = action_of(libc::SIGBUS);
    first()?;
    let saved = Box::new(Saved { segv, bus, fault });
    // Leaked: the handler may run until the process ends.
    SAVED.store(Box::into_raw(saved), Ordering::Release);
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: all-zero is a valid sigaction; the fields that matter are set below.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: `action` is complete, and its handler does what a handler may.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
    Ok(())
}

fn action_of(signal: libc::c_int) -> libc::sigaction {
    // SAFETY: all-zero is a valid sigaction, and a valid place for the answer.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    }
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let saved = SAVED.load(Ordering::Acquire);
    // SAFETY: set before the handler was installed, and never freed.
    let saved = unsafe { &*saved };
    // SAFETY: the kernel passes a valid siginfo for SIGSEGV and SIGBUS.
    let address = unsafe { (*info).si_addr() }.addr();
    if let Some(fault) = (saved.fault)(address) {
        report_alone(&fault);
        // SAFETY: abort has no preconditions.
        unsafe { libc::abort() };
    }
    let before = if signal == libc::SIGBUS { &saved.bus } else { &saved.segv };
    match before.sa_sigaction {
        libc::SIG_IGN => {}
        libc::SIG_DFL => {
            // Returning runs the faulting instruction again, and this time the default ends it.
            // SAFETY: `before` was the complete action of this signal.
            unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
        }
        address if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: SA_SIGINFO says that the address is a handler of three arguments.
            let before = unsafe { std::mem::transmute::<usize, Action>(address) };
            before(signal, info, context);
        }
        address => {
            // SAFETY: without SA_SIGINFO it is a handler of one argument.
            let before =
                unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(address) };
            before(signal);
        }
    }
}

/// The task that runs `main` under `#[go_main]`, which gets its stack in its own way; 0 without.
static MAIN: AtomicU64 = AtomicU64::new(0);

/// This task runs `main`.
pub(crate) fn set_main(id: u64) {
    MAIN.store(id, Ordering::Relaxed);
}

/// Reports the process's first overflow. A thread that has another one waits here for the end, so
/// that the first is reported whole.
fn report_alone(fault: &Fault) {
    static REPORTING: AtomicBool = AtomicBool::new(false);
    if REPORTING.swap(true, Ordering::Relaxed) {
        loop {
            // SAFETY: pause has no preconditions. The reporter aborts the process.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: the flag lets one thread of the process come here, once, so nobody else has a
    // reference.
    let report = unsafe { &mut *REPORT.0.get() };
    report.fill(fault);
    report.flush();
}

/// Enough for the usual report, so that it is written at once.
const REPORT_BYTES: usize = 1024;

/// The report that is written. It does not lie on the signal's stack, which may have only a few KiB
/// left.
static REPORT: Single = Single(UnsafeCell::new(Report { bytes: [0; REPORT_BYTES], used: 0 }));

struct Single(UnsafeCell<Report>);

// SAFETY: `report_alone` lets one thread use it.
unsafe impl Sync for Single {}

/// A text that is put together without memory of its own.
struct Report {
    bytes: [u8; REPORT_BYTES],
    used: usize,
}

impl Report {
    fn fill(&mut self, fault: &Fault) {
        self.text("\ngocoro: task ");
        match fault.name {
            Some(name) => {
                self.text("'");
                self.text(name);
                self.text("'");
            }
            None => self.number(fault.id),
        }
        self.text(" (spawned at ");
        self.text(fault.file);
        self.text(":");
        self.number(fault.line.into());
        self.text(") has overflowed its stack of ");
        self.number(fault.bytes as u64);
        let wanted = fault.bytes as u64 * 4;
        if fault.id == MAIN.load(Ordering::Relaxed) {
            self.text(" bytes\nraise it with `#[go_main(main_stack_size = ");
            self.number(wanted);
            self.text(")]` or GOCORO_MAIN_STACK_SIZE\n");
        } else {
            self.text(" bytes\nraise it with `go!(stack_size = ");
            self.number(wanted);
            self.text(" => ..)`, task::Builder::stack_size, or for all tasks GOCORO_STACK_SIZE\n");
        }
    }

    fn text(&mut self, text: &str) {
        for &byte in text.as_bytes() {
            if self.used == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
    }

    fn number(&mut self, mut value: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        for &digit in &digits[at..] {
            self.text(char::from(digit).encode_utf8(&mut [0; 4]));
        }
    }

    /// Writes what there is to standard error.
    fn flush(&mut self) {
        let mut bytes = &self.bytes[..self.used];
        while !bytes.is_empty() {
            // SAFETY: the range is valid for reads.
            let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => bytes = &bytes[written..],
                _ => break,
            }
        }
        self.used = 0;
    }
}

/// An alternate signal stack for a thread that runs tasks and has none: without one an overflow
/// would die silently. Threads that std started have their own.
#[derive(Debug)]
pub(crate) struct AltStack {
    mapped: Option<usize>,
}

const ALT_STACK_BYTES: usize = 64 * 1024;

impl AltStack {
    /// Gives this thread an alternate signal stack unless it has one.
    pub(crate) fn ensure() -> AltStack {
        // SAFETY: all-zero is a valid stack_t, and a valid place for the answer.
        let mut now: libc::stack_t = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: as above.
        let known = unsafe { libc::sigaltstack(std::ptr::null(), &mut now) } == 0;
        if !known || now.ss_flags & libc::SS_DISABLE == 0 {
            return AltStack { mapped: None };
        }
        let Ok(first) = super::guard::map_alt_stack(ALT_STACK_BYTES) else {
            return AltStack { mapped: None };
        };
        now.ss_sp = std::ptr::without_provenance_mut(first);
        now.ss_flags = 0;
        now.ss_size = ALT_STACK_BYTES;
        // SAFETY: the range was mapped for this and stays until it is disabled in `drop`.
        unsafe { libc::sigaltstack(&now, std::ptr::null_mut()) };
        AltStack { mapped: Some(first) }
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        let Some(first) = self.mapped else { return };
        // SAFETY: disabling this thread's alternate stack, then giving back the memory that only it
        // used. An `AltStack` stays on its thread: its owner does.
        unsafe {
            let mut none: libc::stack_t = MaybeUninit::zeroed().assume_init();
            none.ss_flags = libc::SS_DISABLE;
            libc::sigaltstack(&none, std::ptr::null_mut());
            libc::munmap(std::ptr::without_provenance_mut(first), ALT_STACK_BYTES);
        }
    }
}
