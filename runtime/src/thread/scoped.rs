//! Tasks that borrow from the task or thread that spawned them, with the semantics of std's scoped
//! threads.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;
use std::thread::Result;

use super::handle::as_threads_do;
use super::{Builder, Thread};
use crate::current;
use crate::join;
use crate::park;
use crate::scope::child::Child;
use crate::scope::children::Children;
use crate::spawn::{Placement, spawn_unchecked};
use crate::task::CauseKind;
use crate::unwind;

/// Runs `f` with a scope, in which `f` may spawn tasks that borrow from here. Returns when `f` has
/// returned and all these tasks have ended. As [`std::thread::scope`].
///
/// Nothing that a child does, or `f`, ends the others: if one panics, the rest is waited for. That
/// is where [`task::scope`](crate::scope::scope) differs, which cancels them.
///
/// If the caller is cancelled, or a timeout around it expires, while it is in here, the children
/// are cancelled, since what ends the caller is to end; and they are waited for all the same.
///
/// # Parks
///
/// As `f` does, then until the children have ended: nothing cuts that wait short. On a plain thread
/// it blocks the thread.
///
/// # Panics
///
/// With the panic of `f`; else if a child has panicked that was not joined; or if a child could not
/// be started, with a message that names it.
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let mut numbers = vec![1, 2, 3];
/// let mut sum = 0;
/// thread::scope(|s| {
///     s.spawn(|| sum = numbers.iter().sum());
///     s.spawn(|| assert_eq!(numbers.len(), 3));
/// });
/// numbers.push(sum);
/// assert_eq!(numbers, [1, 2, 3, 6]);
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    park::looked();
    let children = Children::new(CauseKind::Scope, Location::caller()).patient();
    let scope = Scope { children: Arc::new(children), scope: PhantomData, env: PhantomData };
    let result = current::waits().scoped(scope.children.failed(), || f(&scope));
    let is_thrown = matches!(&result, Err(Some(payload)) if unwind::is_throw(&**payload));
    let mut ended = scope.children.wait_for_children(is_thrown);
    let panic = ended.panic.take();
    let has_panicked = panic.is_some();
    unwind::drop_quietly(panic);
    match result {
        Err(Some(payload)) => resume_unwind(payload),
        Err(None) => unreachable!("no child's end unwinds the closure of such a scope"),
        Ok(_) if has_panicked => panic!("a scoped thread panicked"),
        Ok(value) => {
            if ended.interrupted {
                park::throw_now();
            }
            ended.check_refusal();
            value
        }
    }
}

/// A scope to spawn tasks in: see [`scope`]. As [`std::thread::Scope`].
pub struct Scope<'scope, 'env: 'scope> {
    children: Arc<Children>,
    // Both lifetimes are invariant, as in std: a scope must not pass for a scope that is open for
    // longer.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Spawns a task in the scope, with the options of [`Builder::new`].
    ///
    /// Dropping the handle leaves the task to the scope, which waits for it all the same.
    ///
    /// # Parks
    ///
    /// Never.
    ///
    /// # Panics
    ///
    /// If the scope was opened on a plain thread and the default runtime cannot start.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = String::from("abc");
    /// let length = gocoro::thread::scope(|s| s.spawn(|| text.len()).join().unwrap());
    /// assert_eq!(length, 3);
    /// ```
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let spawned = self.spawn_at(Builder::new(), f, Location::caller());
        spawned.expect("failed to spawn thread")
    }

    /// Spawns a child, with this spawn site. A closed runtime is no error here: it refuses the
    /// child.
    pub(super) fn spawn_at<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
        at: &'static Location<'static>,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let enter = |task: join::JoinHandle<T>| {
            (Child::enter(&self.children, task.task()), ScopedJoinHandle::new(task))
        };
        // SAFETY: the closure and its value are `Send`. Whatever they borrow outlives `'scope`, and
        // the scope does not end before it has been told that the child has ended. By then the
        // closure is gone, and the value is gone, or belongs to the handle, which does not outlive
        // `'scope`.
        unsafe { spawn_unchecked(f, builder.options(), Placement::Here, at, enter) }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scope = f.debug_struct("Scope");
        self.children.describe(&mut scope);
        scope.finish_non_exhaustive()
    }
}

/// The right to the result of a task in a scope. Dropping it leaves the task to the scope. As
/// [`std::thread::ScopedJoinHandle`].
pub struct ScopedJoinHandle<'scope, T> {
    task: join::JoinHandle<T>,
    thread: Thread,
    scope: PhantomData<&'scope ()>,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    fn new(task: join::JoinHandle<T>) -> ScopedJoinHandle<'scope, T> {
        let thread = Thread::of_task(task.task().clone());
        ScopedJoinHandle { task, thread, scope: PhantomData }
    }

    /// A handle to the task, without the right to its result.
    #[must_use]
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Waits for the task to end and returns its result.
    ///
    /// # Parks
    ///
    /// Until the task has ended. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`JoinHandle::join`](super::JoinHandle::join). A panic that is returned here is not
    /// raised by the scope.
    ///
    /// # Panics
    ///
    /// If a task joins itself, which could never end.
    pub fn join(self) -> Result<T> {
        as_threads_do(self.task.join())
    }

    /// Whether the task has ended. If so, [`ScopedJoinHandle::join`] returns at once.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("thread", &self.thread)
            .field("finished", &self.task.has_ended())
            .finish_non_exhaustive()
    }
}
