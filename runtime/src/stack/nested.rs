//! Stacks that run coroutines, which tasks and plain threads resume.
//!
//! A coroutine's stack is one like a task's, and the engine is told while a coroutine has it. So a
//! task that waits inside a coroutine, or inside several that resumed each other, suspends as a
//! whole, and goes on in there.
//!
//! The coroutines that run on a thread are a chain: each was resumed by the one before it, the
//! first by a task or a plain thread. A task that suspends as a whole takes its chain along, so
//! between tasks a worker's chain is empty.
//!
//! All stacks of coroutines come from a pool of their thread's own ([`OwnPool`]), also inside
//! tasks: a coroutine is bound to its thread, and may outlive the worker that the thread was.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::panic::Location;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{Ordering, compiler_fence};

#[cfg(gocoro_asan)]
use super::sanitizer;
use super::{AltStack, Coroutine, Handle, Job, Pool, SizeClass, Stack};
use crate::clock;
use crate::limits::POOLED_STACKS_KEPT;

/// After how many stacks that came back a thread looks at the clock, and for what nobody needs.
const RETURNS_A_LOOK: u32 = 16;

thread_local! {
    /// The coroutine that runs on this thread, or that runs the one that does; null: none.
    static INNERMOST: Cell<*const Nested> = const { Cell::new(ptr::null()) };
    /// This thread's pool. `None`: it was not needed yet.
    static OWN: RefCell<Option<Rc<OwnPool>>> = const { RefCell::new(None) };
}

/// A thread's idle stacks for coroutines. They go when the thread has ended, and with it the last
/// coroutine.
struct OwnPool {
    pool: RefCell<Pool>,
    /// How many stacks came back.
    returns: Cell<u32>,
    _alt_stack: Rc<AltStack>,
}

impl OwnPool {
    /// This thread's pool. Where thread-locals are being destroyed, one is made for this coroutine.
    fn get() -> io::Result<Rc<OwnPool>> {
        let kept = OWN.try_with(|own| own.borrow().clone()).ok().flatten();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let alt_stack = AltStack::ensure();
        let pool = RefCell::new(Pool::new()?);
        let made = Rc::new(OwnPool { pool, returns: Cell::new(0), _alt_stack: alt_stack });
        let _ = OWN.try_with(|own| own.replace(Some(made.clone())));
        Ok(made)
    }
}

impl Drop for OwnPool {
    fn drop(&mut self) {
        let pool = self.pool.get_mut();
        while let Some((stack, class)) = pool.pop_any() {
            // SAFETY: a pooled stack is idle and has no job, and the pool does not leave its
            // thread.
            unsafe { stack.free(class) };
        }
    }
}

/// A stack that a coroutine has.
pub(crate) struct Nested {
    stack: Stack,
    class: SizeClass,
    pool: Rc<OwnPool>,
    /// The pool's handle to suspend by.
    by: Handle,
    /// Where the coroutine was created.
    site: &'static Location<'static>,
    /// The coroutine that resumed this one; null: a task or a plain thread did.
    outer: Cell<*const Nested>,
    /// What the sanitizer knows of the resumer of the chain's first coroutine, if this is that one.
    #[cfg(gocoro_asan)]
    resumer: Cell<(usize, usize)>,
}

impl Nested {
    /// Takes a stack of this thread's pool.
    ///
    /// # Errors
    ///
    /// Those of making a stack.
    pub(crate) fn take(class: SizeClass, site: &'static Location<'static>) -> io::Result<Nested> {
        let pool = OwnPool::get()?;
        let (stack, by) = {
            let mut own = pool.pool.borrow_mut();
            (own.take(class)?, own.handle())
        };
        stack.coroutine.lend();
        Ok(Nested {
            stack,
            class,
            pool,
            by,
            site,
            outer: Cell::new(ptr::null()),
            #[cfg(gocoro_asan)]
            resumer: Cell::new((0, 0)),
        })
    }

    /// Gives the stack, whose job has ended or was never given, back to the pool. Surplus goes back
    /// to the kernel.
    pub(crate) fn put_back(self) {
        let Nested { stack, class, pool, by, .. } = self;
        stack.coroutine.take_back(by);
        let surplus = {
            let mut own = pool.pool.borrow_mut();
            own.put(stack, class);
            if own.idle(class) > POOLED_STACKS_KEPT {
                own.pop(class)
            } else {
                // Reading the clock takes as long as the rest of this.
                pool.returns.set(pool.returns.get().wrapping_add(1));
                let looks = pool.returns.get().is_multiple_of(RETURNS_A_LOOK);
                looks.then(|| own.step(clock::now())).flatten()
            }
        };
        if let Some((stack, class)) = surplus {
            // SAFETY: the stack was idle in the pool of this thread, and has no job.
            unsafe { stack.free(class) };
        }
    }

    /// Gives the stack a job, which runs when it is resumed next.
    ///
    /// # Safety
    ///
    /// As [`Stack::give`].
    pub(crate) unsafe fn give(&self, job: Job) {
        // SAFETY: the caller's promise.
        unsafe { self.stack.give(job) };
    }

    /// Continues this stack until its coroutine suspends or its job ends.
    ///
    /// # Safety
    ///
    /// The stack has a job and is not running, nor is a task suspended inside it. `self` is not
    /// moved before this returns.
    #[inline(always)]
    pub(crate) unsafe fn resume(&self) {
        // A signal handler may follow the chain at any time.
        let outer = INNERMOST.get();
        self.outer.set(outer);
        compiler_fence(Ordering::Release);
        INNERMOST.set(self);
        #[cfg(gocoro_asan)]
        self.resumer.set(sanitizer::resumer());
        // SAFETY: the stack is not running. A `Nested` is not `Send`, so no other thread has
        // resumed it.
        unsafe { self.stack.resume() };
        // Whoever suspends in between, as a whole, takes the chain along and puts it back.
        if !ptr::eq(INNERMOST.replace(outer), self) {
            out_of_order();
        }
    }

    /// Suspends this coroutine: its resumer goes on.
    ///
    /// # Safety
    ///
    /// [`Nested::is_running`] says `true` in the caller's frame.
    #[inline(always)]
    pub(crate) unsafe fn suspend(&self) {
        // SAFETY: the handle is that of the pool, which `self` keeps, and the caller's frame lies
        // on this stack.
        unsafe { self.stack.coroutine.suspend_by(self.by) };
    }

    /// Whether code with a frame at `here` runs on this very stack: in this coroutine, and in none
    /// that this one has resumed, of gocoro's or another library's.
    #[inline(always)]
    pub(crate) fn is_running(&self, here: usize) -> bool {
        ptr::eq(INNERMOST.get(), self) && self.stack.has_frame(here, self.class)
    }

    /// Whether the address lies in the guard below this stack.
    pub(crate) fn guards(&self, address: usize) -> bool {
        self.stack.guard(self.class).contains(&address)
    }

    /// Tells `each` the stack, with its class.
    pub(crate) fn tell(&'static self, each: &mut dyn FnMut(&'static Stack, SizeClass)) {
        each(&self.stack, self.class);
    }

    /// Whether this coroutine has resumed another one, which runs on this thread.
    pub(crate) fn resumes(&self) -> bool {
        running().skip(1).any(|nested| ptr::eq(nested, self))
    }

    pub(super) fn coroutine(&self) -> &Coroutine {
        &self.stack.coroutine
    }

    pub(crate) fn site(&self) -> &'static Location<'static> {
        self.site
    }

    pub(crate) fn class(&self) -> SizeClass {
        self.class
    }

    /// How many bytes are left on this stack, if it is the running one.
    pub(crate) fn remaining(&self) -> Option<usize> {
        super::remaining(&self.stack, self.class)
    }
}

/// Ends the process because a coroutine has come back that is not the innermost one of its thread.
/// What was entered later has it in its chain, and would find it there when it is gone.
///
/// The caller of `resume` is a coroutine of another library, which was suspended from inside of
/// this one by a function that asks nobody where it is called, as `generator::yield_with`; another
/// coroutine was resumed; and that one has let the first go on.
#[cold]
#[inline(never)]
fn out_of_order() -> ! {
    // `eprintln` would panic when stderr is closed.
    let _ = writeln!(
        io::stderr(),
        "gocoro: a coroutine of another library was suspended from inside of a gocoro coroutine that \
         it had resumed, and went on inside of another one, or in another task; suspend it from \
         its own frames, outside of gocoro's coroutines; aborting"
    );
    std::process::abort();
}

/// The coroutines that run on this thread, innermost first.
pub(crate) fn running() -> impl Iterator<Item = &'static Nested> {
    chain_of(INNERMOST.get())
}

/// The coroutines of the chain that begins with `innermost`.
fn chain_of(innermost: *const Nested) -> impl Iterator<Item = &'static Nested> {
    // SAFETY: a coroutine is in the chain while it runs, and `Nested::resume` borrows it for that
    // time. The caller, whose frame lies inside of all of these, keeps no answer beyond its own
    // end.
    let innermost = unsafe { innermost.as_ref() };
    // SAFETY: as above: `outer` is a coroutine that runs as long as the one that it resumed.
    std::iter::successors(innermost, |nested| unsafe { nested.outer.get().as_ref() })
}

/// Whether the caller runs in a coroutine, of its task or its plain thread.
#[inline]
pub(crate) fn is_in_coroutine() -> bool {
    !INNERMOST.get().is_null()
}

/// The chain of a task that is suspended, or of a thread that has become a worker.
#[derive(Debug)]
pub(crate) struct Chain(Cell<*const Nested>);

impl Chain {
    /// No coroutine.
    pub(crate) const fn empty() -> Chain {
        Chain(Cell::new(ptr::null()))
    }

    /// Changes places with the chain of this thread: takes it off, so that nobody finds it, or puts
    /// it back.
    pub(crate) fn swap(&self) {
        self.0.set(INNERMOST.replace(self.0.get()));
    }

    /// The coroutines of a chain that was taken off a thread which has become a worker. The caller
    /// runs on that thread, inside of all of these, and keeps no answer beyond its own end.
    pub(crate) fn coroutines(&self) -> impl Iterator<Item = &'static Nested> {
        chain_of(self.0.get())
    }
}

/// Runs `switch`, which suspends the task or worker below all coroutines that run on this thread.
pub(super) fn suspend_whole(switch: impl FnOnce()) {
    #[cfg(gocoro_asan)]
    let resumer = running().last().map(|first| sanitizer::put_resumer(first.resumer.get()));
    let chain = Chain::empty();
    chain.swap();
    switch();
    chain.swap();
    #[cfg(gocoro_asan)]
    if let Some((resumer, innermost)) = resumer.zip(running().next()) {
        sanitizer::goes_on(innermost.stack.usable(innermost.class));
        sanitizer::put_resumer(resumer);
    }
}

/// Runs `f`, which suspends nothing, on a stack of its own with this many bytes: its caller may be
/// a task, whose stack is small.
///
/// # Errors
///
/// If there is no memory for that stack. `f` has not run then.
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(crate) fn with_room<T, F: FnOnce() -> T>(bytes: usize, f: F) -> io::Result<T> {
    struct Call<T, F> {
        f: Cell<Option<F>>,
        result: Cell<Option<std::thread::Result<T>>>,
    }
    /// # Safety
    ///
    /// `with` points to a `Call<T, F>`.
    unsafe fn run<T, F: FnOnce() -> T>(with: ptr::NonNull<()>) {
        // SAFETY: the caller's promise.
        let call = unsafe { with.cast::<Call<T, F>>().as_ref() };
        let f = call.f.take().expect("a call is made once");
        call.result.set(Some(crate::unwind::catch(f)));
    }
    let nested = Nested::take(SizeClass::holding(bytes)?, Location::caller())?;
    let call = Call { f: Cell::new(Some(f)), result: Cell::new(None) };
    // SAFETY: the call is made by the resume below, while `call` is there, and it does not unwind.
    unsafe { nested.give(Job::new(run::<T, F>, &call)) };
    // SAFETY: the stack has just got its job, and `nested` stays where it is.
    unsafe { nested.resume() };
    nested.put_back();
    match call.result.take().expect("the job has ended") {
        Ok(value) => Ok(value),
        Err(payload) => std::panic::resume_unwind(payload),
    }
}
