//! The report of a stack overflow, and the end of the process.
//!
//! After an overflow `generator` would go on without the task, and run none of its destructors. A
//! lock that the task held would stay locked, and a scope's children would read freed frames. So
//! gocoro's handler stands in front of `generator`'s: it reports a fault in the running stack's
//! guard and aborts the process. Every other fault goes to the handler that stood before
//! `generator`'s, which is std's, or the program's.
//!
//! The handler runs on the thread's alternate signal stack, and does only what a signal handler
//! may: it reads memory, calls `write(2)` and `abort`, and, where another thread is about to abort,
//! `pause(2)`.

use std::cell::{RefCell, UnsafeCell};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

/// What to report of an overflow: whose stack it was, and the stack's size. It is made in a signal
/// handler, so it owns nothing.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) who: Who,
    /// Where the task was spawned, or the coroutine created.
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) bytes: usize,
}

/// Whose stack has overflowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Task { name: Option<&'static str>, id: u64 },
    Coroutine,
}

/// What the handler needs to know.
struct Saved {
    /// The actions of the two signals before `generator` set its own.
    segv: libc::sigaction,
    bus: libc::sigaction,
    /// Says what to report if the address lies in the running stack's guard.
    fault: fn(usize) -> Option<Fault>,
}

/// Null until the handler is installed.
static SAVED: AtomicPtr<Saved> = AtomicPtr::new(std::ptr::null_mut());

/// Installs the handler. Before that, `first` makes `generator` install its own handler, which is
/// never called from then on.
pub(super) fn install(
    fault: fn(usize) -> Option<Fault>,
    first: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let segv = action_of(libc::SIGSEGV);
    let bus = action_of(libc::SIGBUS);
    first()?;
    let saved = Box::new(Saved { segv, bus, fault });
    // `saved` is leaked, since the handler may run until the process ends.
    SAVED.store(Box::into_raw(saved), Ordering::Release);
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: all-zero is a valid sigaction; the fields that matter are set below.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: `action` is complete, and `handler` does only what a signal handler may.
        unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    }
    Ok(())
}

/// The action of a signal now.
fn action_of(signal: libc::c_int) -> libc::sigaction {
    // SAFETY: all-zero is a valid sigaction, and `action` is a valid place for the answer.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    }
}

extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let saved = SAVED.load(Ordering::Acquire);
    // SAFETY: `install` sets `SAVED` before it installs this handler, and what it points to is
    // never freed.
    let saved = unsafe { &*saved };
    // SAFETY: the kernel passes a valid siginfo to a handler of SIGSEGV and SIGBUS.
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
            // When the handler returns, the faulting instruction runs again, and this time the
            // default action ends the process.
            // SAFETY: `before` is the complete action that this signal had.
            unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
        }
        address if before.sa_flags & libc::SA_SIGINFO != 0 => {
            type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: SA_SIGINFO says that `address` is a handler of three arguments.
            let before = unsafe { std::mem::transmute::<usize, Action>(address) };
            before(signal, info, context);
        }
        address => {
            // SAFETY: without SA_SIGINFO, and neither ignored nor default, `address` is a handler
            // of one argument.
            let before =
                unsafe { std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(address) };
            before(signal);
        }
    }
}

/// Id of the task that runs `main` under `#[go_main]`, whose stack's size is set in another way
/// than other tasks'; 0: there is none.
static MAIN: AtomicU64 = AtomicU64::new(0);

/// Notes that the task with this id runs `main`.
pub(crate) fn set_main(id: u64) {
    MAIN.store(id, Ordering::Relaxed);
}

/// Reports the process's first overflow. A thread with another overflow waits here for the end of
/// the process, so that the first is reported as a whole.
fn report_alone(fault: &Fault) {
    static REPORTING: AtomicBool = AtomicBool::new(false);
    if REPORTING.swap(true, Ordering::Relaxed) {
        loop {
            // SAFETY: pause has no preconditions.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: the flag lets one thread of the process come here, once, so nobody else has a
    // reference to `REPORT`.
    let report = unsafe { &mut *REPORT.0.get() };
    report.fill(fault);
    report.flush();
}

/// Bytes of the report's buffer: enough for the usual report, so that it is written at once.
const REPORT_BYTES: usize = 1024;

/// The report's buffer. It does not lie on the signal stack, which may have only a few KiB left.
static REPORT: Single = Single(UnsafeCell::new(Report { bytes: [0; REPORT_BYTES], used: 0 }));

/// A report that one thread uses.
struct Single(UnsafeCell<Report>);

// SAFETY: only `report_alone` uses the value, and lets only one thread of the process do so.
unsafe impl Sync for Single {}

/// A text that is put together in a fixed buffer, and written when the buffer is full.
struct Report {
    bytes: [u8; REPORT_BYTES],
    used: usize,
}

impl Report {
    fn fill(&mut self, fault: &Fault) {
        match fault.who {
            Who::Task { name: Some(name), .. } => {
                self.text("\ngocoro: task '");
                self.text(name);
                self.text("' (spawned at ");
            }
            Who::Task { name: None, id } => {
                self.text("\ngocoro: task ");
                self.number(id);
                self.text(" (spawned at ");
            }
            Who::Coroutine => self.text("\ngocoro: a coroutine (created at "),
        }
        self.text(fault.file);
        self.text(":");
        self.number(fault.line.into());
        self.text(") has overflowed its stack of ");
        self.number(fault.bytes as u64);
        let wanted = fault.bytes as u64 * 4;
        match fault.who {
            Who::Task { id, .. } if id == MAIN.load(Ordering::Relaxed) => {
                self.text(" bytes\nraise it with `#[go_main(main_stack_size = ");
                self.number(wanted);
                self.text(")]` or GOCORO_MAIN_STACK_SIZE\n");
            }
            Who::Task { .. } => {
                self.text(" bytes\nraise it with `go!(stack_size = ");
                self.number(wanted);
                self.text(
                    " => ..)`, task::Builder::stack_size, or for all tasks GOCORO_STACK_SIZE\n",
                );
            }
            Who::Coroutine => {
                self.text(" bytes\nraise it with `Coroutine::with_stack_size(");
                self.number(wanted);
                self.text(", ..)`, or for all coroutines GOCORO_STACK_SIZE\n");
            }
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

    /// Writes the buffered text to standard error.
    fn flush(&mut self) {
        let mut bytes = &self.bytes[..self.used];
        while !bytes.is_empty() {
            // SAFETY: `bytes` is valid for reads of its length.
            let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => bytes = &bytes[written..],
                _ => break,
            }
        }
        self.used = 0;
    }
}

/// An alternate signal stack for a thread that runs tasks and has none that is large enough.
/// Without one the kernel could not run the handler after an overflow, and would end the process
/// without a report.
///
/// Threads that std has started have a small one: the kernel's minimum, of which the registers
/// alone fill 3.6 KB with AVX-512, and all with AMX. The handlers that run here walk over what the
/// thread runs, in unoptimised code as well.
pub(crate) struct AltStack {
    made: Option<Made>,
}

impl fmt::Debug for AltStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AltStack").finish_non_exhaustive()
    }
}

/// What gocoro has mapped.
struct Made {
    /// Where the mapping begins, with the guard.
    first: usize,
    /// What the thread had before.
    before: libc::stack_t,
}

const ALT_STACK_BYTES: usize = 64 * 1024;

/// One of another maker that has so many bytes stays in place.
const ENOUGH_BYTES: usize = 32 * 1024;

thread_local! {
    /// What gocoro has given this thread, as long as somebody needs it.
    static ALT_STACK: RefCell<Weak<AltStack>> = const { RefCell::new(Weak::new()) };
}

impl AltStack {
    /// Gives this thread an alternate signal stack unless it has a large one. It has it at least
    /// for as long as the answer is kept, on this thread.
    pub(crate) fn ensure() -> Rc<AltStack> {
        let kept = ALT_STACK.try_with(|kept| kept.borrow().upgrade()).ok().flatten();
        kept.unwrap_or_else(|| {
            let made = Rc::new(AltStack::make());
            let _ = ALT_STACK.try_with(|kept| kept.replace(Rc::downgrade(&made)));
            made
        })
    }

    fn make() -> AltStack {
        let Some(before) = present() else { return AltStack { made: None } };
        if before.ss_flags & libc::SS_DISABLE == 0 && before.ss_size >= ENOUGH_BYTES {
            return AltStack { made: None };
        }
        let Ok(first) = super::guard::map_alt_stack(ALT_STACK_BYTES) else {
            return AltStack { made: None };
        };
        let made = AltStack { made: Some(Made { first, before }) };
        // SAFETY: the memory was mapped for this, and `drop` takes the signal stack out of use
        // before it unmaps the memory.
        unsafe { libc::sigaltstack(&stack_at(first), std::ptr::null_mut()) };
        made
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        let Some(Made { first, before }) = self.made.take() else { return };
        let is_free = match present() {
            // SAFETY: the call puts back what this thread had; an `Rc` does not leave its thread,
            // which is the one that called `ensure`. Whoever frees its alternate stack takes it out
            // of use before, and would have taken this one out.
            Some(now) if now.ss_sp == stack_at(first).ss_sp => unsafe {
                libc::sigaltstack(&before, std::ptr::null_mut()) == 0
            },
            // As std leaves a thread at its end, with what was there before freed.
            Some(now) => now.ss_flags & libc::SS_DISABLE != 0,
            None => false,
        };
        // Who has put another one in the place of this one may put this one back, so it stays then.
        if is_free {
            super::guard::unmap_alt_stack(first, ALT_STACK_BYTES);
        }
    }
}

/// What the kernel is told of memory that was mapped for an alternate stack.
fn stack_at(first: usize) -> libc::stack_t {
    // SAFETY: all-zero is a valid stack_t.
    let mut stack: libc::stack_t = unsafe { MaybeUninit::zeroed().assume_init() };
    let above_the_guard = first + super::guard::page_bytes();
    stack.ss_sp = std::ptr::without_provenance_mut(above_the_guard);
    stack.ss_size = ALT_STACK_BYTES;
    stack
}

/// This thread's alternate stack.
fn present() -> Option<libc::stack_t> {
    // SAFETY: all-zero is a valid stack_t.
    let mut now: libc::stack_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: `now` is a valid place for the answer.
    (unsafe { libc::sigaltstack(std::ptr::null(), &mut now) } == 0).then_some(now)
}
