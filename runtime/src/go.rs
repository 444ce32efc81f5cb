//! What `go!` expands to, besides functions of `task`.
//!
//! # How a future is refused
//!
//! A call of an `async fn` makes a future, which a task would return without running it. So `go!`
//! refuses a body whose value is a future. No bound can ask for a type that does *not* implement a
//! trait. And a method that only futures have would be looked up where `go!` stands, when the
//! value's type may not be known yet: code that compiles would stop compiling.
//!
//! But what a closure captures is decided after all types are known. A variable that the closure
//! uses is captured by reference if its type is `Copy`, and moved otherwise. [`Value<T>`] is `Send`
//! and never `Sync`, and it is `Copy` if `T` is a future. So a closure that uses a `Value<T>` is
//! `Send` unless `T` is a future. [`not_a_future`] asks for `Send`, and its message says what that
//! means.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::group::TaskGroup;
use crate::join::JoinHandle;
use crate::scope::{Scope, ScopedJoinHandle};
use crate::spawn::{Builder, spawned};

/// Stands for the value of a spawned task, of type `T`.
#[derive(Debug)]
pub struct Value<T>(PhantomData<fn() -> T>, PhantomData<Cell<()>>);

impl<T: Future> Clone for Value<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Future> Copy for Value<T> {}

impl<T> Value<T> {
    #[inline(always)]
    fn new() -> Value<T> {
        Value(PhantomData, PhantomData)
    }
}

/// Makes the [`Value`] of the task that this handle is for.
#[inline(always)]
pub fn value_of<T>(_: &JoinHandle<T>) -> Value<T> {
    Value::new()
}

/// What the closure in [`not_a_future`] returns. It is not `NotAFuture` itself, or the compiler
/// would propose to call the closure.
#[derive(Debug)]
pub struct Used(PhantomData<*const ()>);

/// Uses a [`Value`], in the closure that [`not_a_future`] takes.
#[inline(always)]
pub fn used<T>(_: Value<T>) -> Used {
    Used(PhantomData)
}

/// Closures that use the [`Value`] of a task whose value is no future.
#[diagnostic::on_unimplemented(
    message = "this task would only make a future, which nothing would run",
    label = "the value of this is a future",
    note = "in a task plain functions may wait anywhere: call one, remove `async` from this one, or write `future::wait(…)` around it",
    note = "if the future is to be handed over unrun, write `task::spawn(move || …)`"
)]
pub trait NotAFuture {}

#[diagnostic::do_not_recommend]
impl<F: Send> NotAFuture for F {}

/// Does not compile if the closure uses the [`Value`] of a future.
#[inline(always)]
pub fn not_a_future<F: NotAFuture>(_: F) {}

/// Spawns for `go!` with a header, as [`Builder::spawn`] does. Panics if the header cannot be met.
#[track_caller]
#[rustfmt::skip]
pub fn spawn_with<F, T>(builder: Builder, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T,
    F: Send,    // not `Send`? `go!(local => ..)` keeps the task here; a lock guard: lock in the task
    F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in, or `go!(clone(x) => { .. })`
    T: Send,    // not `Send`? `go!(local => ..)` keeps the task on this worker
    T: 'static, // borrows? return an owned value, or use `task::scope`
{
    spawned(builder.spawn_at(f, Location::caller()))
}

/// Spawns for `go!(local => ..)`, as [`Builder::spawn_local`] does. Panics if the header cannot be
/// met.
#[track_caller]
#[rustfmt::skip]
pub fn spawn_local_with<F, T>(builder: Builder, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T,
    F: 'static, // borrows? `go!(in s, local => ..)` in a `task::scope` lets local tasks borrow
    T: 'static, // borrows? return an owned value, or use `task::scope`
{
    spawned(builder.spawn_local_at(f, Location::caller()))
}

/// The spawns of `go!(in s => ..)`, for a scope `s`.
impl<'scope> Scope<'scope, '_> {
    #[doc(hidden)]
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_with<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
    ) -> (ScopedJoinHandle<'scope, T>, Value<T>)
    where
        F: FnOnce() -> T,
        F: Send,   // not `Send`? `go!(in s, local => ..)`, in a task; a lock guard: lock in the task
        F: 'scope, // too short a life? only what lives outside of `task::scope` can be borrowed
        T: Send,   // not `Send`? `go!(in s, local => ..)`, in a task
        T: 'scope, // borrows? only from what lives outside of `task::scope`
    {
        let handle = self.spawn_inner(builder, f, false, Location::caller());
        (spawned(handle), Value::new())
    }

    #[doc(hidden)]
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_local_with<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
    ) -> (ScopedJoinHandle<'scope, T>, Value<T>)
    where
        F: FnOnce() -> T,
        F: 'scope, // too short a life? only what lives outside of `task::scope` can be borrowed
        T: 'scope, // borrows? only from what lives outside of `task::scope`
    {
        let handle = self.spawn_inner(builder, f, true, Location::caller());
        (spawned(handle), Value::new())
    }
}

/// The spawns of `go!(in group => ..)`.
impl<T: Send + 'static> TaskGroup<T> {
    #[doc(hidden)]
    #[track_caller]
    #[rustfmt::skip]
    pub fn spawn_with<F>(&self, builder: Builder, f: F) -> ((), Value<T>)
    where
        F: FnOnce() -> T,
        F: Send,    // not `Send`? `go!(in s, local => ..)` with the `s` of a `task::scope`, in a task
        F: 'static, // borrows? `task::scope` lets tasks borrow; or move it in, or `go!(clone(x) => { .. })`
    {
        (spawned(self.spawn_as(builder, f, Location::caller())), Value::new())
    }

    /// A group has no local tasks. The bound makes the compiler say why.
    #[doc(hidden)]
    pub fn spawn_local_with<F>(&self, _: Builder, _: F) -> ((), Value<T>)
    where
        F: FnOnce() -> T,
        Self: ScopeForLocal,
    {
        self.nowhere()
    }
}

/// What `go!(in x => ..)` takes for `x`.
#[diagnostic::on_unimplemented(
    message = "`go!(in …)` cannot spawn in a `{Self}`",
    label = "neither a `task::Scope` nor a `task::TaskGroup`"
)]
pub trait ScopeOrGroup {
    /// Always the type itself. The methods called on it are looked up only if the trait is
    /// implemented, so the compiler complains once.
    type Itself: ?Sized;

    /// Returns the scope or group itself.
    fn itself(&self) -> &Self::Itself;
}

macro_rules! places {
    ($([$($generics:tt)*] $place:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> ScopeOrGroup for $place {
            type Itself = Self;

            #[inline(always)]
            fn itself(&self) -> &Self {
                self
            }
        }
    )*};
}

places! {
    ['scope, 'env] Scope<'scope, 'env>;
    [T] TaskGroup<T>;
    [P: ScopeOrGroup + ?Sized] &P;
    [P: ScopeOrGroup + ?Sized] &mut P;
    [P: ScopeOrGroup + ?Sized] Box<P>;
    [P: ScopeOrGroup + ?Sized] Rc<P>;
    [P: ScopeOrGroup + ?Sized] Arc<P>;
}

/// The scope or group that stands behind `in`. A spawn method of it is called next.
#[inline(always)]
pub fn place<P: ScopeOrGroup + ?Sized>(place: &P) -> &P::Itself {
    place.itself()
}

/// What has local tasks besides a [`Scope`]: no type implements this.
#[diagnostic::on_unimplemented(
    message = "`go!(in …, local)` cannot spawn in a `{Self}`",
    label = "not a `task::Scope`, which alone has local tasks that are waited for"
)]
pub trait ScopeForLocal {
    /// Never called, since no type implements the trait.
    fn nowhere(&self) -> !;
}
