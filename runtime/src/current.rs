//! What runs on this thread, by thread-locals, and what a worker shows of itself to the layers
//! below the scheduler.
//!
//! Modules that keep something else for a thread have thread-locals of their own: the memory of
//! ended tasks, std's count of panics, the mark of a throw, the sanitizer's stacks.
//!
//! A task never leaves its worker's thread, so a [`Core`] that a task looked up stays right across
//! its waits.

mod pace;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::thread;

use crate::boundary::Waits;
use crate::parker::{Kept, Parker};
use crate::stack::Pool;
use crate::task::mailbox::{Mailbox, Notifier};
use crate::task::word::Requests;
use crate::task::{Flags, Header, Locals, ReadyQueue, TaskRef};
use crate::timer::Timers;
use crate::unwind::{Count, Unwinding};

pub(crate) use pace::Pace;

/// A worker, as its tasks see it. One thread's.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) mailbox: &'static Mailbox,
    /// Which runtime this worker belongs to.
    pub(crate) home: u32,
    /// The task that runs; null between tasks.
    pub(crate) task: Cell<*const Header>,
    /// Runnable, before all others: what the running task woke last. May be null.
    pub(crate) next: Cell<*const Header>,
    /// The unstarted task that the task that parked last waits for; null if none. Never followed,
    /// only compared: it may be gone.
    pub(crate) wanted: Cell<*const Header>,
    /// Runnable.
    pub(crate) ready: ReadyQueue,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) stacks: RefCell<Pool>,
    /// Started and not ended, newest first.
    pub(crate) live: Cell<*const Header>,
    pub(crate) live_count: Cell<usize>,
    /// The thread's count of panics, zero between tasks. `None`: it cannot be found, and no other
    /// task runs while one waits in the middle of its unwinding.
    pub(crate) panics: Option<Count>,
    /// Has the worker act on what comes, but run no task.
    pub(crate) attend: fn(&Core, Patience),
    /// What is left to the running task before it gives way: see [`BUDGET`](crate::limits::BUDGET).
    pub(crate) budget: Cell<u32>,
    /// How long the worker has run tasks without looking around.
    pub(crate) pace: Pace,
    /// Unstarted tasks in the worker's queue; not fewer than there are, for thieves do not count
    /// what they take.
    pub(crate) unstarted: Cell<usize>,
    /// Tasks that yielded while there were some: their places in `ready`, counted as
    /// [`ReadyQueue::end`] does.
    pub(crate) yielded: RefCell<Vec<usize>>,
    /// Links of ended tasks that are still on their way here.
    pub(crate) links_due: Cell<usize>,
    /// The reactor's part of the worker, which only the reactor knows how to read.
    pub(crate) reactor: Cell<*const ()>,
    /// The scheduler's part, likewise.
    pub(crate) worker: Cell<*const ()>,
    /// While this is the thread's worker: the one whose task runs it, or null.
    outer: Cell<*const Core>,
}

/// Whether a worker waits for something to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    None,
    Endless,
}

impl Core {
    /// A core without tasks.
    pub(crate) fn new(
        notifier: Arc<dyn Notifier>,
        home: u32,
        attend: fn(&Core, Patience),
        stacks: Pool,
    ) -> std::io::Result<Core> {
        Ok(Core {
            mailbox: Mailbox::acquire(notifier)?,
            home,
            panics: Count::find(),
            attend,
            task: Cell::new(std::ptr::null()),
            next: Cell::new(std::ptr::null()),
            wanted: Cell::new(std::ptr::null()),
            ready: ReadyQueue::default(),
            timers: RefCell::new(Timers::new()),
            stacks: RefCell::new(stacks),
            live: Cell::new(std::ptr::null()),
            live_count: Cell::new(0),
            budget: Cell::new(0),
            pace: Pace::new(),
            unstarted: Cell::new(0),
            yielded: RefCell::default(),
            links_due: Cell::new(0),
            reactor: Cell::new(std::ptr::null()),
            worker: Cell::new(std::ptr::null()),
            outer: Cell::new(std::ptr::null()),
        })
    }

    /// Takes a task that this worker has just claimed: it is live, and what was asked of it before
    /// is known. The worker now holds the reference.
    pub(crate) fn adopt(&self, task: TaskRef, requests: Requests) -> *const Header {
        let asked = [
            (requests.wake(), Flags::TOKEN),
            (requests.permit(), Flags::PERMIT),
            (requests.cancel(), Flags::CANCEL),
        ];
        for (asked, flag) in asked {
            if asked {
                task.set(flag);
            }
        }
        let raw = task.into_raw();
        // SAFETY: the reference was just taken over; the list's tasks are alive.
        let (task, next) = unsafe { (&*raw, self.live.replace(raw).as_ref()) };
        if let Some(next) = next {
            next.live_prev.set(raw);
            task.live_next.set(next);
        }
        self.live_count.set(self.live_count.get() + 1);
        raw
    }

    /// Takes a task that ended out of the live ones.
    pub(crate) fn unlink_live(&self, task: &Header) {
        let (prev, next) = (task.live_prev.get(), task.live_next.get());
        // SAFETY: the list's tasks are alive, and only this thread touches the list.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.live_next.set(next),
            None => self.live.set(next),
        }
        // SAFETY: as above.
        if let Some(next) = unsafe { next.as_ref() } {
            next.live_prev.set(prev);
        }
        self.live_count.set(self.live_count.get() - 1);
    }

    /// The live tasks, newest first. Nothing is started or ended while the iterator is used.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Header> {
        let mut next = self.live.get();
        std::iter::from_fn(move || {
            // SAFETY: the list's tasks are alive.
            let task = unsafe { next.as_ref() }?;
            next = task.live_next.get();
            Some(task)
        })
    }
}

thread_local! {
    static CORE: Cell<*const Core> = const { Cell::new(std::ptr::null()) };
    static PARKER: Kept = const { RefCell::new(None) };
    static LOCALS: Locals = const { Locals::new() };
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    static REFUSING: Cell<u32> = const { Cell::new(0) };
    static AT_END: AtEnd = const { AtEnd(Cell::new(None)) };
}

#[cfg(not(all(test, loom)))]
thread_local! {
    static WAITS: Waits = const { Waits::new() };
}

// Each of a model's threads has boundaries of its own.
#[cfg(all(test, loom))]
loom::thread_local! {
    static WAITS: Waits = Waits::new();
}

/// A number below `end`, which no fairness but that of many choices rests on.
pub(crate) fn random(end: usize) -> usize {
    let mut state = RANDOM.get();
    if state == 0 {
        // The address is another one on each thread.
        state = 0x9E37_79B9_7F4A_7C15 ^ (&raw const state).addr() as u64 | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    RANDOM.set(state);
    (((state >> 32) * end as u64) >> 32) as usize
}

/// The worker on this thread, if a worker is what this thread is now.
#[inline(always)]
pub(crate) fn core() -> Option<&'static Core> {
    let core = CORE.get();
    // SAFETY: set by `enter`, whose caller keeps the core alive until it is set back, on this
    // thread; no caller keeps the answer longer than the code it runs for the worker.
    unsafe { core.as_ref() }
}

/// The task on this thread, with its worker.
#[inline(always)]
pub(crate) fn task() -> Option<(&'static Core, &'static Header)> {
    let core = core()?;
    // SAFETY: a task that runs is alive, and its caller runs on it.
    let task = unsafe { core.task.get().as_ref() }?;
    Some((core, task))
}

/// The tasks that run on this thread: the current one, then that below whose frames its worker
/// runs, and so on. Between tasks, a worker has none.
pub(crate) fn tasks() -> impl Iterator<Item = &'static Header> {
    cores().filter_map(|core| {
        // SAFETY: a task that runs is alive.
        unsafe { core.task.get().as_ref() }
    })
}

/// This thread's worker, then the one whose task runs that, and so on.
fn cores() -> impl Iterator<Item = &'static Core> {
    // SAFETY: `enter` sets both to cores that live until they are set back, on this thread.
    std::iter::successors(core(), |core| unsafe { core.outer.get().as_ref() })
}

/// Whether that runtime cannot end before what runs here does: this thread is one of its workers,
/// perhaps below the tasks of others, or drops a closure that it refused.
pub(crate) fn is_inside(home: u32) -> bool {
    cores().any(|core| core.home == home) || REFUSING.get() == home
}

/// Drops a closure that this runtime refused, on a thread of no worker.
pub(crate) fn refusing<R>(home: u32, f: impl FnOnce() -> R) -> R {
    let before = REFUSING.replace(home);
    let result = f();
    REFUSING.set(before);
    result
}

/// Runs foreign code where the task is between two states: what waits in there blocks the thread.
pub(crate) fn off_task<R>(f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a Cell<*const Header>, *const Header);
    impl Drop for Back<'_> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _back = core().map(|core| Back(&core.task, core.task.replace(std::ptr::null())));
    f()
}

/// This thread's worker's number.
#[inline(always)]
pub(crate) fn here() -> Option<u16> {
    Some(core()?.mailbox.id())
}

/// What tells this thread from all others that are alive.
#[inline(always)]
pub(crate) fn thread_mark() -> usize {
    #[cfg(all(test, loom))]
    return crate::loom::thread_mark();
    #[cfg(not(all(test, loom)))]
    CORE.with(|core| std::ptr::from_ref(core).addr())
}

/// Makes this thread a worker's until the answer is dropped.
///
/// # Safety
///
/// The core outlives the answer, which is dropped on this thread.
pub(crate) unsafe fn enter(core: &Core) -> Entered {
    let before = CORE.replace(core);
    core.outer.set(before);
    // What unwinds here is none of the worker's tasks.
    let unwinding = thread::panicking().then(|| Unwinding::take(core.panics));
    Entered { before, unwinding }
}

/// This thread is a worker's.
#[derive(Debug)]
pub(crate) struct Entered {
    before: *const Core,
    /// What unwound here before.
    unwinding: Option<Unwinding>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CORE.set(self.before);
        if let Some(unwinding) = self.unwinding.take() {
            unwinding.put_back();
        }
    }
}

/// The boundaries that the running task has open, or this plain thread.
#[inline(always)]
pub(crate) fn waits() -> &'static Waits {
    match task() {
        Some((_, task)) => &task.waits,
        None => thread_waits(),
    }
}

/// The boundaries that this plain thread has open.
pub(crate) fn thread_waits() -> &'static Waits {
    // SAFETY: the thread-local has no destructor, so it stays as long as its thread does, and what
    // runs on the thread keeps the answer no longer.
    WAITS.with(|waits| unsafe { &*std::ptr::from_ref(waits) })
}

/// Hands this plain thread's values of task-locals to `f`; `None` once they have been dropped.
pub(crate) fn thread_locals<R>(f: impl FnOnce(&Locals) -> R) -> Option<R> {
    LOCALS.try_with(f).ok()
}

/// This thread's parker; one made for this wait where thread-locals are being destroyed.
pub(crate) fn parker() -> Arc<Parker> {
    if cfg!(all(test, loom)) {
        // A model's threads share the thread-locals of the one thread that runs them.
        return Arc::default();
    }
    PARKER.try_with(|kept| kept.borrow_mut().get_or_insert_default().clone()).unwrap_or_default()
}

/// What a thread does at its end.
struct AtEnd(Cell<Option<fn()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.get() {
            f();
        }
    }
}

/// Lets this thread call `f` when its thread-locals are destroyed, which is also when the process
/// exits from it.
///
/// Destructors run in the order opposite to the first uses of their thread-locals, on the systems
/// that we know: so those that were used before this call still stand then.
pub(crate) fn at_thread_end(f: fn()) {
    // Where it has been destroyed, it has been called.
    let _ = AT_END.try_with(|at_end| at_end.0.set(Some(f)));
}
