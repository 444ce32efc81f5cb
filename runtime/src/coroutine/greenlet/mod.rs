//! Symmetric coroutines: each switches to any other of its family.
//!
//! The engine's switch is asymmetric. So whoever switches into a family from outside becomes its
//! root, and runs a loop there, in [`Family::run`]: it resumes one greenlet after another. A
//! greenlet that switches hands its wish to that loop, and suspends. A switch between two greenlets
//! is two switches of the engine.

mod family;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use self::family::{Family, Node, Who, body, pointer};
use super::{State, SwitchError};
use crate::unwind;

/// A coroutine that switches to others, and is switched to by any of them.
///
/// Greenlets that hand each other values of one type `T`, on one thread, are a family. Its *root*
/// is whoever switches into the family from outside: a task, a plain thread, a greenlet of another
/// family. [`switch_to`](Greenlet::switch_to) goes on in the other greenlet, and returns when some
/// greenlet switches back, with the value that this one hands over.
///
/// A greenlet ends when its function returns. The value goes to its nearest live *parent*: the
/// greenlet that created it, or the root; so does its panic. A switch to one that has ended goes
/// there, too.
///
/// This is a handle, which can be cloned. When the last one goes, a suspended greenlet is unwound.
/// Functions that hold handles of each other keep each other alive, as `Rc`s do, and so do two that
/// are suspended in switches to each other, or one that is suspended with a handle of a greenlet
/// whose parent it is. A [`reset`](Greenlet::reset) of one ends them.
///
/// Greenlets may wait for whatever gocoro's operations wait for: the task waits, with all of its
/// family's running part. Another task of the worker that switches into the family meanwhile is
/// refused, though its greenlets may have nothing to do with these. So greenlets that wait hand
/// each other a type of their own, such as a `struct Line(String)`, of which no other task makes
/// greenlets.
///
/// # Examples
///
/// ```
/// use gocoro::coroutine::Greenlet;
/// use std::{cell::RefCell, rc::Rc};
///
/// let ping: Rc<RefCell<Option<Greenlet<u32>>>> = Rc::default();
/// let other = ping.clone();
/// let pong = Greenlet::new(move |mut n| {
///     let ping = other.take().unwrap();
///     loop {
///         n = ping.switch_to(n + 1).unwrap();
///     }
/// });
/// *ping.borrow_mut() = Some(Greenlet::new(move |mut n| {
///     while n < 10 {
///         n = pong.switch_to(n + 1).unwrap();
///     }
///     n // to the parent, which is the root
/// }));
/// let first = ping.borrow().clone().unwrap();
/// assert_eq!(first.switch_to(0).unwrap(), 10);
/// assert!(first.is_dead());
/// ```
pub struct Greenlet<T: 'static> {
    who: Who<T>,
}

impl<T: 'static> Greenlet<T> {
    /// Creates a greenlet, which runs when it is first switched to: `f` gets the value that is
    /// handed over then. Its parent is the greenlet that calls this, or the root.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::Greenlet;
    ///
    /// let twice = Greenlet::new(|n: i32| 2 * n);
    /// assert_eq!(twice.switch_to(21).unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn new(f: impl FnOnce(T) -> T + 'static) -> Self {
        Greenlet::with_parent(&Greenlet::current(), f)
    }

    /// Creates a greenlet with this parent, to which its value goes, or its panic.
    #[track_caller]
    pub fn with_parent(parent: &Greenlet<T>, f: impl FnOnce(T) -> T + 'static) -> Self {
        Greenlet::make(parent, None, f)
    }

    /// Creates a greenlet as [`new`](Greenlet::new) does, whose stack has so many bytes: rounded up
    /// to a power of two, and to 32 KiB. A size that cannot be is told by the first switch.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::Greenlet;
    ///
    /// let roomy = Greenlet::with_stack_size(1 << 20, |n: u8| [n; 500_000].len() as u8);
    /// assert_eq!(roomy.switch_to(1).unwrap(), 32);
    /// ```
    #[track_caller]
    pub fn with_stack_size(bytes: usize, f: impl FnOnce(T) -> T + 'static) -> Self {
        Greenlet::make(&Greenlet::current(), Some(bytes), f)
    }

    #[track_caller]
    fn make(
        parent: &Greenlet<T>,
        stack_bytes: Option<usize>,
        f: impl FnOnce(T) -> T + 'static,
    ) -> Self {
        let created_at = Location::caller();
        let (family, parent) = match &parent.who {
            Who::Root(family) => (family.clone(), None),
            Who::Node(node) => (node.family.clone(), Some(node.clone())),
        };
        let node = Rc::new_cyclic(|node| Node {
            family,
            parent,
            created_at,
            stack_bytes,
            body: RefCell::new(body(node.clone(), created_at, stack_bytes, Box::new(f))),
            state: Cell::new(State::Unstarted),
            suspender: Cell::new(None),
            injected: RefCell::default(),
        });
        Greenlet { who: Who::Node(node) }
    }

    /// The root of this thread's family.
    #[must_use]
    pub fn root() -> Self {
        Greenlet { who: Who::Root(Family::get()) }
    }

    /// The greenlet that runs this code; the root, if none of the family does.
    #[must_use]
    pub fn current() -> Self {
        let family = Family::get();
        let who = family.running().map_or_else(|| Who::Root(family.clone()), Who::Node);
        Greenlet { who }
    }

    /// To whom the value or the panic goes with which this greenlet ends. `None`: it is the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match &self.who {
            Who::Root(_) => None,
            Who::Node(node) => {
                let root = || Who::Root(node.family.clone());
                Some(Greenlet { who: node.parent.clone().map_or_else(root, Who::Node) })
            }
        }
    }

    /// Whether the greenlet was switched to before. The root always was.
    #[must_use]
    pub fn is_started(&self) -> bool {
        match &self.who {
            Who::Root(_) => true,
            Who::Node(node) => node.state.get() != State::Unstarted,
        }
    }

    /// Whether the greenlet has ended. The root never has.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        match &self.who {
            Who::Root(_) => false,
            Who::Node(node) => node.state.get() == State::Finished,
        }
    }

    /// Goes on in this greenlet with `value`. Returns the value that is handed over when somebody
    /// switches back to the caller.
    ///
    /// A switch to one that has ended goes to its nearest live parent. A switch to the caller
    /// itself returns `value` at once.
    ///
    /// # Parks
    ///
    /// As the greenlets do that run until somebody switches back.
    ///
    /// # Errors
    ///
    /// [`SwitchError`], with the value: if another greenlet of the family runs, and the caller is
    /// none of it; or if there is no memory for the stack of one that was not started.
    ///
    /// # Panics
    ///
    /// With the panic of a greenlet that ends so, if the caller is its nearest live parent. In a
    /// greenlet, inside a [timeout or the
    /// like](super::Coroutine#what-must-be-closed-at-a-suspension) that its function has opened.
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[allow(unsafe_code)]
    pub fn switch_to(&self, value: T) -> Result<T, SwitchError<T>> {
        // A switch between two greenlets that have run both returns here, through no other frame.
        if let Who::Node(to) = &self.who
            && to.state.get() == State::Suspended
            && let Some(caller) = to.family.current.get()
            && to.family.is_running()
        {
            let to = Greenlet { who: Who::Node(to.clone()) };
            // SAFETY: the caller runs in this greenlet.
            return Ok(unsafe { Node::leave(caller, to, value) });
        }
        self.switch_by_rules(value)
    }

    #[inline(never)]
    #[allow(unsafe_code)]
    fn switch_by_rules(&self, value: T) -> Result<T, SwitchError<T>> {
        let family = match &self.who {
            Who::Root(family) => family,
            Who::Node(node) => &node.family,
        };
        let caller = family.current.get();
        if let Some(caller) = caller
            && !family.is_running()
        {
            // SAFETY: the greenlet whose turn it is is kept by its `Turn`.
            let at = unsafe { caller.as_ref() }.created_at;
            return Err(SwitchError::outside(value, at));
        }
        let to = match &self.who {
            Who::Node(node) if node.state.get() == State::Finished => node.heir(),
            Who::Node(node) => Who::Node(node.clone()),
            Who::Root(family) => Who::Root(family.clone()),
        };
        if let Who::Node(node) = &to
            && node.state.get() == State::Unstarted
            && let Err(error) = node.body.borrow().reserve()
        {
            return Err(SwitchError::no_stack(value, error));
        }
        match (caller, to) {
            (None, Who::Root(_)) => Ok(value),
            (None, Who::Node(node)) => {
                let family = node.family.clone();
                Ok(family.run(node, value))
            }
            (Some(caller), Who::Node(node)) if caller == pointer(&node) => Ok(value),
            // SAFETY: the caller runs in this greenlet.
            (Some(caller), to) => Ok(unsafe { Node::leave(caller, Greenlet { who: to }, value) }),
        }
    }

    /// Has `f` called once, in this greenlet, when it is switched to next: before its function
    /// begins, or before its `switch_to` returns. A panic of `f` is one of the greenlet's there.
    ///
    /// Several are called in their order.
    ///
    /// # Panics
    ///
    /// For the root, which nothing can be injected into.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::Greenlet;
    ///
    /// let waits = Greenlet::new(|n: i32| {
    ///     // Ends by a panic out of this switch.
    ///     Greenlet::root().switch_to(n).unwrap()
    /// });
    /// waits.switch_to(1).unwrap();
    /// waits.inject(|| std::panic::resume_unwind(Box::new("stop")));
    /// let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waits.switch_to(2)));
    /// assert!(stopped.is_err() && waits.is_dead());
    /// ```
    #[track_caller]
    pub fn inject(&self, f: impl FnOnce() + 'static) {
        self.node("inject into").injected.borrow_mut().push_back(Box::new(f));
    }

    /// Makes the greenlet an unstarted one again, which is to run `f`. What it has suspended is
    /// unwound before; what was injected is forgotten.
    ///
    /// # Parks
    ///
    /// As the destructors do that run.
    ///
    /// # Panics
    ///
    /// For a greenlet that runs, and for the root. With the panic of a destructor.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::Greenlet;
    ///
    /// let greenlet = Greenlet::new(|n: i32| n + 1);
    /// assert_eq!(greenlet.switch_to(1).unwrap(), 2);
    /// greenlet.reset(|n| n + 10);
    /// assert!(!greenlet.is_started());
    /// assert_eq!(greenlet.switch_to(1).unwrap(), 11);
    /// ```
    #[track_caller]
    pub fn reset(&self, f: impl FnOnce(T) -> T + 'static) {
        let node = self.node("reset");
        let Ok(mut place) = node.body.try_borrow_mut() else {
            panic!("the greenlet created at {} runs, and cannot be reset", node.created_at);
        };
        node.state.set(State::Finished);
        node.suspender.set(None);
        let new = body(Rc::downgrade(node), node.created_at, node.stack_bytes, Box::new(f));
        let old = std::mem::replace(&mut *place, new);
        drop(place);
        // Its destructors may ask this greenlet: it has ended.
        let injected = node.injected.take();
        // They may also panic, or reset it again and switch to it.
        let _again = unwind::on_drop(|| {
            if node.body.try_borrow().is_ok_and(|body| body.state() == State::Unstarted) {
                node.state.set(State::Unstarted);
            }
        });
        drop(old);
        drop(injected);
    }

    #[track_caller]
    fn node(&self, what: &str) -> &Rc<Node<T>> {
        match &self.who {
            Who::Node(node) => node,
            Who::Root(_) => panic!("cannot {what} the root, which is no greenlet's function"),
        }
    }
}

impl<T: 'static> Clone for Greenlet<T> {
    fn clone(&self) -> Self {
        let who = match &self.who {
            Who::Root(family) => Who::Root(family.clone()),
            Who::Node(node) => Who::Node(node.clone()),
        };
        Greenlet { who }
    }
}

/// Two handles are equal if they are of one greenlet.
impl<T: 'static> PartialEq for Greenlet<T> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (Who::Root(one), Who::Root(other)) => Rc::ptr_eq(one, other),
            (Who::Node(one), Who::Node(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl<T: 'static> Eq for Greenlet<T> {}

impl<T: 'static> fmt::Debug for Greenlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut greenlet = f.debug_struct("Greenlet");
        match &self.who {
            Who::Root(_) => greenlet.field("root", &true).finish(),
            Who::Node(node) => greenlet
                .field("state", &node.state.get())
                .field("created_at", &format_args!("{}", node.created_at))
                .finish_non_exhaustive(),
        }
    }
}
