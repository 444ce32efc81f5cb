//! The greenlets of one type on one thread, and whose turn it is.

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, Location};
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::super::{Coroutine, State, Step, Suspender};
use super::Greenlet;
use crate::unwind;

/// What a greenlet gets when it goes on.
pub(super) enum Message<T> {
    Value(T),
    /// The panic of a greenlet whose nearest live parent this one is.
    Panic(unwind::Payload),
}

/// What a greenlet suspends with: where to go on, and with what.
pub(super) struct Order<T: 'static> {
    to: Greenlet<T>,
    value: T,
}

pub(super) type Body<T> = Coroutine<Message<T>, Order<T>, T>;
pub(super) type By<T> = Suspender<Message<T>, Order<T>>;
pub(super) type Start<T> = Box<dyn FnOnce(T) -> T>;

pub(super) enum Who<T: 'static> {
    Root(Rc<Family<T>>),
    Node(Rc<Node<T>>),
}

pub(super) struct Node<T: 'static> {
    pub(super) family: Rc<Family<T>>,
    /// `None`: the root.
    pub(super) parent: Option<Rc<Node<T>>>,
    pub(super) created_at: &'static Location<'static>,
    /// `None`: the usual size.
    pub(super) stack_bytes: Option<usize>,
    /// Borrowed mutably while the greenlet runs, and by nobody else.
    pub(super) body: RefCell<Body<T>>,
    pub(super) state: Cell<State>,
    /// What to suspend by, once the greenlet has started.
    pub(super) suspender: Cell<Option<NonNull<By<T>>>>,
    pub(super) injected: RefCell<VecDeque<Box<dyn FnOnce()>>>,
}

/// The greenlets of one type on one thread.
pub(super) struct Family<T: 'static> {
    /// The greenlet that runs, while the family's loop does: that of a [`Turn`].
    pub(super) current: Cell<Option<NonNull<Node<T>>>>,
}

thread_local! {
    /// The families of this thread, by the types of their values. They are few, and each is asked
    /// for at every switch to its root.
    static FAMILIES: RefCell<Vec<(TypeId, Weak<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl<T: 'static> Family<T> {
    /// This thread's family.
    pub(super) fn get() -> Rc<Family<T>> {
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
    pub(super) fn is_running(&self) -> bool {
        // SAFETY: the greenlet whose turn it is is kept by its `Turn`.
        self.current.get().is_some_and(|node| unsafe { node.as_ref() }.is_running())
    }

    /// The greenlet that the caller runs in.
    #[allow(unsafe_code)]
    pub(super) fn running(&self) -> Option<Rc<Node<T>>> {
        let node = self.current.get().filter(|_| self.is_running())?;
        // SAFETY: the greenlet whose turn it is is kept by its `Turn`.
        Some(unsafe { handle(node) })
    }

    /// Runs greenlets, `first` with `value`, until one switches to the root.
    pub(super) fn run(&self, first: Rc<Node<T>>, value: T) -> T {
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
pub(super) fn pointer<T>(node: &Rc<Node<T>>) -> NonNull<Node<T>> {
    NonNull::new(Rc::as_ptr(node).cast_mut()).expect("an `Rc` is not null")
}

/// A handle of the greenlet at this address.
///
/// # Safety
///
/// The address came from [`pointer()`], and there is still a handle of the greenlet.
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
    pub(super) fn heir(&self) -> Who<T> {
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
        // What is injected meanwhile is for the next switch.
        let count = node.upgrade().map_or(0, |node| node.injected.borrow().len());
        let next = || node.upgrade().and_then(|node| node.injected.borrow_mut().pop_front());
        std::iter::from_fn(next).take(count).for_each(|next| next());
    }

    /// Switches from this greenlet to another one. Returns when this one is switched to.
    ///
    /// # Safety
    ///
    /// The caller runs in this greenlet. It holds no handle of it, for a greenlet that is suspended
    /// must not keep itself alive.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) unsafe fn leave(this: NonNull<Self>, to: Greenlet<T>, value: T) -> T {
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

    /// Whether the caller runs in this greenlet, on its own stack.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn is_running(&self) -> bool {
        // SAFETY: the suspender lies in the greenlet's coroutine. That lasts until the greenlet is
        // reset, which clears the pointer before, or dropped, when nobody can ask any more.
        self.suspender.get().is_some_and(|suspender| unsafe { suspender.as_ref() }.is_running())
    }
}

impl<T: 'static> Drop for Node<T> {
    fn drop(&mut self) {
        // One after the other, for a chain of parents may be longer than the stack is deep.
        let mut parent = self.parent.take();
        while let Some(mut node) = parent.and_then(Rc::into_inner) {
            parent = node.parent.take();
        }
    }
}

/// The coroutine of a greenlet.
pub(super) fn body<T: 'static>(
    node: Weak<Node<T>>,
    created_at: &'static Location<'static>,
    stack_bytes: Option<usize>,
    start: Start<T>,
) -> Body<T> {
    Coroutine::at(stack_bytes, created_at, move |suspender, message| {
        // The greenlet must not keep itself alive while it is suspended.
        if let Some(node) = node.upgrade() {
            node.suspender.set(Some(NonNull::from(suspender)));
        }
        Node::call_injected(&node);
        let value = match message {
            Message::Value(value) => start(value),
            Message::Panic(_) => unreachable!("an unstarted greenlet does not go on with a panic"),
        };
        if let Some(node) = node.upgrade()
            && node.suspender.get() == Some(NonNull::from(suspender))
        {
            node.suspender.set(None);
        }
        value
    })
}
