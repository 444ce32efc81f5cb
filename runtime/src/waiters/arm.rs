//! What may be an arm of a choice, and how a choice uses its arms.

use std::cell::UnsafeCell;
use std::fmt;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::Waiter;
use crate::task::Words;

/// What `select!` can wait for with `wait(…)`.
///
/// The trait is implemented for references: to receivers, to a `JoinHandle`, and to whatever else
/// happens once or again.
///
/// The trait is sealed: other crates cannot implement it. A type of another crate that contains
/// something selectable lends that, as in `wait(self.stopped())`.
///
/// # Examples
///
/// ```
/// use gocoro::sync::Event;
/// use gocoro::{channel, select};
///
/// let (sender, receiver) = channel::unbounded();
/// let stop = Event::new();
/// sender.send(7)?;
/// let first = select! {
///     wait(receiver) -> message => message,
///     wait(stop) -> _ => Err(channel::RecvError),
/// };
/// assert_eq!(first, Ok(7));
/// # Ok::<(), channel::SendError<i32>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`select!` cannot wait for `{Self}`",
    label = "not selectable",
    note = "`wait(x)` takes receivers, events and other things that happen; for a task write `join(&mut handle) -> r => …`, for a socket `readable(socket) => …`"
)]
pub trait Selectable: Sealed {
    /// What happened.
    type Output;

    /// How it is waited for.
    #[doc(hidden)]
    type Arm: Arm<Output = Self::Output>;

    #[doc(hidden)]
    fn arm(self) -> Self::Arm;
}

/// Keeps [`Selectable`] to the types of this crate, since nobody else can name this trait.
/// Otherwise a type could hand out the arm of another:
///
/// ```compile_fail,E0277
/// # use gocoro::{channel::Selectable, sync::Event};
/// struct Mine(Event);
/// impl<'a> Selectable for &'a Mine {
///     type Output = ();
///     type Arm = <&'a Event as Selectable>::Arm;
///     fn arm(self) -> Self::Arm { (&self.0).arm() }
/// }
/// ```
#[expect(unnameable_types, reason = "this is what seals the trait")]
pub trait Sealed {}

/// A [`Selectable`] from which messages are received: what `recv(…)` in `select!` takes.
///
/// The trait is sealed, as `Selectable` is: it stands for the receivers of this crate, and for
/// references and pointers to them.
#[diagnostic::on_unimplemented(
    message = "`select!` cannot receive from `{Self}`",
    label = "not a receiver",
    note = "`recv(r)` takes the receivers of `gocoro::channel` and `gocoro::sync::mpsc`; for other things write `wait(x) -> v => …`"
)]
pub trait Receive: Selectable {}

impl<'b, S: ?Sized> Sealed for &&'b S where &'b S: Sealed {}

impl<'b, S: ?Sized> Selectable for &&'b S
where
    &'b S: Selectable,
{
    type Output = <&'b S as Selectable>::Output;
    type Arm = <&'b S as Selectable>::Arm;

    fn arm(self) -> Self::Arm {
        (*self).arm()
    }
}

impl<'b, S: ?Sized> Receive for &&'b S where &'b S: Receive {}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {$(
        impl<'a, S: ?Sized> Sealed for &'a $pointer where &'a S: Sealed {}

        impl<'a, S: ?Sized> Selectable for &'a $pointer
        where
            &'a S: Selectable,
        {
            type Output = <&'a S as Selectable>::Output;
            type Arm = <&'a S as Selectable>::Arm;

            fn arm(self) -> Self::Arm {
                (**self).arm()
            }
        }

        impl<'a, S: ?Sized> Receive for &'a $pointer where &'a S: Receive {}
    )*};
}

through_pointers!(&mut S, Arc<S>, Rc<S>, Box<S>);

/// One way for a wait to end. All methods are called by the waiting side.
///
/// # Safety
///
/// After `unlink`, and after `settle`, nobody else reaches anything of the arm or of the wait that
/// the arm was linked to.
///
/// `link` does not unwind: an arm that was linked before may have been chosen meanwhile, and
/// whoever chose it relies on its `settle`. What can fail is tried by `attempt`, which comes before
/// all links, or is kept as the arm's outcome.
#[doc(hidden)]
pub unsafe trait Choice {
    /// Chooses the arm if it is ready now. What the choice took stays in the arm.
    fn attempt(&self) -> bool;

    /// Attempts the arm as [`Choice::attempt`] does, for a future, which must not wait for the
    /// other side. If the arm meets one that has yet to make what it gives, the arm is linked at
    /// `place`, and claims the wait there: it is chosen, and not settled. Without a place, it meets
    /// nobody.
    fn attempt_at(&self, _place: Option<Place<'_>>) -> bool {
        self.attempt()
    }

    /// Whether [`Choice::attempt`] would probably choose the arm now.
    fn is_ready(&self) -> bool;

    /// Links the arm to the wait, until [`Choice::unlink`]. `true`: the arm looks ready, and is
    /// worth another attempt.
    fn link(&self, place: Place<'_>) -> bool;

    /// Takes the arm's link back, if there is one.
    fn unlink(&self);

    /// Completes the choice of an arm that a claim chose, which then needs no `unlink`. `false`:
    /// the other side gave up, and nothing is chosen.
    fn settle(&self) -> bool;

    /// Whether [`Choice::settle`] need not wait for the other side, for an arm that a claim chose.
    /// If not, another wake comes when that has changed.
    fn is_settled(&self) -> bool {
        true
    }

    /// Undoes the choice of an arm that a claim chose and that is settled: what the arm was granted
    /// goes to others, or back. Takes the arm's link back, as [`Choice::unlink`] does.
    fn undo(&self) {
        self.unlink();
    }

    /// Whether the arm has become ready since its link although the wait has not been claimed. The
    /// choice asks all arms after all links, before it says that none was ready. It also asks arms
    /// for I/O, which it has not linked, since it does not wait.
    ///
    /// `false` is right for an arm whose waits are claimed in the same hold of a lock in which the
    /// arm becomes ready.
    fn has_turned(&self) -> bool {
        self.is_ready()
    }

    /// When another attempt is worth while although nobody claims the wait: an arm of time becomes
    /// ready by the clock alone.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The descriptor and the events that a plain thread polls for, if the kernel ends the wait.
    fn polled(&self) -> Option<(RawFd, i16)> {
        None
    }

    /// Says what this arm waits for, as [`Described::in_words`](crate::task::Described) does.
    fn in_words(&self, words: &mut Words);

    /// Whether a wait for this arm is I/O, which is refused to a cancelled task that unwinds.
    fn is_io(&self) -> bool {
        self.polled().is_some()
    }
}

/// A [`Choice`] with a value.
#[doc(hidden)]
pub trait Arm: Choice {
    type Output;

    /// The value of the choice. Called once, after the arm was chosen.
    fn take(self) -> Self::Output;
}

/// Where an arm links to: the wait, and the arm's number in the wait.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub(crate) waiter: &'a Waiter,
    pub(crate) arm: u32,
    /// Whether the wait only wants to know which arm is ready, and takes nothing.
    pub(crate) watches: bool,
    /// Whether the waiting side parks until something claims the wait. If not, the links only serve
    /// to show that no arm is ready.
    pub(crate) waits: bool,
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("arm", &self.arm).finish_non_exhaustive()
    }
}

/// The node of an arm, made anew each time the arm is linked.
pub(crate) struct ArmNode<N>(UnsafeCell<Option<N>>);

impl<N> ArmNode<N> {
    pub(crate) fn new() -> ArmNode<N> {
        ArmNode(UnsafeCell::new(None))
    }

    /// Makes the node, in place of the last one.
    ///
    /// # Safety
    ///
    /// The arm is linked nowhere, so nobody has a reference to the last node.
    pub(crate) unsafe fn make(&self, node: N) -> &N {
        // SAFETY: the caller sees to it that nobody has a reference to the node that is replaced.
        unsafe { &mut *self.0.get() }.insert(node)
    }

    /// The node, if the arm was linked and the node has not been cleared since.
    pub(crate) fn get(&self) -> Option<&N> {
        // SAFETY: only `make` and `clear` replace the node. Their callers see to it that nobody has
        // a reference to it then, and do not run meanwhile, since `ArmNode` is not `Sync`.
        unsafe { (*self.0.get()).as_ref() }
    }

    /// Drops the node, if there is one.
    ///
    /// # Safety
    ///
    /// The arm is linked nowhere, and nobody has a reference to the node.
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: the caller sees to it that nobody has a reference to the node that is dropped.
        unsafe { *self.0.get() = None };
    }
}
