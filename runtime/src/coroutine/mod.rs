//! Coroutines as values: what runs on a stack of its own, and is resumed by hand.
//!
//! [`core`] has the switch and what goes with it; the types here put values and results around it.

#[allow(unsafe_code)]
mod core;
mod error;
#[allow(unsafe_code)]
mod greenlet;
pub mod iter;

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{self, Location};
use std::ptr::NonNull;
use std::rc::Rc;
use std::thread;

use self::core::Core;
use crate::stack::Job;
use crate::unwind::{self, AbortIfPanic};

pub use self::error::{ResumeError, SwitchError};
pub use self::greenlet::Greenlet;

/// What a [`resume`](Coroutine::resume) came to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step<Out, Ret> {
    /// The body has suspended, and handed this out.
    Yielded(Out),
    /// The body has returned this: the coroutine is finished.
    Returned(Ret),
}

/// Where a [`Coroutine`] is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// It was not resumed yet.
    Unstarted,
    /// Its body waits in [`Suspender::suspend`].
    Suspended,
    /// Its body runs, or waits for something else than to be resumed, together with its task.
    Running,
    /// Its body has resumed another coroutine, which runs.
    Resuming,
    /// Its body has returned, or was unwound.
    Finished,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Unstarted => "unstarted",
            State::Suspended => "suspended",
            State::Running => "running",
            State::Resuming => "resuming another coroutine",
            State::Finished => "finished",
        })
    }
}

type Body<In, Out, Ret> = Box<dyn FnOnce(&Suspender<In, Out>, In) -> Ret>;

/// A function on a stack of its own, which can stop in the middle and go on later.
///
/// [`resume`](Coroutine::resume) runs the body until it calls [`Suspender::suspend`], at any depth
/// of calls, or returns. Each resume hands a value in, each suspension hands one out. The first
/// resume's value is the body's second argument.
///
/// No runtime is needed. Inside a task the body may use all of gocoro's operations: one that waits
/// suspends the *task*, with the coroutine in it, and the coroutine is `Running` meanwhile. Between
/// its resumes a coroutine may be handed to other tasks of the same thread; it never leaves its
/// thread.
///
/// # The end
///
/// A panic of the body goes to the resumer. Dropping a suspended coroutine unwinds its body, as a
/// cancel unwinds a task, so that destructors run; they may wait, in a task. Dropping one that was
/// never resumed drops its closure.
///
/// What cannot be unwound is left as it is, and its memory leaks: a body that suspends again while
/// it is unwound, in a destructor, or because it has swallowed the unwinding several times; one
/// that was suspended in a destructor, in the middle of an unwinding of its own; any where panics
/// abort; and one that an unwinding drops where std's count of panics is not found, which a runtime
/// says when it starts.
///
/// In a panic hook, one that is dropped is left as it is, too: nothing may be thrown there.
///
/// One that a thread-local holds is unwound when its thread ends. It must not use other
/// thread-locals then, which may be gone, as none of their references may lie on its stack.
///
/// # What must be closed at a suspension
///
/// A [`timeout`](crate::time::timeout), [`io_deadline`](crate::time::io_deadline),
/// [`shield`](crate::cancel::shield), scope or `scope` of a task-local bounds what its caller's
/// task does, and the next resumer may be another task. So one that the body opened has to be
/// closed when the body suspends, else `suspend` panics. It does too inside a
/// [`Once`](crate::sync::Once) and its like, whose initialiser belongs to the task that runs it,
/// and inside of a poll by [`future::wait`](crate::future::wait), which the task waits for.
/// The `with` of a task-local, or of a thread-local, may be around a suspension: what it has lent
/// stays. `tracing` spans may stay open too: they are left at the suspension and entered again.
///
/// # Examples
///
/// ```
/// use gocoro::coroutine::{Coroutine, State, Step};
///
/// let mut average = Coroutine::new(|suspender, mut next: f64| {
///     let (mut sum, mut count) = (0.0, 0.0);
///     while next >= 0.0 {
///         (sum, count) = (sum + next, count + 1.0);
///         next = suspender.suspend(sum / count);
///     }
///     count as usize
/// });
/// assert_eq!(average.resume(4.0)?, Step::Yielded(4.0));
/// assert_eq!(average.resume(8.0)?, Step::Yielded(6.0));
/// assert_eq!(average.resume(-1.0)?, Step::Returned(2));
/// assert_eq!(average.state(), State::Finished);
/// # Ok::<(), gocoro::coroutine::ResumeError>(())
/// ```
pub struct Coroutine<In: 'static, Out: 'static, Ret: 'static> {
    inner: Rc<Inner<In, Out, Ret>>,
}

struct Inner<In, Out, Ret> {
    suspender: Suspender<In, Out>,
    body: Cell<Option<Body<In, Out, Ret>>>,
    result: Cell<Option<thread::Result<Ret>>>,
}

/// What a coroutine's body suspends by.
///
/// It belongs to one coroutine, and only that one's body can use it.
pub struct Suspender<In, Out> {
    core: Core,
    input: Cell<Option<In>>,
    output: Cell<Option<Out>>,
}

impl<In: 'static, Out: 'static, Ret: 'static> Coroutine<In, Out, Ret> {
    /// Creates a coroutine. The body does not run before the first [`resume`](Coroutine::resume).
    ///
    /// Its stack has 256 KiB, or what `GOCORO_STACK_SIZE` says; no size that a runtime was made
    /// with plays a part. Only touched pages use memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::{Coroutine, Step};
    ///
    /// let mut echo = Coroutine::new(|suspender, first: u32| suspender.suspend(first) + 1);
    /// assert_eq!(echo.resume(1)?, Step::Yielded(1));
    /// assert_eq!(echo.resume(2)?, Step::Returned(3));
    /// # Ok::<(), gocoro::coroutine::ResumeError>(())
    /// ```
    #[track_caller]
    pub fn new(body: impl FnOnce(&Suspender<In, Out>, In) -> Ret + 'static) -> Self {
        Coroutine::at(None, Location::caller(), body)
    }

    /// Creates a coroutine whose stack has so many bytes: rounded up to a power of two, and to
    /// 32 KiB. A size that cannot be is told by the first resume.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::{Coroutine, Step};
    ///
    /// let mut small = Coroutine::<(), (), _>::with_stack_size(32 * 1024, |_, ()| 7);
    /// assert_eq!(small.resume(())?, Step::Returned(7));
    /// # Ok::<(), gocoro::coroutine::ResumeError>(())
    /// ```
    #[track_caller]
    pub fn with_stack_size(
        bytes: usize,
        body: impl FnOnce(&Suspender<In, Out>, In) -> Ret + 'static,
    ) -> Self {
        Coroutine::at(Some(bytes), Location::caller(), body)
    }

    /// As [`Coroutine::with_stack_size`], with what counts as the place of the creation.
    fn at(
        stack_bytes: Option<usize>,
        site: &'static Location<'static>,
        body: impl FnOnce(&Suspender<In, Out>, In) -> Ret + 'static,
    ) -> Self {
        let core = Core::new(stack_bytes, site);
        let suspender = Suspender { core, input: Cell::new(None), output: Cell::new(None) };
        let body: Body<In, Out, Ret> = Box::new(body);
        let inner = Inner { suspender, body: Cell::new(Some(body)), result: Cell::new(None) };
        Coroutine { inner: Rc::new(inner) }
    }

    /// Runs the body until it suspends or returns. `input` is what its `suspend` returns, or at the
    /// first time its second argument.
    ///
    /// # Parks
    ///
    /// As the body does.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] if the coroutine is finished, or runs already; or if there is no memory for
    /// the stack of one that was not started. Then `input` is dropped.
    ///
    /// # Panics
    ///
    /// With the panic of the body.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn resume(&mut self, input: In) -> Result<Step<Out, Ret>, ResumeError> {
        match self.step(input)? {
            Step::Yielded(output) => Ok(Step::Yielded(output)),
            Step::Returned(Ok(returned)) => Ok(Step::Returned(returned)),
            Step::Returned(Err(payload)) => panic::resume_unwind(payload),
        }
    }

    /// As [`Coroutine::resume`], but returns the panic of the body.
    #[inline(always)]
    fn step(&mut self, input: In) -> Result<Step<Out, thread::Result<Ret>>, ResumeError> {
        let inner = &*self.inner;
        if !inner.suspender.core.is_suspended() {
            inner.start()?;
        }
        inner.suspender.input.set(Some(input));
        if inner.resume() {
            let result = inner.result.take();
            return Ok(Step::Returned(result.expect("a body that has ended has a result")));
        }
        let output = inner.suspender.output.take();
        Ok(Step::Yielded(output.expect("a suspension hands something out")))
    }

    /// Takes the stack of an unstarted coroutine, so that its first resume does not fail.
    fn reserve(&self) -> Result<(), ResumeError> {
        self.inner.reserve()
    }

    /// Where the coroutine is.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner.suspender.core.state()
    }

    /// Where the coroutine was created.
    #[must_use]
    pub fn created_at(&self) -> &'static Location<'static> {
        self.inner.suspender.core.site()
    }
}

#[allow(unsafe_code)]
impl<In: 'static, Out: 'static, Ret: 'static> Inner<In, Out, Ret> {
    fn reserve(&self) -> Result<(), ResumeError> {
        let core = &self.suspender.core;
        core.reserve().map_err(|error| ResumeError::no_stack(core.site(), error))
    }

    /// Gives an unstarted coroutine its stack and its job.
    #[inline(never)]
    fn start(&self) -> Result<(), ResumeError> {
        match self.suspender.core.state() {
            State::Unstarted => self.reserve()?,
            state => {
                return Err(ResumeError::not_resumable(self.suspender.core.site(), state));
            }
        }
        let job = Job::new(run::<In, Out, Ret>, self);
        // SAFETY: the job runs when this coroutine is resumed, which its owner does, who keeps
        // `self` where it is, in an `Rc`, until the coroutine has ended. It is given once, for the
        // coroutine was unstarted.
        unsafe { self.suspender.core.start(job) };
        Ok(())
    }

    /// Continues a suspended coroutine. Whether it has ended.
    #[inline(always)]
    fn resume(&self) -> bool {
        // SAFETY: the callers have seen that the coroutine is suspended, and `self` is kept in an
        // `Rc`.
        unsafe { self.suspender.core.resume() }
    }
}

/// Runs a coroutine to its end: the job of its stack.
///
/// # Safety
///
/// `with` points to the `Inner` of a coroutine that was just started.
#[allow(unsafe_code)]
unsafe fn run<In: 'static, Out: 'static, Ret: 'static>(with: NonNull<()>) {
    // SAFETY: the coroutine's owner keeps it until it has ended.
    let inner = unsafe { with.cast::<Inner<In, Out, Ret>>().as_ref() };
    let abort = AbortIfPanic("ending a coroutine");
    let body = inner.body.take().expect("a coroutine is started once");
    let input = inner.suspender.input.take().expect("a resume hands something in");
    inner.result.set(Some(self::core::run(|| body(&inner.suspender, input))));
    inner.suspender.core.end();
    std::mem::forget(abort);
}

impl<In: 'static, Out: 'static, Ret: 'static> Drop for Coroutine<In, Out, Ret> {
    fn drop(&mut self) {
        match self.state() {
            State::Unstarted | State::Finished => {}
            State::Suspended if self.inner.can_be_unwound() => {
                if !self.inner.unwind() {
                    std::mem::forget(self.inner.clone());
                }
            }
            // One that runs is borrowed by its resumer, so only code that breaks that rule comes
            // here with one.
            _ => std::mem::forget(self.inner.clone()),
        }
    }
}

impl<In: 'static, Out: 'static, Ret: 'static> Inner<In, Out, Ret> {
    /// Where panics abort, nothing can be unwound; nor can what is suspended in a destructor, in
    /// the middle of an unwinding.
    fn can_be_unwound(&self) -> bool {
        cfg!(panic = "unwind") && !self.suspender.core.is_amid_unwinding()
    }

    /// Unwinds a suspended body. `false`: it has suspended again, and is left as it is.
    #[allow(unsafe_code)]
    fn unwind(&self) -> bool {
        let core = &self.suspender.core;
        // SAFETY: the coroutine is suspended, and `self` is kept in an `Rc`.
        if !unsafe { core.unwind() } {
            return false;
        }
        match self.result.take() {
            Some(Err(payload)) if !core.is_own(&*payload) => {
                if thread::panicking() {
                    unwind::drop_quietly(payload);
                } else {
                    panic::resume_unwind(payload);
                }
            }
            result => drop(result),
        }
        true
    }
}

impl<In, Out> Suspender<In, Out> {
    /// Suspends the coroutine: its `resume` returns `output`. Returns what the next `resume` hands
    /// in.
    ///
    /// # Parks
    ///
    /// Never: it goes back to the resumer.
    ///
    /// # Panics
    ///
    /// If anybody else than the coroutine's own body calls it; or inside a
    /// [timeout or the like](Coroutine#what-must-be-closed-at-a-suspension) that the body has
    /// opened. Where std's count of panics is not found, which a program says when it starts, also
    /// while the body or the resumer unwinds.
    ///
    /// It unwinds when the coroutine is dropped while it is suspended.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::{Coroutine, Step, Suspender};
    ///
    /// fn ask(suspender: &Suspender<i32, &'static str>) -> i32 {
    ///     suspender.suspend("how many?") // from any depth of calls
    /// }
    ///
    /// let mut sum = Coroutine::new(|suspender, first: i32| first + ask(suspender));
    /// assert_eq!(sum.resume(3)?, Step::Yielded("how many?"));
    /// assert_eq!(sum.resume(4)?, Step::Returned(7));
    /// # Ok::<(), gocoro::coroutine::ResumeError>(())
    /// ```
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn suspend(&self, output: Out) -> In {
        self.core.check();
        self.suspend_here(output)
    }

    /// As [`Suspender::suspend`], for a caller that runs in this coroutine.
    #[inline(always)]
    fn suspend_here(&self, output: Out) -> In {
        self.core.check_open();
        self.output.set(Some(output));
        self.core.suspend();
        self.input.take().expect("a resume hands something in")
    }

    /// Whether the caller runs in this coroutine, on its own stack.
    #[inline(always)]
    fn is_running(&self) -> bool {
        self.core.is_running()
    }

    /// Has `f` called after the next suspension, by the resumer, before its `resume` returns.
    ///
    /// By then the coroutine is suspended: so this is the place to tell somebody who may have it
    /// resumed at once. Of several, each is called, in their order. If no suspension follows, they
    /// are dropped. A panic of one goes to the resumer, in place of what was handed out, and
    /// those after it are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::Coroutine;
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// let told = Rc::new(Cell::new(false));
    /// let tell = told.clone();
    /// let mut coroutine = Coroutine::new(move |suspender, ()| {
    ///     let inner = tell.clone();
    ///     suspender.on_suspend(move || inner.set(true));
    ///     assert!(!tell.get()); // not yet
    ///     suspender.suspend(());
    /// });
    /// coroutine.resume(())?;
    /// assert!(told.get());
    /// # Ok::<(), gocoro::coroutine::ResumeError>(())
    /// ```
    pub fn on_suspend(&self, f: impl FnOnce() + 'static) {
        self.core.on_suspend(Box::new(f));
    }

    /// The coroutine's own value of type `T`, made by `Default` at the first use.
    ///
    /// For functions that the body calls, at any depth, and that keep something for the coroutine.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::coroutine::{Coroutine, Step, Suspender};
    /// use std::cell::Cell;
    ///
    /// fn emit(suspender: &Suspender<(), u32>, n: u32) {
    ///     let emitted = suspender.local::<Cell<u32>>();
    ///     emitted.set(emitted.get() + 1);
    ///     suspender.suspend(n);
    /// }
    ///
    /// let mut coroutine = Coroutine::new(|suspender, ()| {
    ///     emit(suspender, 5);
    ///     suspender.local::<Cell<u32>>().get()
    /// });
    /// assert_eq!(coroutine.resume(())?, Step::Yielded(5));
    /// assert_eq!(coroutine.resume(())?, Step::Returned(1));
    /// # Ok::<(), gocoro::coroutine::ResumeError>(())
    /// ```
    #[must_use]
    pub fn local<T: Any + Default>(&self) -> Rc<T> {
        self.core.local(T::default)
    }
}

impl<In: 'static, Out: 'static, Ret: 'static> fmt::Debug for Coroutine<In, Out, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine")
            .field("state", &self.state())
            .field("created_at", &format_args!("{}", self.created_at()))
            .finish_non_exhaustive()
    }
}

impl<In, Out> fmt::Debug for Suspender<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspender")
            .field("created_at", &format_args!("{}", self.core.site()))
            .finish_non_exhaustive()
    }
}
