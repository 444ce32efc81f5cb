//! Waiting for a task's end, and its result.

mod arm;
mod future;
mod many;

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic;
use std::time::{Duration, Instant};

use crate::clock;
use crate::current::{self, Core, Here};
use crate::cycle::{Edge, Node};
use crate::park::{self, Left, Woken};
use crate::task::word::Phase;
use crate::task::{End, Flags, Header, Naming, Reason, Spawned, Task, TaskId, TaskRef};
use crate::unwind::{self, Payload};
use crate::waiters::{JoinNode, Waiter};

pub use arm::{Join, JoinArm};
pub use future::JoinFuture;
pub use many::{wait_all, wait_any};

/// The right to a task's result. Dropping it detaches the task, which goes on by itself.
///
/// It is to tasks what [`std::thread::JoinHandle`] is to threads, and is `Send` if the result is.
///
/// # Examples
///
/// ```
/// let handle = gocoro::go!({ 6 * 7 });
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
pub struct JoinHandle<T> {
    spawned: Spawned<T>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(spawned: Spawned<T>) -> JoinHandle<T> {
        JoinHandle { spawned }
    }

    /// Waits for the task to end and returns its result.
    ///
    /// # Parks
    ///
    /// Until the task has ended. On a plain thread it blocks the thread. A cancel point: if the
    /// caller is cancelled, the task goes on, detached.
    ///
    /// # Errors
    ///
    /// A [`JoinError`] if the task panicked, was cancelled, or never got a stack.
    ///
    /// # Panics
    ///
    /// If a task joins itself, which could never end.
    ///
    /// # Examples
    ///
    /// ```
    /// let failed = gocoro::go!(name = "unlucky" => { panic!("oh no") });
    /// let error: gocoro::task::JoinError = failed.join().map(|()| ()).unwrap_err();
    /// assert!(error.is_panic());
    /// assert!(error.to_string().contains("unlucky"));
    /// ```
    #[inline(always)]
    pub fn join(self) -> Result<T, JoinError> {
        wait_for_end_as(&self.task().inner, None, Reason::Join);
        self.take()
    }

    /// Waits for the task to end and returns its value. If the task panicked, the panic is raised
    /// here.
    ///
    /// # Parks
    ///
    /// As [`JoinHandle::join`].
    ///
    /// # Panics
    ///
    /// With the task's own payload if it panicked, and with a message that names the task if it was
    /// cancelled or never got a stack, or if it joins itself.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gocoro::go!({ "done" }).wait(), "done");
    /// ```
    #[track_caller]
    #[inline(always)]
    pub fn wait(self) -> T {
        match self.join() {
            Ok(value) => value,
            Err(JoinError { cause: NoValue::Panicked(payload), .. }) => {
                panic::resume_unwind(payload.0)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for the task to end, but not longer than `timeout`, after which the handle is given
    /// back. The task goes on either way.
    ///
    /// # Parks
    ///
    /// As [`JoinHandle::join`], up to `timeout`.
    ///
    /// # Errors
    ///
    /// The outer error is the handle, if the time was up. The inner error is that of
    /// [`JoinHandle::join`].
    ///
    /// # Panics
    ///
    /// As [`JoinHandle::join`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let sleeper = gocoro::go!({ gocoro::task::park() });
    /// let sleeper = sleeper.join_timeout(Duration::from_millis(1)).unwrap_err();
    /// sleeper.task().unpark();
    /// sleeper.wait();
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<Result<T, JoinError>, Self> {
        let deadline = clock::after(timeout);
        let ended = wait_for_end_until(&self.task().inner, deadline, Reason::Join);
        if ended { Ok(self.take()) } else { Err(self) }
    }

    /// Whether the task has ended. If so, [`JoinHandle::join`] returns at once.
    pub fn is_finished(&self) -> bool {
        park::looked();
        self.has_ended()
    }

    /// Cancels the task: it unwinds from where it waits, or from its next wait.
    ///
    /// Returns at once. A task that is cancelled before its start never runs. A task that ends by
    /// itself before its next wait ends as if nothing had happened. The error of the join tells
    /// where the task was cancelled.
    ///
    /// # Hazards
    ///
    /// Unwinding from a wait, as timeouts do too, is as safe as any panic, and has a panic's
    /// effects on other libraries' types: a std lock that is held across the wait is poisoned, and
    /// so is a std `LazyLock` or `Once` that is being initialised. gocoro's own are not. An unwind
    /// through a frame of an `extern "C"` function aborts the process.
    /// [`task::shield`](crate::cancel::shield) holds a cancel back. Under `panic = "abort"` nothing
    /// unwinds: a cancel is then only a flag for
    /// [`task::is_cancelled`](crate::cancel::is_cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// let handle = gocoro::go!({ gocoro::task::park() });
    /// handle.cancel();
    /// assert!(handle.join().unwrap_err().is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancel(&self) {
        self.task().cancel();
    }

    /// The task, without the right to its result.
    pub fn task(&self) -> &Task {
        self.spawned.task()
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.task().id()
    }

    /// Whether the task has ended. Unlike [`JoinHandle::is_finished`], this takes nothing of the
    /// budget, so it never yields, and may be called in the middle of a wait.
    pub(crate) fn has_ended(&self) -> bool {
        self.task().inner.word.is_done()
    }

    /// Joins as [`JoinHandle::join`] does, but with a wait that nothing cuts short.
    pub(crate) fn join_uncut(self) -> Result<T, JoinError> {
        wait_for_end_until(&self.task().inner, None, Reason::Children);
        self.take()
    }

    /// Takes the result of a task that has ended.
    #[inline]
    pub(crate) fn take(self) -> Result<T, JoinError> {
        outcome(self.spawned.take())
    }
}

/// Turns a task's end into what its joiner gets.
#[inline]
fn outcome<T>((end, task): (End<T>, Task)) -> Result<T, JoinError> {
    let cause = match end {
        End::Returned(value) => return Ok(value),
        End::Panicked(payload) => NoValue::Panicked(Panicked(*payload)),
        End::Cancelled => NoValue::Cancelled,
        End::Refused => NoValue::Refused,
    };
    Err(JoinError { cause, task })
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("task", self.task())
            .field("finished", &self.has_ended())
            .finish()
    }
}

/// A joiner whose node is announced in the task's slot. Dropping this takes the announcement back,
/// so that nobody finds the node any more.
struct Announced<'a> {
    task: &'a Header,
    node: &'a JoinNode,
    /// The announcement was taken back before the task was completed.
    withdrawn: Cell<bool>,
}

impl Announced<'_> {
    /// Takes the announcement back, once. If the task was completed before, this returns when
    /// whoever completed it has let go of the node.
    fn leave(&self) -> Left {
        if !self.withdrawn.get() {
            lends_no_more(self.task);
            self.withdrawn.set(self.node.withdraw(self.task));
        }
        Left::if_withdrawn(self.withdrawn.get())
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        let _ = self.leave();
    }
}

/// Waits for the end of a task, at most until the deadline. `false`: the deadline came first.
#[inline(never)]
fn wait_for_end_until(task: &TaskRef, deadline: Option<Instant>, reason: Reason) -> bool {
    wait_for_end_as(task, deadline, reason)
}

/// [`wait_for_end_until`], inlined: each frame that a switch comes back through costs a
/// mispredicted return.
#[inline(always)]
fn wait_for_end_as(task: &TaskRef, deadline: Option<Instant>, reason: Reason) -> bool {
    if task.word.is_done() {
        if reason == Reason::Join {
            park::spent();
        }
        return true;
    }
    match current::task() {
        None => wait_in_thread(task, deadline, reason),
        here => wait_in(here, task, deadline, reason),
    }
}

/// [`wait_for_end_as`] of a plain thread.
#[inline(never)]
fn wait_in_thread(task: &TaskRef, deadline: Option<Instant>, reason: Reason) -> bool {
    wait_in(None, task, deadline, reason)
}

#[inline(always)]
fn wait_in(here: Here, task: &TaskRef, deadline: Option<Instant>, reason: Reason) -> bool {
    let running = here.map(|(_, task)| task);
    refuse_if_own(task, running);
    let waiter = Waiter::solo_of(here);
    let node = JoinNode::new(&waiter, 0);
    // A wait that has a deadline ends by itself.
    let edge = match deadline {
        None => Edge::to_task(Node::running(running), Node::task(task.id)),
        Some(_) => Edge::none(),
    };
    let phase = node.announce(task, here.is_some_and(|(core, _)| core.is_alone_with(task)));
    if phase == Phase::Done {
        return true;
    }
    let announced = Announced { task, node: &node, withdrawn: Cell::new(false) };
    if let Some((core, _)) = here {
        lends(core, task, phase);
    }
    if phase == Phase::Started {
        edge.look();
    }
    let wanted = reason.on(&**task);
    while waiter.park_in(here, wanted, deadline, || announced.leave()) != Woken::TimedOut {
        if node.is_released() {
            if let Some((core, _)) = here {
                core.wanted.set(std::ptr::null());
            }
            // Nobody finds the node any more.
            std::mem::forget(announced);
            return true;
        }
    }
    false
}

/// Panics if the running task is about to wait for itself.
#[inline]
fn refuse_own(task: &TaskRef) {
    refuse_if_own(task, current::task().map(|(_, task)| task));
}

#[inline(always)]
fn refuse_if_own(task: &TaskRef, running: Option<&Header>) {
    if running.is_some_and(|running| std::ptr::eq(running, &**task)) {
        joins_itself(task);
    }
}

#[cold]
#[inline(never)]
fn joins_itself(task: &TaskRef) -> ! {
    panic!("{} joins itself, which can never end", Naming(task));
}

/// Notes that the running task, which is about to park, stands in this task's join.
///
/// If the task is unstarted, and the newest in the worker's queue, the worker starts it next. So
/// the memory of a tree of tasks follows its depth, and its tasks do not wait for a turn.
///
/// If the task is one of this worker, no other thread has its handle for as long as the join lasts.
#[inline(always)]
fn lends(core: &Core, task: &TaskRef, phase: Phase) {
    match phase {
        Phase::Unstarted => core.wanted.set(task.as_ptr()),
        _ if task.word.is_owned_by(core.mailbox.id()) => task.set(Flags::JOINED_HERE),
        _ => {}
    }
}

/// Takes back what [`lends`] has noted, for the join is cut short. After it the handle may go to
/// another thread.
#[cold]
fn lends_no_more(task: &Header) {
    if let Some(core) = current::core() {
        core.wanted.set(std::ptr::null());
        if task.word.is_owned_by(core.mailbox.id()) {
            task.clear(Flags::JOINED_HERE);
        }
    }
}

/// The last step of a task's end: wakes the joiner whose node stands in the slot.
///
/// # Safety
///
/// The caller has just made the task DONE and found JOINER set, and calls this once.
pub(crate) unsafe fn wake_joiner(task: &Header) {
    let node = task.joiner.get().cast::<JoinNode>();
    // SAFETY: the task became DONE with JOINER set, so the slot holds the node that a joiner has
    // announced and keeps until it is fired; and this is the only call that fires it.
    if let Some(wake) = unsafe { JoinNode::fire(node, current::here()) } {
        wake.give();
    }
}

/// [`wake_joiner`] on the thread of this worker.
///
/// # Safety
///
/// As for [`wake_joiner`].
#[inline(always)]
pub(crate) unsafe fn wake_joiner_by(core: &Core, task: &Header) {
    let node = task.joiner.get().cast::<JoinNode>();
    // SAFETY: the caller's promise: see `wake_joiner`.
    if let Some(wake) = unsafe { JoinNode::fire(node, Some(core.mailbox.id())) } {
        wake.give_by(core);
    }
}

/// Why a task gave no result.
///
/// The error's text names the task and the place where it was spawned.
///
/// # Examples
///
/// ```
/// let error = gocoro::go!({ panic!("no") }).join().map(|()| ()).unwrap_err();
/// assert_eq!(error.downcast_ref::<&str>(), Some(&"no"));
/// ```
pub struct JoinError {
    cause: NoValue,
    task: Task,
}

enum NoValue {
    Panicked(Panicked),
    Cancelled,
    Refused,
}

/// A panic's payload. References to it are given out only as references to types that are `Sync`.
struct Panicked(Payload);

// SAFETY: through a shared reference, only `JoinError::downcast_ref` and `Display` reach the
// payload. The first asks for a type that is `Sync`, and the second reads a `&str` or a `String`,
// which are.
unsafe impl Sync for Panicked {}

impl JoinError {
    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, NoValue::Panicked(_))
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, NoValue::Cancelled)
    }

    /// Whether the task never ran: no stack could be had for it, or its runtime was closed.
    pub fn is_refused(&self) -> bool {
        matches!(self.cause, NoValue::Refused)
    }

    /// The payload of the task's panic, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task did not panic: ask [`JoinError::is_panic`] first.
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.cause {
            NoValue::Panicked(payload) => payload.0,
            _ => panic!("{self}; it carries no panic (ask is_panic first)"),
        }
    }

    /// The payload of the task's panic, if the task panicked with an `E`.
    ///
    /// `E` has to be `Sync`, since a `JoinError` is, and so may be shared by threads.
    pub fn downcast_ref<E: Any + Sync>(&self) -> Option<&E> {
        match &self.cause {
            NoValue::Panicked(payload) => payload.0.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let naming = Naming(&self.task.inner);
        match &self.cause {
            NoValue::Panicked(payload) => {
                write!(f, "{naming} panicked: {}", unwind::message(&*payload.0))
            }
            NoValue::Cancelled => match self.task.inner.cause() {
                Some(cause) => write!(f, "{naming} was cancelled {cause}"),
                None => write!(f, "{naming} was cancelled by the end of its runtime"),
            },
            NoValue::Refused => {
                write!(f, "{naming} was refused: no stack could be had, or its runtime was closed")
            }
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

/// Makes an I/O error of kind `Other` with the join error inside, so that a function that returns
/// [`io::Result`] may write `join()?`.
///
/// # Examples
///
/// ```
/// use gocoro::{go, task::JoinError};
/// use std::io;
///
/// fn checked() -> io::Result<u32> {
///     Ok(go!({ "seven".parse::<u32>().unwrap() }).join()?)
/// }
///
/// let error = checked().unwrap_err();
/// assert!(error.to_string().contains("InvalidDigit"));
/// assert!(error.get_ref().unwrap().is::<JoinError>());
/// ```
impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
