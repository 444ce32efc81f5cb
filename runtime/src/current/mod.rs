//! What runs on this thread: its worker and its task, kept in thread-locals; and the part of a
//! worker that the layers below the scheduler see.
//!
//! Modules that keep something else for a thread have thread-locals of their own: the memory of
//! ended tasks, std's count of panics, the mark of a throw, the sanitizer's stacks, whether a
//! subscriber is being told of an event.
//!
//! A task never leaves its worker's thread, so the [`Core`] that a task has looked up is still the
//! right one after a wait.

mod live;
mod numbers;
mod pace;
mod stacks;

use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;
use std::sync::atomic::compiler_fence;
use std::thread;
use std::time::Instant;

use crate::boundary::Waits;
use crate::clock::{self, Coarse};
use crate::counters::{self, Counter, TURNS_TIMED_EVERY};
use crate::parker::{Kept, Parker};
use crate::recorder::Recorder;
use crate::stack::{self, Chain, Pool};
use crate::task::mailbox::{Mailbox, Notifier};
use crate::task::word::Requests;
use crate::task::{Flags, Header, Locals, ReadyQueue, TaskRef};
use crate::timer::Timers;
use crate::unwind::{self, Count, Unwinding};

pub(crate) use live::{Here, Newest};
pub(crate) use numbers::{thread_mark, worker_number};
pub(crate) use pace::Pace;
pub(crate) use stacks::{coroutines, each as each_stack};

/// A worker, as its tasks and the layers below the scheduler see it. Only the worker's thread
/// touches it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) mailbox: &'static Mailbox,
    /// The number of the runtime that this worker belongs to.
    pub(crate) home: u32,
    /// The task that runs now; null between tasks.
    pub(crate) task: Cell<*const Header>,
    /// The task that was woken last, which is runnable and goes before `ready`; null if there is
    /// none.
    pub(crate) next: Cell<*const Header>,
    /// The unstarted task that the task which parked last waits for; null if there is none. The
    /// pointer is only compared, never followed, for the task may be gone.
    pub(crate) wanted: Cell<*const Header>,
    /// The newest of the unstarted tasks that this worker alone may start.
    pub(crate) newest: Newest,
    /// The other runnable tasks.
    pub(crate) ready: ReadyQueue,
    pub(crate) timers: RefCell<Timers>,
    pub(crate) stacks: RefCell<Pool>,
    /// The first of the live tasks, which have started and not ended, newest first.
    pub(crate) live: Cell<*const Header>,
    pub(crate) live_count: Cell<usize>,
    /// What the worker counts, for others to see.
    pub(crate) counters: Arc<counters::Own>,
    /// What the worker records. `None`: nothing.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// How many of the worker's tasks have ended, and how many it has spawned. Shown by
    /// [`Core::show`], for these are counted too often to be stored for others each time.
    pub(crate) ended: Cell<u64>,
    pub(crate) spawned: Cell<u64>,
    /// How many tasks were picked to be resumed, and how many of these were shown. Whoever looks
    /// for stalls reads the first.
    pub(crate) picked: Counter,
    shown: Cell<u64>,
    /// The end of the queue, as [`ReadyQueue::end`] counts, when it was last timed until its last
    /// task was resumed, and when that was. `None`: it is not being timed.
    timed: Cell<Option<(usize, Instant)>>,
    /// The place of the thread's count of panics, which is zero between tasks. `None`: it cannot be
    /// found, and no other task runs while one waits in the middle of its unwinding.
    pub(crate) panics: Option<Count>,
    /// Who is told if a task's wait seems to close a cycle of tasks that wait for each other.
    pub(crate) when_cyclic: Cell<Option<fn(u64)>>,
    /// Has the worker act on its inbox, timers and I/O, but run no task.
    pub(crate) attend: fn(&Core, Patience),
    /// What is left of the running task's [`BUDGET`](crate::limits::BUDGET).
    pub(crate) budget: Cell<u32>,
    /// How long the worker has run tasks without looking around.
    pub(crate) pace: Pace,
    /// When the worker's turn began, which parks take for the time now.
    pub(crate) turned: Cell<Coarse>,
    /// How many unstarted tasks the worker's queue has at most. There may be fewer, for thieves do
    /// not count what they take.
    pub(crate) unstarted: Cell<usize>,
    /// The places in `ready`, as [`ReadyQueue::end`] counts them, of tasks that yielded while there
    /// were unstarted ones.
    pub(crate) yielded: RefCell<Vec<usize>>,
    /// How many links of ended tasks are still on their way to this worker's inbox, or in it.
    pub(crate) links_due: Cell<usize>,
    /// The reactor's part of the worker, which only the reactor knows how to read.
    pub(crate) reactor: Cell<*const ()>,
    /// The scheduler's part of the worker, which only the scheduler knows how to read.
    pub(crate) worker: Cell<*const ()>,
    /// The worker whose task runs this worker, while this one is the thread's worker; null if there
    /// is none.
    outer: Cell<*const Core>,
    /// The coroutines in which this thread ran when it became this worker.
    below: Chain,
}

/// How long [`Core::attend`] waits if nothing is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    None,
    Endless,
}

impl Core {
    /// Where the parts lie, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("core.bytes", size_of::<Core>() as u64),
        ("core.runtime", offset_of!(Core, home) as u64),
        ("core.live", offset_of!(Core, live) as u64),
        ("core.live_count", offset_of!(Core, live_count) as u64),
        ("core.unstarted", offset_of!(Core, unstarted) as u64),
        ("core.worker", offset_of!(Core, worker) as u64),
    ];

    /// A new worker's core, without tasks.
    pub(crate) fn new(
        notifier: Arc<dyn Notifier>,
        home: u32,
        counters: Arc<counters::Own>,
        recorder: Option<Arc<Recorder>>,
        attend: fn(&Core, Patience),
        stacks: Pool,
        is_internal: bool,
    ) -> std::io::Result<Core> {
        Ok(Core {
            mailbox: Mailbox::acquire(notifier, is_internal)?,
            home,
            panics: Count::find(),
            when_cyclic: Cell::new(None),
            attend,
            task: Cell::new(std::ptr::null()),
            next: Cell::new(std::ptr::null()),
            wanted: Cell::new(std::ptr::null()),
            newest: Newest::default(),
            ready: ReadyQueue::default(),
            timers: RefCell::new(Timers::new()),
            stacks: RefCell::new(stacks),
            live: Cell::new(std::ptr::null()),
            live_count: Cell::new(0),
            counters,
            recorder,
            ended: Cell::new(0),
            spawned: Cell::new(0),
            picked: Counter::default(),
            shown: Cell::new(0),
            timed: Cell::new(None),
            budget: Cell::new(0),
            pace: Pace::new(),
            turned: Cell::new(Coarse::now()),
            unstarted: Cell::new(0),
            yielded: RefCell::default(),
            links_due: Cell::new(0),
            reactor: Cell::new(std::ptr::null()),
            worker: Cell::new(std::ptr::null()),
            outer: Cell::new(std::ptr::null()),
            below: Chain::empty(),
        })
    }

    /// Makes a task that this worker has just claimed one of its live tasks, and turns what was
    /// asked of the task before into flags. The worker now holds the reference.
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
        // SAFETY: `raw` came from a reference that the worker now holds, and it holds one for each
        // task of the list until it unlinks the task.
        let (task, next) = unsafe { (&*raw, self.live.get().as_ref()) };
        if let Some(next) = next {
            next.live_prev.set(raw);
            task.live_next.set(next);
        }
        // Another process that reads the list would take a task without a successor for the last.
        compiler_fence(Release);
        self.live.set(raw);
        self.live_count.set(self.live_count.get() + 1);
        raw
    }

    /// Takes a task that ended out of the live ones.
    pub(crate) fn unlink_live(&self, task: &Header) {
        let (prev, next) = (task.live_prev.get(), task.live_next.get());
        // SAFETY: the worker holds a reference to each task of the list until it unlinks the task.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.live_next.set(next),
            None => self.live.set(next),
        }
        // SAFETY: the worker holds a reference to each task of the list until it unlinks the task.
        if let Some(next) = unsafe { next.as_ref() } {
            next.live_prev.set(prev);
        }
        self.live_count.set(self.live_count.get() - 1);
        self.ended.set(self.ended.get() + 1);
    }

    /// Begins to time the queue, if that is due. Called at the beginning of a turn.
    #[inline(always)]
    pub(crate) fn time_queue(&self) {
        if self.counters.turns.get().is_multiple_of(TURNS_TIMED_EVERY) {
            self.time_queue_now();
        }
    }

    #[cold]
    fn time_queue_now(&self) {
        if !self.ready.is_empty() && self.timed.get().is_none() {
            let now = self.pace.begun().unwrap_or_else(clock::now);
            self.timed.set(Some((self.ready.end(), now)));
        }
    }

    /// Shows what was counted, and how things stand, to whoever looks from outside.
    pub(crate) fn show(&self, unstarted: usize, descriptors: usize) {
        self.counters.ended.set(self.ended.get());
        self.counters.spawned.set(self.spawned.get());
        let picked = self.picked.get();
        let new = picked.wrapping_sub(self.shown.replace(picked));
        self.counters.resumed.add(new);
        if let Some((end, since)) = self.timed.get()
            && self.ready.distance(end) <= 0
        {
            self.timed.set(None);
            self.counters.timed(clock::now().saturating_duration_since(since));
        }
        let ready = self.ready.len() + usize::from(!self.next.get().is_null());
        let last = &self.counters.last;
        last.live.set(self.live_count.get() as u64);
        last.ready.set(ready as u64);
        last.unstarted.set(unstarted as u64);
        last.timers.set(self.timers.borrow().len() as u64);
        last.descriptors.set(descriptors as u64);
        let (stacks, bytes) = self.stacks.borrow().owned();
        last.stacks.set(stacks as u64);
        last.stack_bytes.set(bytes as u64);
    }
}

thread_local! {
    /// The worker that this thread is now, or null.
    static CORE: Cell<*const Core> = const { Cell::new(std::ptr::null()) };
    /// The parker with which this thread waits as a plain thread.
    static PARKER: Kept = const { RefCell::new(None) };
    /// The values of task-locals that this thread has as a plain thread.
    static LOCALS: Locals = const { Locals::new() };
    /// The state of [`random`]; zero before its first use.
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    /// The runtime for which this thread drops a refused closure; zero: for none.
    static REFUSING: Cell<u32> = const { Cell::new(0) };
    /// What this thread calls at its end.
    static AT_END: AtEnd = const { AtEnd(Cell::new(None)) };
}

#[cfg(not(all(test, loom)))]
thread_local! {
    /// The boundaries that this thread has open as a plain thread.
    static WAITS: Waits = const { Waits::new() };
}

// A model's threads are one thread of the system, and each of them has boundaries of its own.
#[cfg(all(test, loom))]
loom::thread_local! {
    static WAITS: Waits = Waits::new();
}

/// A random number below `end`, good enough for choices that have to be fair only in the long run.
pub(crate) fn random(end: usize) -> usize {
    let mut state = RANDOM.get();
    if state == 0 {
        // The address of a local differs from thread to thread, so their sequences do.
        state = 0x9E37_79B9_7F4A_7C15 ^ (&raw const state).addr() as u64 | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    RANDOM.set(state);
    (((state >> 32) * end as u64) >> 32) as usize
}

/// Whether the caller runs in a coroutine: on a plain thread in one of gocoro's, in a task in
/// anybody's.
#[inline]
pub(crate) fn is_in_coroutine() -> bool {
    let Some((_, task)) = task() else { return stack::is_in_coroutine() };
    // SAFETY: this is the thread of the task's owner, which alone may read the stack's place.
    let stack = unsafe { task.stack() };
    let here = Cell::new(0u8);
    let here = (&raw const here).addr();
    !stack.is_some_and(|stack| stack.has_frame(here, task.class.get()))
}

/// The worker that this thread is now, if it is one.
#[inline(always)]
pub(crate) fn core() -> Option<&'static Core> {
    let core = CORE.get();
    // SAFETY: `CORE` is null or was set by `enter`, whose caller keeps the core alive until `CORE`
    // is set back, on this thread. No caller of `core` keeps the answer longer than the code that
    // it runs for the worker.
    unsafe { core.as_ref() }
}

/// The task that runs on this thread, with its worker.
#[inline(always)]
pub(crate) fn task() -> Here {
    let core = core()?;
    // SAFETY: a worker holds a reference to the task that it runs, and the caller, which runs in
    // that task, does not keep the answer beyond the task's end.
    let task = unsafe { core.task.get().as_ref() }?;
    Some((core, task))
}

/// The tasks that run on this thread: the current one, then the task that runs the current one's
/// worker, and so on. A worker between tasks adds none.
pub(crate) fn tasks() -> impl Iterator<Item = &'static Header> {
    cores().filter_map(|core| {
        // SAFETY: a worker holds a reference to the task that it runs.
        unsafe { core.task.get().as_ref() }
    })
}

/// This thread's worker, then the worker whose task runs that one, and so on.
pub(crate) fn cores() -> impl Iterator<Item = &'static Core> {
    // SAFETY: `enter` sets `CORE` and `outer` to cores that live until they are set back, on this
    // thread.
    std::iter::successors(core(), |core| unsafe { core.outer.get().as_ref() })
}

/// Whether the code that runs here belongs to the runtime `home`, which therefore cannot end before
/// it: this thread is one of the runtime's workers, perhaps with another runtime's inside its task,
/// or drops a closure that the runtime refused.
pub(crate) fn is_inside(home: u32) -> bool {
    cores().any(|core| core.home == home) || REFUSING.get() == home
}

/// Runs `f`, which drops a closure that the runtime `home` refused, on a thread that is no worker.
pub(crate) fn refusing<R>(home: u32, f: impl FnOnce() -> R) -> R {
    let before = REFUSING.replace(home);
    let _back = unwind::on_drop(|| REFUSING.set(before));
    f()
}

/// Runs foreign code where the running task is between two states, as if there were no task: if
/// that code waits, it blocks the thread.
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

/// Runs foreign code in the middle of a wait, or of a task, as if nothing of this thread's own was
/// under way: without the running task, the boundaries of this thread, and its parker, whose token
/// ends the wait that is under way.
pub(crate) fn apart(f: &mut dyn FnMut()) {
    let kept = PARKER.try_with(RefCell::take).ok().flatten();
    thread_waits().apart(|| off_task(f));
    if let Some(kept) = kept {
        let _ = PARKER.try_with(|place| place.replace(Some(kept)));
    }
}

/// The mailbox id of this thread's worker, if it is one.
#[inline(always)]
pub(crate) fn here() -> Option<u16> {
    Some(core()?.mailbox.id())
}

/// Makes this thread the worker `core` until the answer is dropped.
///
/// # Safety
///
/// `core` outlives the answer, and the answer is dropped on this thread.
pub(crate) unsafe fn enter(core: &Core) -> Entered {
    let before = CORE.get();
    core.outer.set(before);
    // A signal handler on this thread goes from `CORE` to the workers around it.
    compiler_fence(Release);
    CORE.set(core);
    // The worker's tasks are not in the coroutines that this thread runs.
    core.below.swap();
    // If this thread unwinds, none of the worker's tasks does: take the unwinding off the thread.
    let unwinding = thread::panicking().then(|| Unwinding::take(core.panics));
    // A throw that the thread caught before it became a worker, and whose payload it has kept, is
    // no throw at any of the worker's tasks.
    unwind::not_thrown();
    Entered { core, before, unwinding }
}

/// While this lives, this thread is a worker.
#[derive(Debug)]
pub(crate) struct Entered {
    core: *const Core,
    /// The worker that this thread was before, or null.
    before: *const Core,
    /// The unwinding that was under way here before, if one was.
    unwinding: Option<Unwinding>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CORE.set(self.before);
        compiler_fence(Release);
        // SAFETY: whoever called `enter` has promised that the core outlives this.
        let core = unsafe { &*self.core };
        core.outer.set(std::ptr::null());
        core.below.swap();
        if let Some(unwinding) = self.unwinding.take() {
            unwinding.put_back();
        }
    }
}

/// The boundaries that the running task, or else this plain thread, has open.
#[inline(always)]
pub(crate) fn waits() -> &'static Waits {
    match task() {
        Some((_, task)) => &task.waits,
        None => thread_waits(),
    }
}

/// The boundaries that this plain thread has open.
pub(crate) fn thread_waits() -> &'static Waits {
    // SAFETY: the thread-local has no destructor, so it lasts as long as its thread, and no caller,
    // which runs on this thread, keeps the answer longer.
    WAITS.with(|waits| unsafe { &*std::ptr::from_ref(waits) })
}

/// Hands the values of task-locals that this plain thread has to `f`. `None` once they were
/// dropped.
pub(crate) fn thread_locals<R>(f: impl FnOnce(&Locals) -> R) -> Option<R> {
    LOCALS.try_with(f).ok()
}

/// This thread's parker. Where thread-locals are being destroyed, one is made for this wait.
pub(crate) fn parker() -> Arc<Parker> {
    if cfg!(all(test, loom)) {
        // A model's threads share the thread-locals of the one thread that runs them, so each wait
        // gets a parker of its own.
        return Arc::default();
    }
    PARKER.try_with(|kept| kept.borrow_mut().get_or_insert_default().clone()).unwrap_or_default()
}

/// Calls a function when its thread's thread-locals are destroyed.
struct AtEnd(Cell<Option<fn()>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.get() {
            f();
        }
    }
}

/// Has this thread call `f` when its thread-locals are destroyed. That also happens when the
/// process exits from this thread.
///
/// On the systems that we know, thread-locals are destroyed in the order opposite to their first
/// uses, so thread-locals that were used before this call still stand when `f` runs.
pub(crate) fn at_thread_end(f: fn()) {
    // If `AT_END` was destroyed already, `f` was called then.
    let _ = AT_END.try_with(|at_end| at_end.0.set(Some(f)));
}
