//! Symmetric coroutines: each switches to any other of its family.
//!
//! The engine's switch is asymmetric. So whoever switches into a family from outside becomes its
//! root, and runs a loop there, in [`Family::run`]: it resumes one greenlet after another. A
//! greenlet that switches hands its wish to that loop, and suspends. A switch between two greenlets
//! is two switches of the engine.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{self, Location};
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::{Coroutine, State, Step, Suspender, SwitchError};
use crate::unwind;

/// What a greenlet gets when it goes on.
enum Message<T> {
    Value(T),
    /// The panic of a greenlet whose nearest live parent this one is.
    Panic(unwind::Payload),
}

/// What a greenlet suspends with: where to go on, and with what.
struct Order<T: 'static> {
    to: Greenlet<T>,
    value: T,
}

type Body<T> = Coroutine<Message<T>, Order<T>, T>;
type By<T> = Suspender<Message<T>, Order<T>>;
type Start<T> = Box<dyn FnOnce(T) -> T>;

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
/// (Functions that hold handles of each other keep each other alive, as `Rc`s do.)
///
/// Greenlets may wait for whatever gocoro's operations wait for: the task waits, with all of its
/// family's running part. Another task that switches into the family meanwhile is refused.
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

enum Who<T: 'static> {
    Root(Rc<Family<T>>),
    Node(Rc<Node<T>>),
}

struct Node<T: 'static> {
    family: Rc<Family<T>>,
    /// `None`: the root.
    parent: Option<Rc<Node<T>>>,
    created_at: &'static Location<'static>,
    /// Borrowed mutably while the greenlet runs, and by nobody else.
    body: RefCell<Body<T>>,
    state: Cell<State>,
    /// What to suspend by, once the greenlet has started.
    suspender: Cell<Option<NonNull<By<T>>>>,
    injected: RefCell<VecDeque<Box<dyn FnOnce()>>>,
}

/// The greenlets of one type on one thread.
struct Family<T: 'static> {
    /// The greenlet that runs, while the family's loop does: that of a [`Turn`].
    current: Cell<Option<NonNull<Node<T>>>>,
}

thread_local! {
    /// The families of this thread, by the types of their values. They are few, and each is asked
    /// for at every switch to its root.
    static FAMILIES: RefCell<Vec<(TypeId, Weak<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl<T: 'static> Family<T> {
    /// This thread's family.
    fn get() -> Rc<Family<T>> {
        let key = TypeId::of::<T>();
        // Where thread-locals are being destroyed, each handle has a family of its own.
        let kept = FAMILIES.try_with(|all| {
            let all = all.borrow();
            all.iter().find(|(of, _)| *of == key).and_then(|(_, family)| family.upgrade())
        });
        if let Ok(Some(kept)) = kept {
            return kept.downcast().expect("families are kept by their types");
        }
        let made = Rc::new(Family { current: Cell::new(None) });
        let weak: Weak<dyn Any> = Rc::downgrade(&(made.clone() as Rc<dyn Any>));
        let _ = FAMILIES.try_with(|all| {
            let mut all = all.borrow_mut();
            all.retain(|(_, family)| family.strong_count() > 0);
            all.push((key, weak));
        });
        made
    }

    /// Whether the caller runs in the greenlet whose turn it is, on its own stack.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn is_running(&self) -> bool {
        // SAFETY: the greenlet whose turn it is is kept by its `Turn`.
        self.current.get().is_some_and(|node| unsafe { node.as_ref() }.is_running())
    }

    /// The greenlet that the caller runs in.
    #[allow(unsafe_code)]
    fn running(&self) -> Option<Rc<Node<T>>> {
        let node = self.current.get().filter(|_| self.is_running())?;
        // SAFETY: the greenlet whose turn it is is kept by its `Turn`.
        Some(unsafe { handle(node) })
    }

    /// Runs greenlets, `first` with `value`, until one switches to the root.
    fn run(&self, first: Rc<Node<T>>, value: T) -> T {
        self.current.set(Some(pointer(&first)));
        let mut turn = Turn { family: self, node: first };
        let mut message = Message::Value(value);
        loop {
            let (to, next) = match turn.node.resume(message) {
                Ok(Step::Yielded(Order { to, value })) => (to.who, Message::Value(value)),
                Ok(Step::Returned(value)) => (turn.node.heir(), Message::Value(value)),
                Err(payload) => (turn.node.heir(), Message::Panic(payload)),
            };
            match (to, next) {
                (Who::Node(to), next) => {
                    turn.pass(to);
                    message = next;
                }
                (Who::Root(_), Message::Value(value)) => return value,
                (Who::Root(_), Message::Panic(payload)) => panic::resume_unwind(payload),
            }
        }
    }
}

/// The turn of one greenlet of a family, which keeps it while it runs. A greenlet that is suspended
/// does not keep itself.
struct Turn<'a, T: 'static> {
    family: &'a Family<T>,
    node: Rc<Node<T>>,
}

impl<T: 'static> Turn<'_, T> {
    /// Passes the turn on. The greenlet that had it may have no other handle left, and its
    /// destructors may ask who runs: by then it is the next one's turn.
    #[inline]
    fn pass(&mut self, to: Rc<Node<T>>) {
        self.family.current.set(Some(pointer(&to)));
        drop(std::mem::replace(&mut self.node, to));
    }
}

impl<T: 'static> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // The greenlet's handle is dropped after this.
        self.family.current.set(None);
    }
}

/// The greenlet's address, from which [`handle`] makes another handle.
#[inline(always)]
fn pointer<T>(node: &Rc<Node<T>>) -> NonNull<Node<T>> {
    NonNull::new(Rc::as_ptr(node).cast_mut()).expect("an `Rc` is not null")
}

/// A handle of the greenlet at this address.
///
/// # Safety
///
/// The address came from [`pointer`], and there is still a handle of the greenlet.
#[allow(unsafe_code)]
unsafe fn handle<T>(node: NonNull<Node<T>>) -> Rc<Node<T>> {
    let node = node.as_ptr().cast_const();
    // SAFETY: the address is that of an `Rc`'s value, and the caller answers for the `Rc`.
    unsafe { Rc::increment_strong_count(node) };
    // SAFETY: the count was just raised for this handle.
    unsafe { Rc::from_raw(node) }
}

impl<T: 'static> Node<T> {
    /// Continues the greenlet until it switches, or ends. `Err`: it has panicked.
    fn resume(&self, message: Message<T>) -> Result<Step<Order<T>, T>, unwind::Payload> {
        let message = match (self.state.get(), message) {
            // One that never ran has nothing that could catch the panic.
            (State::Unstarted, Message::Panic(payload)) => {
                self.state.set(State::Finished);
                return Err(payload);
            }
            (_, message) => message,
        };
        self.state.set(State::Running);
        let ran = self.body.borrow_mut().step(message);
        if let Ok(Step::Yielded(order)) = ran {
            self.state.set(State::Suspended);
            return Ok(Step::Yielded(order));
        }
        self.state.set(State::Finished);
        match ran {
            Ok(Step::Yielded(_)) => unreachable!("it has not ended"),
            Ok(Step::Returned(Ok(value))) => Ok(Step::Returned(value)),
            Ok(Step::Returned(Err(payload))) => Err(payload),
            // It is a parent that gets the value of a greenlet's end, has not been started yet, and
            // gets no stack.
            Err(error) => Err(Box::new(error.to_string())),
        }
    }

    /// Who goes on after this greenlet's end: the nearest parent that has not ended.
    fn heir(&self) -> Who<T> {
        let mut parent = self.parent.clone();
        while let Some(node) = parent {
            if node.state.get() != State::Finished {
                return Who::Node(node);
            }
            parent = node.parent.clone();
        }
        Who::Root(self.family.clone())
    }

    /// Calls what was injected. A panic of it goes on in this greenlet.
    ///
    /// What was injected may switch away. So nothing here holds the greenlet meanwhile, which would
    /// keep itself alive.
    #[cold]
    fn call_injected(node: &Weak<Self>) {
        while let Some(next) =
            node.upgrade().and_then(|node| node.injected.borrow_mut().pop_front())
        {
            next();
        }
    }

    /// Whether the caller runs in this greenlet, on its own stack.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn is_running(&self) -> bool {
        // SAFETY: the suspender lies in the greenlet's coroutine. That lasts until the greenlet is
        // reset, which clears the pointer before, or dropped, when nobody can ask any more.
        self.suspender.get().is_some_and(|suspender| unsafe { suspender.as_ref() }.is_running())
    }
}

/// The coroutine of a greenlet.
fn body<T: 'static>(
    node: Weak<Node<T>>,
    created_at: &'static Location<'static>,
    start: Start<T>,
) -> Body<T> {
    Coroutine::at(None, created_at, move |suspender, message| {
        // The greenlet must not keep itself alive while it is suspended.
        if let Some(node) = node.upgrade() {
            node.suspender.set(Some(NonNull::from(suspender)));
        }
        Node::call_injected(&node);
        let value = match message {
            Message::Value(value) => start(value),
            Message::Panic(_) => unreachable!("an unstarted greenlet does not go on with a panic"),
        };
        if let Some(node) = node.upgrade() {
            node.suspender.set(None);
        }
        value
    })
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
        let created_at = Location::caller();
        let (family, parent) = match &parent.who {
            Who::Root(family) => (family.clone(), None),
            Who::Node(node) => (node.family.clone(), Some(node.clone())),
        };
        let node = Rc::new_cyclic(|node| Node {
            family,
            parent,
            created_at,
            body: RefCell::new(body(node.clone(), created_at, Box::new(f))),
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
    /// greenlet, inside a [timeout or the like](Coroutine#what-must-be-closed-at-a-suspension) that
    /// its function has opened.
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
    pub fn reset(&self, f: impl FnOnce(T) -> T + 'static) {
        let node = self.node("reset");
        let Ok(mut place) = node.body.try_borrow_mut() else {
            panic!("the greenlet created at {} runs, and cannot be reset", node.created_at);
        };
        node.state.set(State::Finished);
        node.suspender.set(None);
        let new = body(Rc::downgrade(node), node.created_at, Box::new(f));
        let old = std::mem::replace(&mut *place, new);
        drop(place);
        // Its destructors may ask this greenlet: it has ended.
        let injected = node.injected.take();
        drop(old);
        drop(injected);
        node.state.set(State::Unstarted);
    }

    fn node(&self, what: &str) -> &Rc<Node<T>> {
        match &self.who {
            Who::Node(node) => node,
            Who::Root(_) => panic!("cannot {what} the root, which is no greenlet's function"),
        }
    }
}

impl<T: 'static> Node<T> {
    /// Switches from this greenlet to another one. Returns when this one is switched to.
    ///
    /// # Safety
    ///
    /// The caller runs in this greenlet. It holds no handle of it, for a greenlet that is suspended
    /// must not keep itself alive.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn leave(this: NonNull<Self>, to: Greenlet<T>, value: T) -> T {
        // SAFETY: the greenlet is kept by its turn, which lasts until the suspension below.
        let suspender = unsafe { this.as_ref() }.suspender.get();
        let suspender = suspender.expect("a greenlet that runs was started");
        // SAFETY: the suspender lies in the coroutine that the caller runs in, which is not freed
        // before it was unwound.
        let message = unsafe { suspender.as_ref() }.suspend_here(Order { to, value });
        // SAFETY: it is this greenlet's turn again.
        if !unsafe { this.as_ref() }.injected.borrow().is_empty() {
            // SAFETY: as above.
            let this = Rc::downgrade(&unsafe { handle(this) });
            Node::call_injected(&this);
        }
        match message {
            Message::Value(value) => value,
            Message::Panic(payload) => panic::resume_unwind(payload),
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
