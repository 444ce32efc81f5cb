//! Asking a thread what it runs: a signal, whose handler leaves the answer.
//!
//! The handler copies: who the task is, the registers, and the innermost parts of its stacks. It
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
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::thread::{Blocked, Thread};
use super::{Answer, Sample};
use crate::clock::{self, Coarse};
use crate::observe::backtrace::Copied;
use crate::observe::identity::Identity;
use crate::scheduler::{Busy, Frames, busy};
use crate::task::{Parent, TaskId, TaskScope};

/// How much of one stack is copied: as many words as most programs need for all of their frames.
const STACK_WORDS: usize = 64 * 1024 / size_of::<usize>();

/// How much is copied in all.
const COPIED_WORDS: usize = 2 * STACK_WORDS;

/// How many stacks are copied: more than most programs nest.
const STACKS_MAX: usize = 8;

/// How much of a task's name is shown.
const NAME_BYTES: usize = 128;

/// How long an answer is waited for: more than a thread takes that runs.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

/// The pause between two looks for the answer.
const LOOK: Duration = Duration::from_micros(100);

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
    /// Whether the stacks are to be copied.
    copies: AtomicBool,
    answer: UnsafeCell<Found>,
}

// SAFETY: `answer` is written by the handler between ASKED and ANSWERED, which one thread gets to
// be, and read between ANSWERED and the next ASKED by the one who asks, who holds `ASKING`.
unsafe impl Sync for Question {}

struct Found {
    /// `None`: the worker runs no task.
    who: Option<Who>,
    name: Name,
    parent: Name,
    stacks: [Frames; STACKS_MAX],
    /// How many words of each stack are copied.
    words: [usize; STACKS_MAX],
    /// How many stacks there are.
    count: usize,
    /// Whether there are more.
    is_cut: bool,
    /// How many words are copied in all.
    used: usize,
    copied: [usize; COPIED_WORDS],
}

struct Who {
    id: u64,
    spawned_at: &'static Location<'static>,
    /// The id of the task that spawned this one, if one did.
    parent: Option<u64>,
    scope: Option<TaskScope>,
    daemon: bool,
    cancelled: bool,
    stack_size: usize,
    since: Coarse,
}

/// A name, or as much of it as there is room for.
struct Name {
    bytes: [u8; NAME_BYTES],
    /// Zero: there is no name.
    len: usize,
}

impl Name {
    const NONE: Name = Name { bytes: [0; NAME_BYTES], len: 0 };

    fn set(&mut self, name: Option<&str>) {
        let name = name.unwrap_or_default().as_bytes();
        self.len = name.len().min(NAME_BYTES);
        self.bytes[..self.len].copy_from_slice(&name[..self.len]);
    }

    fn get(&self) -> Option<String> {
        let name = String::from_utf8_lossy(&self.bytes[..self.len]);
        (!name.is_empty()).then(|| name.into_owned())
    }
}

static QUESTION: Question = Question {
    state: AtomicU32::new(NONE),
    thread: AtomicI32::new(0),
    mark: AtomicUsize::new(0),
    copies: AtomicBool::new(false),
    answer: UnsafeCell::new(Found {
        who: None,
        name: Name::NONE,
        parent: Name::NONE,
        stacks: [Frames::NONE; STACKS_MAX],
        words: [0; STACKS_MAX],
        count: 0,
        is_cut: false,
        used: 0,
        copied: [0; COPIED_WORDS],
    }),
};

/// The signal, once it is chosen. Held by the one who asks.
static ASKING: Mutex<Option<c_int>> = Mutex::new(None);

/// The number of this thread in the system.
pub(in crate::observe) fn own_thread() -> Thread {
    // SAFETY: the call has no preconditions.
    Thread(unsafe { libc::gettid() })
}

/// Asks a thread what the worker with this mark runs there. `copies`: with copies of its stacks,
/// which the unwinder was found to understand.
#[expect(clippy::disallowed_methods, reason = "this is on a thread of its own")]
pub(super) fn ask(whom: Thread, mark: usize, copies: bool) -> Answer {
    let mut asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(signal) = signal(&mut asking, whom.blocked()) else { return Answer::Silent };
    QUESTION.thread.store(whom.0, Ordering::Relaxed);
    QUESTION.mark.store(mark, Ordering::Relaxed);
    QUESTION.copies.store(copies, Ordering::Relaxed);
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
    answer.sample().map_or(Answer::Nothing, |sample| Answer::Task(Box::new(sample)))
}

impl Found {
    fn sample(&self) -> Option<Sample> {
        let who = self.who.as_ref()?;
        let mut rest = &self.copied[..];
        let stacks = self.stacks.iter().zip(self.words).take(self.count);
        let stacks = stacks.map(|(&Frames { pc, sp, fp, end }, words)| {
            let (copied, others) = rest.split_at(words);
            rest = others;
            let is_cut = sp + words * size_of::<usize>() < end;
            Copied { pc, sp, fp, words: copied.to_vec(), is_cut }
        });
        Some(Sample {
            who: Identity {
                id: TaskId::new(who.id),
                name: self.name.get(),
                spawned_at: who.spawned_at,
                parent: who.parent.map(|id| Parent::known(id, self.parent.get())),
                scope: who.scope,
                daemon: who.daemon,
                cancelled: who.cancelled,
                stack_size: who.stack_size,
            },
            since: who.since,
            stacks: stacks.collect(),
            is_cut: self.is_cut,
        })
    }
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
    answer.who = None;
    if let Some(busy) = busy(QUESTION.mark.load(Ordering::Relaxed)) {
        answer.fill(&busy);
        if QUESTION.copies.load(Ordering::Relaxed) {
            let are_all = busy.each_stack(registers(context), &mut |frames| answer.copy(frames));
            answer.is_cut |= !are_all;
        }
    }
    state.store(ANSWERED, Ordering::Release);
}

impl Found {
    /// Puts down who the task is.
    fn fill(&mut self, busy: &Busy<'_>) {
        let task = busy.task;
        let parent = task.meta().and_then(|meta| meta.parent());
        self.name.set(task.name());
        self.parent.set(parent.and_then(Parent::name));
        self.who = Some(Who {
            id: task.id,
            spawned_at: task.spawned_at,
            parent: parent.map(|parent| parent.id().get()),
            scope: task.scope(),
            daemon: task.kind.daemon,
            cancelled: task.word.is_cancelled(),
            stack_size: task.class.get().bytes(),
            since: busy.since,
        });
        (self.count, self.used, self.is_cut) = (0, 0, false);
    }

    /// Copies one more stack of the task's.
    fn copy(&mut self, frames: Frames) {
        let Frames { sp, end, .. } = frames;
        if self.count == STACKS_MAX || !sp.is_multiple_of(size_of::<usize>()) {
            self.is_cut = true;
            return;
        }
        let (used, count) = (self.used, self.count);
        let words = (end - sp) / size_of::<usize>();
        let words = words.min(STACK_WORDS).min(COPIED_WORDS - used);
        // SAFETY: the words lie in a stack, above its stack pointer. The running one is that of the
        // code which the handler has interrupted, and the others are suspended until that goes on.
        unsafe { copy(sp, &mut self.copied[used..used + words]) };
        (self.stacks[count], self.words[count]) = (frames, words);
        (self.used, self.count) = (used + words, count + 1);
    }
}

/// The instruction, stack and frame pointers of the code that a signal has interrupted.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn registers(context: *mut c_void) -> Frames {
    // SAFETY: the kernel passes a valid context to a handler that was set with SA_SIGINFO.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let register = |register: c_int| context.uc_mcontext.gregs[register as usize] as usize;
    let (pc, sp, fp) = (libc::REG_RIP, libc::REG_RSP, libc::REG_RBP);
    Frames { pc: register(pc), sp: register(sp), fp: register(fp), end: 0 }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn registers(_: *mut c_void) -> Frames {
    Frames::NONE
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
