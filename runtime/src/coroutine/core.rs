//! What all coroutines are: a stack, where they are, and what a switch takes along.
//!
//! A coroutine and whoever resumes it share one thread, and take turns: of the two, one runs, and
//! the other waits in [`Core::resume`] or [`Core::suspend`]. So the fields are cells, and whoever
//! runs may touch them.
//!
//! | state | who runs | what the stack has |
//! |---|---|---|
//! | `Unstarted` | the owner | there is none |
//! | `Suspended` | the owner | the body, in `suspend` |
//! | `Running` | the body, or what it called: another coroutine, another task while it waits | the body |
//! | `Finished` | the owner | there is none: it went back to the pool |

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;

use super::State;
use crate::boundary::Mark;
use crate::current;
use crate::environment;
use crate::limits::STACK_BYTES_DEFAULT;
use crate::scheduler;
use crate::stack::{Job, Nested, SizeClass};
use crate::trace::{self, Taken};
use crate::unwind::{self, Below, Count, Destination, Throw, Unwinding};

/// What runs in the resumer once the coroutine has suspended.
type Afterwards = Box<dyn FnOnce()>;

/// The rare things of a coroutine, one bit each, so that a switch tests one byte. This type has no
/// values: it names the bits.
enum Flags {}

impl Flags {
    /// The coroutine is being dropped: each suspension throws.
    const UNWOUND: u8 = 1 << 0;
    /// The resumer unwinds.
    const BELOW: u8 = 1 << 1;
    /// The coroutine is suspended in the middle of an unwinding.
    const UNWINDING: u8 = 1 << 2;
    /// The coroutine is suspended, and has entered spans.
    const SPANS: u8 = 1 << 3;
    /// The resumer has something to call.
    const AFTERWARDS: u8 = 1 << 4;
    /// The body has ended.
    const ENDED: u8 = 1 << 5;
}

/// How many times a body may swallow the unwinding and suspend again, before the coroutine is left
/// as it is: it might do so for ever.
const THROWS_MAX: u8 = 8;

pub(super) struct Core {
    state: Cell<State>,
    /// `None`: the usual size.
    stack_bytes: Option<usize>,
    site: &'static Location<'static>,
    nested: UnsafeCell<Option<Nested>>,
    /// What takes a switch off its fast path: see [`Flags`].
    flags: Cell<u8>,
    /// How often the coroutine was unwound.
    throws: Cell<u8>,
    /// The boundaries that were open when the coroutine was resumed.
    open: Cell<Mark>,
    /// What unwound on the thread when the coroutine was resumed, if [`Flags::BELOW`] is set.
    /// `None`: something did that cannot be told from what the coroutine does.
    below: Cell<Option<Below>>,
    /// The unwinding in the middle of which the coroutine is suspended.
    unwinding: Cell<Option<Unwinding>>,
    /// The span that was current when the coroutine was resumed.
    outside: Cell<Option<tracing::span::Id>>,
    /// The spans that the coroutine has entered, while it is suspended.
    spans: Cell<Option<Taken>>,
    afterwards: RefCell<Vec<Afterwards>>,
    /// Values of the coroutine's own, by type.
    locals: RefCell<Vec<(TypeId, Rc<dyn Any>)>>,
}

impl Core {
    pub(super) fn new(stack_bytes: Option<usize>, site: &'static Location<'static>) -> Core {
        Core {
            state: Cell::new(State::Unstarted),
            stack_bytes,
            site,
            nested: UnsafeCell::new(None),
            flags: Cell::new(0),
            throws: Cell::new(0),
            open: Cell::default(),
            below: Cell::new(None),
            unwinding: Cell::new(None),
            outside: Cell::new(None),
            spans: Cell::new(None),
            afterwards: RefCell::default(),
            locals: RefCell::default(),
        }
    }

    pub(super) fn site(&self) -> &'static Location<'static> {
        self.site
    }

    #[inline(always)]
    pub(super) fn is_suspended(&self) -> bool {
        self.state.get() == State::Suspended
    }

    pub(super) fn state(&self) -> State {
        match self.state.get() {
            State::Running if self.nested().is_some_and(Nested::resumes) => State::Resuming,
            state => state,
        }
    }

    #[inline(always)]
    fn nested(&self) -> Option<&Nested> {
        // SAFETY: `nested` is written in `reserve` and `finish` alone, which run in the owner while
        // the coroutine has no stack in use; no answer of this is kept across these.
        unsafe { (*self.nested.get()).as_ref() }
    }

    /// Takes a stack for an unstarted coroutine, unless it has one.
    ///
    /// # Errors
    ///
    /// If no stack can be had.
    pub(super) fn reserve(&self) -> io::Result<()> {
        if self.nested().is_some() {
            return Ok(());
        }
        // Without a runtime nobody else has prepared the process for stacks.
        scheduler::prepare_process()?;
        if !thread::panicking() {
            // It is not to be looked for in a panic hook.
            Count::find();
        }
        let bytes = self.stack_bytes.map_or_else(usual_stack_bytes, Ok)?;
        let nested = Nested::take(SizeClass::holding(bytes)?, self.site)?;
        // SAFETY: the coroutine has no stack, so nobody has a reference to what is written here.
        unsafe { *self.nested.get() = Some(nested) };
        Ok(())
    }

    /// Gives an unstarted coroutine's stack its job, so that it can be resumed.
    ///
    /// # Safety
    ///
    /// The job may be run on that stack, does not unwind, and ends by [`Core::end`].
    pub(super) unsafe fn start(&self, job: Job) {
        let nested = self.nested().expect("a stack was reserved");
        // SAFETY: the caller answers for the job.
        unsafe { nested.give(job) };
        self.state.set(State::Suspended);
    }

    /// Continues the coroutine until it suspends or ends. Whether it has ended.
    ///
    /// The switch is inlined into the caller of the public function, as is that of
    /// [`Core::suspend`]: a frame that is returned from after a switch costs a mispredicted return,
    /// which is nearly as much as the switch. Not in a debug build, where whatever is inlined makes
    /// the caller's frame larger.
    ///
    /// # Safety
    ///
    /// The coroutine is suspended, or was just given its job, and stays where it is in memory until
    /// it has ended.
    #[inline(always)]
    pub(super) unsafe fn resume(&self) -> bool {
        debug_assert_eq!(self.state.get(), State::Suspended);
        let nested = self.nested().expect("a suspended coroutine has a stack");
        self.open.set(current::waits().mark());
        if self.flags.get() & !Flags::UNWOUND != 0 || trace::is_on() || thread::panicking() {
            self.prepare_resume();
        }
        self.state.set(State::Running);
        // SAFETY: the coroutine is suspended, so its stack is not running. `nested` stays where it
        // is, as `self` does.
        unsafe { nested.resume() };
        if self.has(Flags::BELOW | Flags::ENDED | Flags::AFTERWARDS) {
            return self.come_back();
        }
        false
    }

    /// What is to be done after a switch back here, if anything. Whether the coroutine has ended.
    #[inline(never)]
    fn come_back(&self) -> bool {
        if self.has(Flags::BELOW) {
            self.mark_again();
        }
        let has_ended = self.has(Flags::ENDED);
        if has_ended {
            self.finish();
        }
        if self.has(Flags::AFTERWARDS) {
            self.call_afterwards();
        }
        has_ended
    }

    #[inline(always)]
    fn has(&self, flag: u8) -> bool {
        self.flags.get() & flag != 0
    }

    #[inline(always)]
    fn set(&self, flag: u8, to: bool) {
        self.flags.set(if to { self.flags.get() | flag } else { self.flags.get() & !flag });
    }

    /// Puts back what the coroutine took along, and notes what is the resumer's.
    #[cold]
    #[inline(never)]
    fn prepare_resume(&self) {
        self.set(Flags::BELOW, thread::panicking());
        self.below.set(Below::now());
        if trace::is_on() {
            self.outside.set(current::off_task(trace::innermost));
        }
        if let Some(spans) = self.spans.take() {
            current::off_task(|| trace::put_back(&spans));
        }
        if let Some(unwinding) = self.unwinding.take() {
            unwinding.put_upon();
        }
        self.set(Flags::SPANS | Flags::UNWINDING, false);
    }

    #[cold]
    fn mark_again(&self) {
        if let Some(below) = self.below.get() {
            below.mark_again();
        }
    }

    /// Calls what is to be called after a suspension. If there was none, but the end, it is
    /// dropped.
    #[cold]
    #[inline(never)]
    fn call_afterwards(&self) {
        self.set(Flags::AFTERWARDS, false);
        let afterwards = self.afterwards.take();
        if self.state.get() == State::Finished || self.has(Flags::UNWOUND) {
            unwind::drop_quietly(afterwards);
        } else {
            afterwards.into_iter().for_each(|call| call());
        }
    }

    /// Gives the stack back of a coroutine that has ended, or was not started.
    fn finish(&self) {
        // SAFETY: nothing runs on the stack, and no reference to it is left.
        if let Some(nested) = unsafe { (*self.nested.get()).take() } {
            nested.put_back();
        }
    }

    /// Whether the caller runs in this coroutine, on its own stack.
    #[inline(always)]
    pub(super) fn is_running(&self) -> bool {
        let here = Cell::new(0u8);
        let here = (&raw const here).addr();
        self.nested().is_some_and(|nested| nested.is_running(here))
    }

    /// Panics unless the caller runs in this coroutine.
    ///
    /// # Panics
    ///
    /// As it says.
    #[inline(always)]
    pub(super) fn check(&self) {
        if !self.is_running() {
            self.is_elsewhere();
        }
    }

    /// Panics if the body has something open that a suspension must not take along.
    ///
    /// # Panics
    ///
    /// As it says.
    #[inline(always)]
    pub(super) fn check_open(&self) {
        if current::waits().mark() != self.open.get() {
            self.has_open();
        }
    }

    /// Suspends the coroutine, in which the caller runs, until it is resumed. The caller has
    /// [checked](Core::check) that [it may](Core::check_open).
    #[inline(always)]
    pub(super) fn suspend(&self) {
        loop {
            if self.has(Flags::UNWOUND) {
                self.unwind_further();
            }
            if trace::is_on() || thread::panicking() {
                self.prepare_suspend();
            }
            self.state.set(State::Suspended);
            let nested = self.nested().expect("a coroutine that runs has a stack");
            // SAFETY: the caller has checked that it runs in this coroutine.
            unsafe { nested.suspend() };
            if !self.has(Flags::UNWOUND) {
                return;
            }
        }
    }

    /// Unwinds the coroutine that runs. No panic hook runs.
    ///
    /// Returns if it must not be unwound: in a destructor, by an unwinding, which would abort the
    /// process; in a panic hook, where std counts no unwinding; and if the body has swallowed the
    /// unwinding again and again. Then it suspends, for good.
    #[cold]
    #[inline(never)]
    fn unwind_further(&self) {
        let below = if self.has(Flags::BELOW) { self.below.get() } else { Some(Below::default()) };
        let is_unwinding = below.is_none_or(Below::is_unwinding) || unwind::count::hook_runs();
        if !is_unwinding && self.throws.get() < THROWS_MAX {
            self.throws.set(self.throws.get() + 1);
            Throw::raise(self.destination());
        }
    }

    fn destination(&self) -> Destination {
        Destination::Coroutine(std::ptr::from_ref(self).addr())
    }

    /// Whether this is what unwinds the coroutine when it is dropped.
    pub(super) fn is_own(&self, payload: &(dyn Any + Send)) -> bool {
        unwind::leads_to(payload, self.destination())
    }

    /// Whether the coroutine is suspended in the middle of an unwinding, and so cannot be unwound.
    pub(super) fn is_amid_unwinding(&self) -> bool {
        self.has(Flags::UNWINDING)
    }

    /// Takes along what is the coroutine's.
    #[cold]
    #[inline(never)]
    fn prepare_suspend(&self) {
        let below = if self.has(Flags::BELOW) { self.below.get() } else { Some(Below::default()) };
        match below.map(Below::take_above) {
            Some(Ok(unwinding)) => {
                self.set(Flags::UNWINDING, unwinding.is_some());
                self.unwinding.set(unwinding);
            }
            // It suspends for good, and so takes along whatever is there.
            _ if self.has(Flags::UNWOUND) => {}
            _ => panic!(
                "the coroutine created at {} cannot suspend while it, or its resumer, unwinds: \
                 std's count of panics is not found here",
                self.site
            ),
        }
        if trace::is_on() {
            self.spans.set(Some(self.take_spans_off()));
            self.set(Flags::SPANS, true);
        }
    }

    fn take_spans_off(&self) -> Taken {
        let outside = self.outside.take();
        current::off_task(|| trace::take_off_down_to(outside.as_ref()))
    }

    #[cold]
    #[inline(never)]
    fn is_elsewhere(&self) -> ! {
        panic!(
            "the coroutine created at {} can be suspended only by its own body, on its own stack; \
             it is {}",
            self.site,
            self.state()
        )
    }

    #[cold]
    #[inline(never)]
    fn has_open(&self) -> ! {
        panic!(
            "the coroutine created at {} cannot suspend inside a `timeout`, `io_deadline`, \
             `shield`, scope, task-local `scope`, initialiser or poll of a future that its body \
             has begun; suspend before or after it",
            self.site
        )
    }

    /// Notes that the body has ended: the last thing that the job does.
    pub(super) fn end(&self) {
        if trace::is_on() {
            // Spans that the body has entered and forgotten.
            drop(self.take_spans_off());
        }
        self.state.set(State::Finished);
        self.set(Flags::ENDED, true);
    }

    /// Unwinds a suspended coroutine. `false`: it could not be unwound to its end, and has to stay
    /// as it is.
    ///
    /// # Safety
    ///
    /// As [`Core::resume`].
    pub(super) unsafe fn unwind(&self) -> bool {
        self.set(Flags::UNWOUND, true);
        // SAFETY: the caller's promise.
        unsafe { self.resume() }
    }

    /// Has `f` called in the resumer, after the next suspension.
    pub(super) fn on_suspend(&self, f: Afterwards) {
        self.afterwards.borrow_mut().push(f);
        self.set(Flags::AFTERWARDS, true);
    }

    /// The coroutine's own value of a type, made at the first use.
    pub(super) fn local<T: Any>(&self, make: impl FnOnce() -> T) -> Rc<T> {
        let kept = |core: &Core| {
            let locals = core.locals.borrow();
            let found = locals.iter().find(|(key, _)| *key == TypeId::of::<T>());
            found.map(|(_, value)| value.clone())
        };
        let value = kept(self).unwrap_or_else(|| {
            let made: Rc<dyn Any> = Rc::new(make());
            // `make` may have asked for the value itself; the first one made stays.
            kept(self).unwrap_or_else(|| {
                self.locals.borrow_mut().push((TypeId::of::<T>(), made.clone()));
                made
            })
        });
        value.downcast().expect("values are kept by their types")
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // One that is suspended was unwound before.
        self.finish();
    }
}

/// The size of the stack of a coroutine that does not ask for one: as that of a task.
fn usual_stack_bytes() -> io::Result<usize> {
    static BYTES: OnceLock<usize> = OnceLock::new();
    if let Some(&bytes) = BYTES.get() {
        return Ok(bytes);
    }
    let asked = environment::number("GOCORO_STACK_SIZE")?;
    Ok(*BYTES.get_or_init(|| asked.unwrap_or(STACK_BYTES_DEFAULT)))
}

/// Runs a body, and catches its unwinding.
pub(super) fn run<T>(body: impl FnOnce() -> T) -> thread::Result<T> {
    unwind::catch(|| unwind::__rust_begin_short_backtrace(body))
}
