//! Tasks that borrow from the task or thread that spawned them.
//!
//! A scope does not return, and does not unwind, before all of its children have ended, so what
//! they borrow stays. The scope is its children's family, and so is told of each child's end. By
//! then the child's closure is gone, and its value is gone too, or belongs to its handle
//! ([`crate::task`]'s page on packets). The state through which the scope is told is shared with
//! the children, for once it has been told, the scope may be gone.

pub(crate) mod child;
pub(crate) mod children;
mod race;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;

use crate::current;
use crate::join::JoinHandle;
use crate::park;
use crate::scheduler;
use crate::spawn::{Builder, Placement, spawn_unchecked, spawned};
use crate::task::CauseKind;
use crate::unwind;

use child::Child;
pub use child::ScopedJoinHandle;
use children::Children;
pub use race::{Racers, race};

/// Runs `f` with a scope, in which `f` may spawn tasks that borrow from here. Returns when `f` has
/// returned and all these tasks, the scope's children, have ended.
///
/// It is to tasks what [`std::thread::scope`] is to threads: children borrow what lives outside of
/// the call, may run on other workers, and may spawn more. If the scope is opened on a plain
/// thread, they run on the default runtime.
///
/// Whoever joins a child gets its panic: [`ScopedJoinHandle::join`] returns it as an error. The
/// panic of a child whose handle is gone cancels the other children, unwinds `f` from its next
/// wait, and is raised here once all children have ended. A child that could not be started, and
/// whose handle is gone, has the same effect.
///
/// If `f` unwinds, by a panic, a cancel or a timeout around the scope, the children are cancelled
/// and waited for first. A cancel or a timeout that comes while the scope waits cancels them too,
/// and so does [`Scope::cancel`].
///
/// # Parks
///
/// As `f` does, then until the children have ended: nothing cuts that wait short. On a plain thread
/// it blocks the thread, and a wait of `f` for I/O ends by itself before a child's panic unwinds
/// `f`.
///
/// # Panics
///
/// With the panic of `f`; else with that of the first child whose panic nobody joined; or with a
/// message that names the child, if one could not be started.
///
/// # Examples
///
/// ```
/// use gocoro::task;
///
/// let words = vec![String::from("a"), String::from("bc")];
/// let mut lengths = [0; 2];
/// let total: usize = task::scope(|s| {
///     for (word, length) in words.iter().zip(&mut lengths) {
///         s.spawn(|| *length = word.len());
///     }
///     s.spawn(|| words.iter().map(String::len).sum()).join().unwrap()
/// });
/// assert_eq!((total, lengths), (3, [1, 2]));
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    park::looked();
    run(f, CauseKind::Scope, Location::caller())
}

/// Runs a scope. `kind` and `at` are the cause that its children are given if it cancels them.
fn run<'env, F, T>(f: F, kind: CauseKind, at: &'static Location<'static>) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope =
        Scope { children: Arc::new(Children::new(kind, at)), scope: PhantomData, env: PhantomData };
    let result = current::waits().scoped(scope.children.failed(), || f(&scope));
    let mut ended = scope.children.wait_for_children(result.is_err());
    match result {
        // The panic of the closure goes before that of a child.
        Err(Some(payload)) if !unwind::is_throw(&*payload) => resume_unwind(payload),
        result => {
            if let Some(payload) = ended.panic.take() {
                if result.is_err() {
                    // The throw that ended the closure is caught here, and the child's panic goes
                    // on in its place.
                    unwind::not_thrown();
                }
                resume_unwind(payload);
            }
            match result {
                Err(Some(throw)) => resume_unwind(throw),
                Err(None) => ended.raise_refusal(),
                Ok(value) => {
                    if ended.interrupted {
                        park::throw_now();
                    }
                    ended.check_refusal();
                    value
                }
            }
        }
    }
}

/// A scope to spawn tasks in: see [`scope`].
///
/// # Examples
///
/// ```
/// use gocoro::task::{self, Scope};
///
/// fn count<'scope>(s: &'scope Scope<'scope, '_>, text: &'scope str) {
///     s.spawn(move || assert_eq!(text.len(), 3));
/// }
///
/// let text = String::from("abc");
/// task::scope(|s| count(s, &text));
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    children: Arc<Children>,
    // Both lifetimes are invariant, as in std: a scope must not pass for a scope that is open for
    // longer.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a task in the scope.
    ///
    /// Dropping the handle leaves the task to the scope, which waits for it all the same.
    ///
    /// # Parks
    ///
    /// As [`task::spawn`](crate::spawn::spawn).
    ///
    /// # Panics
    ///
    /// If the scope was opened on a plain thread and the default runtime cannot start.
    ///
    /// # Examples
    ///
    /// ```
    /// let numbers = [1, 2, 3];
    /// let sum = gocoro::task::scope(|s| {
    ///     let sum = s.spawn(|| numbers.iter().sum::<i32>());
    ///     sum.join().unwrap()
    /// });
    /// assert_eq!(sum, 6);
    /// ```
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T,
        F: Send,   // not `Send`? `Scope::spawn_local` keeps the task on this worker
        F: 'scope, // does not live long enough? only what lives outside of `task::scope` can be borrowed
        T: Send,   // not `Send`? `Scope::spawn_local` keeps the task on this worker
        T: 'scope, // borrows? only from what lives outside of `task::scope`
    {
        spawned(self.spawn_inner(Builder::new(), f, false, Location::caller()))
    }

    /// Spawns a task in the scope that stays on this worker, so that neither the closure nor its
    /// value has to be `Send`.
    ///
    /// # Parks
    ///
    /// As [`task::spawn`](crate::spawn::spawn).
    ///
    /// # Panics
    ///
    /// Outside a task: a plain thread has no worker to stay on.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::{go, task};
    /// use std::cell::Cell;
    ///
    /// let total = go!({
    ///     let total = Cell::new(0);
    ///     task::scope(|s| {
    ///         for n in 1..=3 {
    ///             s.spawn_local({
    ///                 let total = &total;
    ///                 move || total.set(total.get() + n)
    ///             });
    ///         }
    ///     });
    ///     total.get()
    /// });
    /// assert_eq!(total.wait(), 6);
    /// ```
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_local<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T,
        F: 'scope, // does not live long enough? only what lives outside of `task::scope` can be borrowed
        T: 'scope, // borrows? only from what lives outside of `task::scope`
    {
        spawned(self.spawn_inner(Builder::new(), f, true, Location::caller()))
    }

    /// Spawns a child. All spawns into a scope end here.
    pub(crate) fn spawn_inner<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
        local: bool,
        at: &'static Location<'static>,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + 'scope,
        T: 'scope,
    {
        let enter = |task: JoinHandle<T>| {
            (Child::enter(&self.children, task.task()), ScopedJoinHandle::new(task))
        };
        // SAFETY: whatever the closure and its value borrow outlives `'scope`, and the scope does
        // not end before it has been told that the child has ended. By then the closure is gone,
        // and the value is gone, or belongs to the handle, which does not outlive `'scope`. If the
        // closure or the value is not `Send`, the placement keeps the task on this worker, and the
        // handle is not `Send` either.
        unsafe {
            let placement = if local { Placement::Local } else { Placement::Here };
            spawn_unchecked(f, builder.options, placement, at, enter)
        }
    }

    /// Cancels all children: those that there are now, and those that are spawned later, at once.
    ///
    /// The scope's closure goes on, and [`scope`] returns its value once the children have ended.
    /// Joining a child that was cancelled gives an error that says so. A panic of a child that
    /// nobody joins is still raised. A child that calls this is cancelled with the others.
    ///
    /// # Parks
    ///
    /// Never.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task;
    ///
    /// let answer = task::scope(|s| {
    ///     let ticker = s.spawn(|| task::park());
    ///     let answer = s.spawn(|| 6 * 7).join().unwrap();
    ///     s.cancel();
    ///     assert!(ticker.join().unwrap_err().is_cancelled());
    ///     answer
    /// });
    /// assert_eq!(answer, 42);
    /// ```
    #[track_caller]
    pub fn cancel(&self) {
        self.children.cancel_children_for(CauseKind::Asked, Location::caller());
    }

    fn cancel_children(&self) {
        self.children.cancel_children();
    }
}

impl Builder {
    /// Spawns the task in a scope, as [`Scope::spawn`] does. In std it is
    /// [`std::thread::Builder::spawn_scoped`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::task;
    ///
    /// let text = String::from("abc");
    /// let length = task::scope(|s| {
    ///     let builder = task::Builder::new().name("measures");
    ///     builder.spawn_scoped(s, || text.len()).unwrap().join().unwrap()
    /// });
    /// assert_eq!(length, 3);
    /// ```
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T,
        F: Send,   // not `Send`? `Scope::spawn_local` keeps the task on this worker
        F: 'scope, // does not live long enough? only what lives outside of `task::scope` can be borrowed
        T: Send,   // not `Send`? `Scope::spawn_local` keeps the task on this worker
        T: 'scope, // borrows? only from what lives outside of `task::scope`
    {
        scheduler::check_open()?;
        scope.spawn_inner(self, f, false, Location::caller())
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scope = f.debug_struct("Scope");
        self.children.describe(&mut scope);
        scope.finish()
    }
}
