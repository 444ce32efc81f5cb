//! Walking parked stacks.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};

use super::sys::{self, Generation, Loaded};
use super::{Copied, TaskBacktrace};
use crate::census::Internal;
use crate::current::{self, Core};
use crate::lock::Lock;
use crate::park;
use crate::stack::{self, Ended, Suspended};
use crate::task::Header;

/// How many calls a task's backtrace has at most: more than anybody reads, and few enough that a
/// dump of many tasks in deep recursions is quick and small.
const BACKTRACE_FRAMES_MAX: usize = 256;

/// How many workers' knowledge of unwinding tables is kept for the next dump: 20 KiB each.
const TRACERS_KEPT: usize = 16;

type Tables = UnwinderX86_64<&'static [u8]>;

/// Walks the stacks of one worker's tasks. It remembers what it has found in the tables, which is
/// what makes the walks short.
pub(in crate::observe) struct Tracer {
    tables: Arc<Tables>,
    /// Always there but in the drop.
    known: Option<CacheX86_64>,
    /// Where walks end: what is found beyond that is not of the stack.
    root: Option<usize>,
    /// The walk that is under way.
    returns: Vec<usize>,
}

/// What tracers that are gone remembered, for the next ones.
static SPARE: Lock<Vec<CacheX86_64>> = Lock::new(Vec::new());

impl Tracer {
    /// `None`: there are no backtraces, for the reason that [`why_none`] gives, or for want of
    /// memory or threads.
    pub(in crate::observe) fn new() -> Option<Tracer> {
        if !is_tested() {
            return None;
        }
        let spare = SPARE.lock().pop();
        Some(Tracer::with(match spare {
            Some(known) => known,
            None => aside(CacheX86_64::default)?,
        }))
    }

    fn with(known: CacheX86_64) -> Tracer {
        Tracer { tables: tables(), known: Some(known), root: stack::root(), returns: Vec::new() }
    }

    /// Before the first walk, and before the first one after others have run: modules may have been
    /// loaded or unloaded meanwhile. Those that the stacks return to cannot be.
    pub(in crate::observe) fn begin(&mut self) {
        self.tables = tables();
    }

    /// Runs `f`, which traces tasks and suspends nothing, where there is room for that. Without
    /// optimisation a walk takes up to 50 KiB, and the thread's worker may run inside a task.
    /// `None`: there is no memory.
    pub(in crate::observe) fn with_room<T>(f: impl FnOnce() -> T) -> Option<T> {
        if current::task().is_none() && current::cores().count() == 1 && !current::is_in_coroutine()
        {
            return Some(f());
        }
        stack::with_room(WALK_STACK_BYTES, f).ok()
    }

    /// Where a task of this worker waits, or goes on that waits for its worker. `None`: it runs.
    pub(in crate::observe) fn trace(
        &mut self,
        core: &Core,
        task: &Header,
    ) -> Option<TaskBacktrace> {
        self.returns.clear();
        let mut is_cut = false;
        let is_suspended = park::each_stack(core, task, |stack| {
            if !self.returns.is_empty() {
                self.returns.push(0);
            }
            let ended = self.walk(stack);
            is_cut |= ended.is_none();
            ended
        });
        is_suspended.then(|| TaskBacktrace {
            returns: self.returns.as_slice().into(),
            is_cut,
            frames: OnceLock::new(),
        })
    }

    /// Adds the addresses to which the frames of this stack return, and says where that has ended.
    /// `None`: there is no room.
    fn walk(&mut self, stack: Suspended<'_>) -> Option<Ended> {
        let Some(at) = FrameAddress::from_return_address(stack.pc as u64) else {
            return Some(Ended { pc: stack.pc, fp: stack.fp });
        };
        self.walk_from(at, (stack.sp, stack.fp), |address| stack.word(address))
    }

    /// Adds the addresses to which the frames return from `at` on, of a stack with these pointers,
    /// whose words `word` knows, and says where that has ended. `None`: there is no room.
    fn walk_from(
        &mut self,
        mut at: FrameAddress,
        (sp, fp): (usize, usize),
        word: impl Fn(usize) -> Option<usize>,
    ) -> Option<Ended> {
        let mut registers = UnwindRegsX86_64::new(at.address(), sp as u64, fp as u64);
        let mut read = |address| word(address as usize).map(|word| word as u64).ok_or(());
        let known = self.known.as_mut().expect("it is taken in the drop alone");
        loop {
            if self.returns.len() >= BACKTRACE_FRAMES_MAX {
                return None;
            }
            // Names are looked up for the instruction before.
            self.returns.push(at.address_for_lookup() as usize + 1);
            let ended = Ended { pc: at.address() as usize, fp: registers.bp() as usize };
            if self.root == Some(ended.pc) {
                return Some(ended);
            }
            // An error is an end as well: a function without tables, or the outermost.
            let next = self.tables.unwind_frame(at, &mut registers, known, &mut read);
            match next.ok().flatten().and_then(FrameAddress::from_return_address) {
                Some(next) => at = next,
                None => return Some(ended),
            }
        }
    }
}

/// Whether there are backtraces.
pub(in crate::observe) fn can_trace() -> bool {
    is_tested()
}

/// The backtrace of code that was interrupted, from copies of its stacks, innermost first.
/// `is_cut`: there are more. `None`: there is no copy, or there are no backtraces.
pub(in crate::observe) fn trace_copies(stacks: &[Copied], is_cut: bool) -> Option<TaskBacktrace> {
    let innermost = stacks.first()?;
    let mut tracer = Tracer::new()?;
    let mut is_cut = is_cut;
    for stack in stacks {
        let pc = stack.pc as u64;
        let at = match std::ptr::eq(stack, innermost) {
            true => Some(FrameAddress::from_instruction_pointer(pc)),
            false => FrameAddress::from_return_address(pc),
        };
        let Some(at) = at else { break };
        if !tracer.returns.is_empty() {
            tracer.returns.push(0);
        }
        let ended = tracer.walk_from(at, (stack.sp, stack.fp), |at| stack.word(at));
        is_cut |= stack.is_cut | ended.is_none();
    }
    let returns = tracer.returns.as_slice().into();
    Some(TaskBacktrace { returns, is_cut, frames: OnceLock::new() })
}

impl Copied {
    /// The word that the stack had at this address.
    fn word(&self, address: usize) -> Option<usize> {
        let from = address.checked_sub(self.sp)?;
        let is_whole = from.is_multiple_of(size_of::<usize>());
        is_whole.then(|| self.words.get(from / size_of::<usize>()).copied())?
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let mut spare = SPARE.lock();
        if let Some(known) = self.known.take().filter(|_| spare.len() < TRACERS_KEPT) {
            spare.push(known);
        }
    }
}

/// Runs `f` on a thread of its own, for it takes more stack than a small task has, and waits for
/// it. `None`: there is no thread to be had.
pub(super) fn aside<T: Send>(f: impl FnOnce() -> T + Send) -> Option<T> {
    let call = || {
        let _internal = Internal::new();
        f()
    };
    let run = || {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("gocoro-backtrace".into());
            let thread = thread.stack_size(ASIDE_STACK_BYTES).spawn_scoped(scope, call).ok()?;
            thread.join().ok()
        })
    };
    // The wait is no stall of a task's.
    current::off_task(run)
}

/// A stack to walk others from.
const WALK_STACK_BYTES: usize = 128 * 1024;

/// The stack of a thread for backtraces. Without optimisation looking names up takes some 50 KiB.
const ASIDE_STACK_BYTES: usize = 1 << 20;

/// The tables of the modules that are loaded now.
fn tables() -> Arc<Tables> {
    static KEPT: Mutex<Option<(Generation, Arc<Tables>)>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let now = sys::generation();
    match &*kept {
        Some((generation, tables)) if *generation == now => tables.clone(),
        _ => {
            let (generation, modules) = sys::loaded();
            let mut tables = Tables::new();
            modules.into_iter().filter_map(module).for_each(|module| tables.add_module(module));
            let tables = Arc::new(tables);
            *kept = Some((generation, tables.clone()));
            tables
        }
    }
}

fn module(loaded: Loaded) -> Option<Module<&'static [u8]>> {
    let Loaded { name, bias, mapped, tables } = loaded;
    let sys::Tables { index, frames } = tables?;
    let in_file = |bytes: &[u8]| {
        let start = bytes.as_ptr().addr().wrapping_sub(bias) as u64;
        Some(start..start + bytes.len() as u64)
    };
    let sections = ExplicitModuleSectionInfo {
        eh_frame_hdr_svma: in_file(index),
        eh_frame_hdr: Some(index),
        eh_frame_svma: in_file(frames),
        eh_frame: Some(frames),
        ..Default::default()
    };
    let mapped = mapped.start as u64..mapped.end as u64;
    Some(Module::new(name, mapped, bias as u64, sections))
}

/// What the test of walks has found.
static TESTED: OnceLock<Result<(), &'static str>> = OnceLock::new();

/// Why there are no backtraces. `None`: there are some, or nobody has tried.
pub(in crate::observe) fn why_none() -> Option<&'static str> {
    TESTED.get()?.err()
}

/// Whether walks were found to be right, on this machine and with this program's tables.
fn is_tested() -> bool {
    static TESTING: Mutex<()> = Mutex::new(());
    if let Some(tested) = TESTED.get() {
        return tested.is_ok();
    }
    let _testing = TESTING.lock().unwrap_or_else(PoisonError::into_inner);
    if TESTED.get().is_none() {
        match aside(test) {
            Some(Ok(found)) => TESTED.get_or_init(|| found),
            // For want of a thread, or of memory. The next one who wants a backtrace tries again.
            None | Some(Err(_)) => return false,
        };
    }
    TESTED.get().is_some_and(Result::is_ok)
}

/// Walks stacks of the test's own, and has the system's unwinder walk them too, from inside.
fn test() -> std::io::Result<Result<(), &'static str>> {
    let expected = Arc::new(Lock::new(Vec::new()));
    let theirs = expected.clone();
    let inside = move || {
        let mut returns = theirs.lock();
        backtrace::trace(|frame| {
            returns.push(frame.ip().addr());
            true
        });
    };
    let mut tracer = Tracer::with(CacheX86_64::default());
    let mut is_cut = false;
    let mut innermost = 0;
    let sampled = stack::sample(inside, |stack| {
        let ended = tracer.walk(stack);
        is_cut |= ended.is_none();
        if innermost == 0 {
            innermost = tracer.returns.len();
        }
        ended
    })?;
    if let Err(why) = sampled {
        return Ok(Err(why));
    }
    if is_cut {
        return Ok(Err("a walk of a coroutine's frames does not end"));
    }
    // The two begin in different functions, called by the same one, which was called by another: so
    // much of the innermost stack they have in common at least, and all of the others. Then the
    // system's may go on in whoever has resumed the outermost.
    let walked = &tracer.returns;
    let expected = std::mem::take(&mut *expected.lock());
    let common = |end: usize| {
        let both = walked.iter().rev().zip(expected[..end].iter().rev());
        both.take_while(|(walked, expected)| walked == expected).count()
    };
    let most = (0..=expected.len()).map(common).max().unwrap_or(0);
    match most >= walked.len() - innermost + 2 {
        true => Ok(Ok(())),
        false => Ok(Err("a walk of a coroutine's frames finds others than the system does")),
    }
}
