//! Asking a thread what it runs: a signal, whose handler leaves the answer.
//!
//! The handler copies: who the task is, the registers, and the innermost part of the stack. It
//! calls nothing that a handler may not. One question is open at a time.
//!
//! The signal is a real-time one of which the program makes no use: the last one whose action is
//! the default when the first question is asked, and that the thread which is asked does not block,
//! as it does with one that the program takes by `sigwait`. It is sent to single threads alone, and
//! both are looked at again before each question. Should the program take it later, another one is
//! used.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::thread::{Blocked, Thread};
use crate::clock;
use crate::scheduler::{Busy, busy};

/// How much of a stack is copied: as many words as most programs need for all of their frames.
const COPIED_WORDS: usize = 64 * 1024 / size_of::<usize>();

/// How much of a task's name is shown.
const NAME_BYTES: usize = 64;

/// How long an answer is waited for: more than a thread takes that runs.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

/// The pause between two looks for the answer.
const LOOK: Duration = Duration::from_micros(100);

/// What a thread runs.
pub(super) struct Sample {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) registers: Option<Registers>,
}

/// Where the code was, and a copy of its stack from `sp` on.
pub(super) struct Registers {
    pub(super) pc: usize,
    pub(super) sp: usize,
    pub(super) fp: usize,
    pub(super) words: Vec<usize>,
}

/// States of the question.
const NONE: u32 = 0;
const ASKED: u32 = 1;
const ANSWERING: u32 = 2;
const ANSWERED: u32 = 3;

struct Question {
    state: AtomicU32,
    /// Who is asked, and the worker that it should be.
    thread: AtomicI32,
    mark: AtomicUsize,
    answer: UnsafeCell<Found>,
}

// SAFETY: `answer` is written by the handler between ASKED and ANSWERED, which one thread gets to
// be, and read between ANSWERED and the next ASKED by the one who asks, who holds `ASKING`.
unsafe impl Sync for Question {}

struct Found {
    id: u64,
    name: [u8; NAME_BYTES],
    /// How many bytes the name has. Zero: none.
    name_len: usize,
    /// `None`: the worker runs no task.
    spawned_at: Option<&'static Location<'static>>,
    pc: usize,
    sp: usize,
    fp: usize,
    /// How many words are copied.
    words: usize,
    copied: [usize; COPIED_WORDS],
}

static QUESTION: Question = Question {
    state: AtomicU32::new(NONE),
    thread: AtomicI32::new(0),
    mark: AtomicUsize::new(0),
    answer: UnsafeCell::new(Found {
        id: 0,
        name: [0; NAME_BYTES],
        name_len: 0,
        spawned_at: None,
        pc: 0,
        sp: 0,
        fp: 0,
        words: 0,
        copied: [0; COPIED_WORDS],
    }),
};

/// The signal, once it is chosen. Held by the one who asks.
static ASKING: Mutex<Option<c_int>> = Mutex::new(None);

/// What a thread has answered.
pub(super) enum Answer {
    Task(Sample),
    /// The worker runs no task.
    Nothing,
    /// The thread does not answer, or must not be asked.
    Silent,
}

/// Asks a thread what the worker with this mark runs there.
#[expect(clippy::disallowed_methods, reason = "this is on a thread of its own")]
pub(super) fn ask(whom: Thread, mark: usize) -> Answer {
    let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(signal) = signal(&mut asking, whom.blocked()) else { return Answer::Silent };
    QUESTION.thread.store(whom.0, Ordering::Relaxed);
    QUESTION.mark.store(mark, Ordering::Relaxed);
    QUESTION.state.store(ASKED, Ordering::Release);
    // SAFETY: the call touches no memory, and the signal has a handler.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), whom.0, signal) };
    let until = clock::now() + ANSWER_PATIENCE;
    while QUESTION.state.load(Ordering::Acquire) != ANSWERED {
        let is_over = sent != 0 || clock::now() > until;
        let (from, to, order) = (ASKED, NONE, Ordering::Relaxed);
        if is_over && QUESTION.state.compare_exchange(from, to, order, order).is_ok() {
            return Answer::Silent;
        }
        // A thread that answers is done at once, unless it has no processor.
        thread::sleep(LOOK);
    }
    QUESTION.state.store(NONE, Ordering::Relaxed);
    // SAFETY: the question is answered, and nobody else asks while the lock is held.
    let answer = unsafe { &*QUESTION.answer.get() };
    let Some(spawned_at) = answer.spawned_at else { return Answer::Nothing };
    let name = String::from_utf8_lossy(&answer.name[..answer.name_len]);
    Answer::Task(Sample {
        id: answer.id,
        name: (!name.is_empty()).then(|| name.into_owned()),
        spawned_at,
        registers: (answer.words > 0).then(|| Registers {
            pc: answer.pc,
            sp: answer.sp,
            fp: answer.fp,
            words: answer.copied[..answer.words].to_vec(),
        }),
    })
}

/// The signal to ask a thread by that blocks these. `None`: the program uses all others.
fn signal(chosen: &mut Option<c_int>, blocked: Blocked) -> Option<c_int> {
    let own = handler as *const () as usize;
    let has = |signal: c_int, action: usize| {
        action_of(signal).is_some_and(|present| present.sa_sigaction == action)
    };
    let takes = |signal: &c_int| !blocked.has(*signal);
    if let Some(signal) = chosen.filter(takes)
        && has(signal, own)
    {
        return Some(signal);
    }
    // One that was chosen for another thread may do as well.
    let mut signals = (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().filter(takes);
    let free = |&signal: &c_int| has(signal, own) || has(signal, libc::SIG_DFL) && install(signal);
    *chosen = signals.find(free);
    *chosen
}

fn action_of(signal: c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only stores the present one, for which `action` has
    // room; all-zero is a valid value of it.
    unsafe {
        (libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0)
            .then(|| action.assume_init())
    }
}

fn install(signal: c_int) -> bool {
    // SAFETY: all-zero is a valid sigaction; the fields that matter are set below.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as *const () as usize;
    // Workers have an alternate stack, for their tasks' stacks may be full.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: `action` is complete, and `handler` does only what a signal handler may.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) == 0 }
}

extern "C" fn handler(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the call has no preconditions, and sets no `errno`.
    let own = unsafe { libc::gettid() };
    // A signal may come late, when the question has been given up.
    if QUESTION.thread.load(Ordering::Relaxed) != own {
        return;
    }
    let (from, to) = (ASKED, ANSWERING);
    let state = &QUESTION.state;
    if state.compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return;
    }
    // SAFETY: this thread has made the state ANSWERING, so nobody else has a reference.
    let answer = unsafe { &mut *QUESTION.answer.get() };
    (answer.spawned_at, answer.words) = (None, 0);
    let (pc, sp, fp) = registers(context);
    busy(QUESTION.mark.load(Ordering::Relaxed), sp, |task| fill(answer, (pc, sp, fp), task));
    state.store(ANSWERED, Ordering::Release);
}

/// Puts down what a handler has found.
fn fill(answer: &mut Found, (pc, sp, fp): (usize, usize, usize), task: Busy<'_>) {
    let name = task.name.unwrap_or_default().as_bytes();
    answer.name_len = name.len().min(NAME_BYTES);
    answer.name[..answer.name_len].copy_from_slice(&name[..answer.name_len]);
    (answer.id, answer.spawned_at) = (task.id, Some(task.spawned_at));
    (answer.pc, answer.sp, answer.fp) = (pc, sp, fp);
    if let Some(stack) = task.stack
        && sp.is_multiple_of(size_of::<usize>())
    {
        answer.words = ((stack.end - sp) / size_of::<usize>()).min(COPIED_WORDS);
        // SAFETY: the words lie in the running stack, above the stack pointer.
        unsafe { copy(sp, &mut answer.copied[..answer.words]) };
    }
}

/// The instruction, stack and frame pointers of the code that a signal has interrupted.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn registers(context: *mut c_void) -> (usize, usize, usize) {
    // SAFETY: the kernel passes a valid context to a handler that was set with SA_SIGINFO.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let register = |register: c_int| context.uc_mcontext.gregs[register as usize] as usize;
    (register(libc::REG_RIP), register(libc::REG_RSP), register(libc::REG_RBP))
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn registers(_: *mut c_void) -> (usize, usize, usize) {
    (0, 1, 0)
}

/// Copies words of a running stack. A plain copy would be checked by AddressSanitizer, which
/// forbids some words of frames to all but the compiler.
///
/// # Safety
///
/// As many words as are copied must be readable from `from` on.
unsafe fn copy(from: usize, to: &mut [usize]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction reads what the caller permits, and fills `to`. The direction flag is
    // clear, as everywhere.
    unsafe {
        std::arch::asm!(
            "rep movsq",
            inout("rcx") to.len() => _,
            inout("rsi") from => _,
            inout("rdi") to.as_mut_ptr() => _,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, to);
}
