//! A child of a scope, and the right to its value.

use std::fmt;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::sync::Arc;

use super::children::Children;
use crate::join::{Join, JoinArm, JoinError, JoinFuture, JoinHandle};
use crate::task::{self, End, Family, Header, PlainScope, Task, TaskId, TaskScope, TaskScopeKind};
use crate::unwind::{self, Payload};
use crate::waiters::Selectable;

/// A task's membership in its scope.
pub(crate) struct Child {
    children: Arc<Children>,
    slot: usize,
}

impl Child {
    /// Enters a task into the scope, which is told of the task's end from here on.
    pub(crate) fn enter(children: &Arc<Children>, task: &Task) -> Child {
        Child { children: children.clone(), slot: children.enter(task) }
    }
}

impl Family for Child {
    const IS_TOLD: bool = true;
    const PLAIN: PlainScope = PlainScope::of::<Children>(
        TaskScopeKind::Scope,
        offset_of!(Child, children),
        Children::PLACE,
    );

    fn refused<T>(&self, task: &Header, dropped: Result<(), Payload>) -> End<T> {
        match dropped {
            Err(panic) => End::Panicked(Box::new(panic)),
            Ok(()) if task.word.is_cancelled() => End::Cancelled,
            Ok(()) => End::Refused,
        }
    }

    fn unclaimed<T>(&self, task: &Header, end: End<T>) {
        match end {
            // The handle was dropped after the child's end, so the value's destructor runs in
            // whoever drops the handle, and a panic is that one's.
            End::Returned(value) if task.word.is_done() => drop(value),
            End::Returned(value) => {
                // The child runs the value's destructor, which may wait and be cancelled there, or
                // panic.
                let Err(payload) = unwind::catch(|| drop(value)) else { return };
                match task::panic_of(task, payload) {
                    Ok(panic) => self.children.child_panicked(panic),
                    Err(cancel) => unwind::drop_quietly(cancel),
                }
            }
            End::Panicked(payload) => self.children.child_panicked(*payload),
            End::Refused => self.children.child_refused(task),
            End::Cancelled => {}
        }
    }

    fn ended(&self) {
        self.children.child_ended(self.slot);
    }

    fn scope(&self) -> Option<TaskScope> {
        Some(self.children.scope())
    }
}

/// The right to the value of a task in a scope. Dropping it detaches the task, for which the scope
/// still waits.
///
/// It is to tasks what [`std::thread::ScopedJoinHandle`] is to threads. `select!` takes it in
/// `join(&mut handle)`, as it takes a [`JoinHandle`].
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
    task: JoinHandle<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    pub(super) fn new(task: JoinHandle<T>) -> Self {
        ScopedJoinHandle { task, scope: PhantomData }
    }

    /// Waits for the task to end and returns its value.
    ///
    /// # Parks
    ///
    /// Until the task has ended. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// A [`JoinError`] if the task panicked, was cancelled, or never got a stack. A panic that is
    /// returned here is not raised by the scope.
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
        self.task.join()
    }

    /// Waits for the task to end and returns its value. If the task panicked, the panic is raised
    /// here.
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
        self.task.wait()
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

impl<T> Join for &mut ScopedJoinHandle<'_, T> {}

impl<T> crate::waiters::Sealed for &mut ScopedJoinHandle<'_, T> {}

impl<'a, T> Selectable for &'a mut ScopedJoinHandle<'_, T> {
    type Output = Result<T, JoinError>;
    type Arm = JoinArm<&'a mut JoinHandle<T>>;

    fn arm(self) -> Self::Arm {
        self.task.arm()
    }
}

/// In an `async` block, `.await` waits for the task's end as [`ScopedJoinHandle::join`] does. The
/// future is dropped before the scope ends, or leaked, for it has the scope's lifetime.
impl<'scope, T> IntoFuture for ScopedJoinHandle<'scope, T> {
    type Output = Result<T, JoinError>;
    type IntoFuture = JoinFuture<'scope, T>;

    fn into_future(self) -> JoinFuture<'scope, T> {
        JoinFuture::new(self.task)
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
