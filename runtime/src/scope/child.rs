//! A child of a scope, and the right to its value.

use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::data::Data;
use crate::current;
use crate::join::{JoinError, JoinHandle};
use crate::scheduler;
use crate::task::{self, Task, TaskId};
use crate::unwind::{self, Payload};

/// How a child ended.
enum Outcome<T> {
    Returned(T),
    Panicked(Payload),
    Cancelled,
    /// Its closure was dropped.
    NeverRan,
}

/// Where a child's value waits for its handle.
pub(super) struct Packet<T>(Mutex<Stage<T>>);

enum Stage<T> {
    Running,
    Ended(Outcome<T>),
    /// The handle is gone, or it has taken the outcome.
    Abandoned,
}

impl<T> Packet<T> {
    fn lock(&self) -> MutexGuard<'_, Stage<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the handle's right up, and takes the outcome if it is there.
    fn abandon(&self) -> Option<Outcome<T>> {
        match std::mem::replace(&mut *self.lock(), Stage::Abandoned) {
            Stage::Ended(outcome) => Some(outcome),
            Stage::Running | Stage::Abandoned => None,
        }
    }

    /// Takes the outcome of a child whose task has ended.
    pub(super) fn take(&self, task: &Task) -> Result<T, JoinError> {
        match self.abandon().expect("the result was taken before, by `select!`") {
            Outcome::Returned(value) => Ok(value),
            Outcome::Panicked(payload) => Err(JoinError::panicked(payload, task.clone())),
            Outcome::Cancelled | Outcome::NeverRan => Err(JoinError::without_value(task.clone())),
        }
    }
}

/// A child's closure, and what it has to do in its end, whatever becomes of it.
pub(super) struct Child<F, T> {
    f: Option<F>,
    ending: Ending<T>,
}

struct Ending<T> {
    data: Arc<Data>,
    packet: Arc<Packet<T>>,
    slot: usize,
    said: bool,
}

/// A handle without its task yet.
pub(super) struct Unspawned<T> {
    data: Arc<Data>,
    packet: Arc<Packet<T>>,
    slot: usize,
}

impl<F: FnOnce() -> T, T> Child<F, T> {
    pub(super) fn new(data: &Arc<Data>, f: F) -> (Child<F, T>, Unspawned<T>) {
        let packet = Arc::new(Packet(Mutex::new(Stage::Running)));
        let slot = data.reserve(id_of(&packet));
        let handle = Unspawned { data: data.clone(), packet: packet.clone(), slot };
        let ending = Ending { data: data.clone(), packet, slot, said: false };
        (Child { f: Some(f), ending }, handle)
    }

    /// What the task runs.
    pub(super) fn run(mut self) {
        let f = self.f.take().expect("a child runs once");
        let outcome = unwind::catch(|| unwind::__rust_begin_short_backtrace(f));
        let (_, task) = current::task().expect("a child runs in its task");
        match outcome {
            Ok(value) => self.ending.say(Outcome::Returned(value)),
            Err(payload) => match task::panic_of(task, payload) {
                Ok(payload) => {
                    task::report_panic(task, &*payload);
                    scheduler::count_panic();
                    self.ending.say(Outcome::Panicked(payload));
                }
                Err(cancel) => {
                    self.ending.say(Outcome::Cancelled);
                    // The task ends as cancelled.
                    resume_unwind(cancel);
                }
            },
        }
    }
}

fn id_of<T>(packet: &Arc<Packet<T>>) -> usize {
    Arc::as_ptr(packet).addr()
}

impl<F, T> Drop for Child<F, T> {
    fn drop(&mut self) {
        // Before `ending` is: after that what the closure borrows may be gone.
        if let Some(f) = self.f.take()
            && let Err(payload) = unwind::catch(|| drop(f))
        {
            self.ending.say(Outcome::Panicked(payload));
        }
    }
}

impl<T> Ending<T> {
    /// Leaves the outcome to the handle, or deals with it if that is gone; then the child has ended.
    fn say(&mut self, outcome: Outcome<T>) {
        self.said = true;
        let unwanted = {
            let mut stage = self.packet.lock();
            match *stage {
                Stage::Abandoned => Some(outcome),
                Stage::Running | Stage::Ended(_) => {
                    *stage = Stage::Ended(outcome);
                    None
                }
            }
        };
        match unwanted {
            Some(Outcome::Returned(value)) => {
                if let Err(payload) = unwind::catch(|| drop(value)) {
                    self.value_panicked(payload);
                }
            }
            Some(Outcome::Panicked(payload)) => self.data.child_panicked(payload),
            Some(Outcome::NeverRan) => {
                self.data.child_never_ran(Some((self.slot, id_of(&self.packet))), None);
            }
            Some(Outcome::Cancelled) | None => {}
        }
        self.data.child_ended(self.slot);
    }

    /// A value that nobody wants unwound from its destructor, which may have waited and been cancelled.
    fn value_panicked(&self, payload: Payload) {
        let panic = match current::task() {
            Some((_, task)) => task::panic_of(task, payload),
            None => Ok(payload),
        };
        match panic {
            Ok(payload) => self.data.child_panicked(payload),
            Err(cancel) => unwind::drop_quietly(cancel),
        }
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        if !self.said {
            self.say(Outcome::NeverRan);
        }
    }
}

impl<T> Unspawned<T> {
    pub(super) fn of<'scope>(self, task: JoinHandle<()>) -> ScopedJoinHandle<'scope, T> {
        self.data.register(self.slot, id_of(&self.packet), task.task());
        ScopedJoinHandle { task, packet: self.packet, data: self.data, scope: PhantomData }
    }
}

/// The right to the value of a task in a scope. Dropping it detaches the task, which the scope still
/// waits for.
///
/// As [`std::thread::ScopedJoinHandle`], for tasks. `select!` takes it in `join(&mut handle)`, as it
/// does a [`JoinHandle`].
///
/// # Examples
///
/// ```
/// let text = String::from("abc");
/// gocoro::task::scope(|s| {
///     let handle: gocoro::task::ScopedJoinHandle<'_, usize> = s.spawn(|| text.len());
///     assert_eq!(handle.join().unwrap(), 3);
/// });
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    pub(super) task: JoinHandle<()>,
    pub(super) packet: Arc<Packet<T>>,
    data: Arc<Data>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the task to end and returns its value.
    ///
    /// # Parks
    ///
    /// Until the task has ended. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// A [`JoinError`] if the task panicked, was cancelled, or never got a stack. Then the scope does
    /// not raise it any more.
    ///
    /// # Panics
    ///
    /// If a task joins itself, which could never end.
    ///
    /// # Examples
    ///
    /// ```
    /// gocoro::task::scope(|s| {
    ///     let failed = s.spawn(|| panic!("oh no"));
    ///     assert!(failed.join().map(|()| ()).unwrap_err().is_panic());
    /// });
    /// ```
    pub fn join(self) -> Result<T, JoinError> {
        self.task.wait_for_end();
        self.packet.take(self.task())
    }

    /// Waits for the task to end and returns its value; raises its panic here if it panicked.
    ///
    /// # Parks
    ///
    /// As [`ScopedJoinHandle::join`].
    ///
    /// # Panics
    ///
    /// With the task's own payload if it panicked, and with a message that names the task if it was
    /// cancelled or never got a stack, or if it joins itself.
    #[track_caller]
    pub fn wait(self) -> T {
        match self.join() {
            Ok(value) => value,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the task has ended. If so, [`ScopedJoinHandle::join`] returns at once.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Cancels the task: see [`JoinHandle::cancel`].
    #[track_caller]
    pub fn cancel(&self) {
        self.task.cancel();
    }

    /// The task, without the right to its value.
    pub fn task(&self) -> &Task {
        self.task.task()
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }
}

impl<T> Drop for ScopedJoinHandle<'_, T> {
    fn drop(&mut self) {
        match self.packet.abandon() {
            Some(Outcome::Panicked(payload)) => self.data.child_panicked(payload),
            Some(Outcome::NeverRan) => self.data.child_never_ran(None, Some(self.task.task())),
            Some(Outcome::Returned(_) | Outcome::Cancelled) | None => {}
        }
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("task", self.task())
            .field("finished", &self.task.has_ended())
            .finish()
    }
}
