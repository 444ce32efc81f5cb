//! Backtraces of tasks that wait.
//!
//! A parked stack stands still, so its worker's thread can walk it from outside: nobody is woken,
//! and the task needs no room for it. It starts at the registers that the engine has saved
//! (`registers` in [`crate::stack`]) and follows the unwinding tables of the loaded modules, with
//! `framehop`. That takes about a microsecond and gives addresses alone. Names are looked up later,
//! by whoever reads the backtrace (`names`), with the crate `backtrace`.
//!
//! All of it is behind the cargo feature `backtrace`, which is off by default: a build from scratch
//! takes 33 s of processor time with it and 19 without, and an optimised one 59 and 36.
//!
//! # Open
//!
//! - *Other systems* than x86-64 Linux. `framehop` also knows AArch64 and the tables of macOS; the
//!   engine's layout there is not tested.
//! - *A stripped program's* frames are addresses, and so none of gocoro's own is left out. Those at
//!   the base of a stack differ by the stack's colour, so that equal tasks come in up to 16 groups.

#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod names;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
#[allow(unsafe_code)]
mod sys;
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
mod tracer;
#[cfg(not(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64")))]
mod without;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, OnceLock};

#[cfg(not(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64")))]
pub(super) use self::without::{Tracer, can_trace, resolve, trace_copies, why_none};
#[cfg(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))]
pub(super) use self::{
    names::resolve,
    tracer::{Tracer, can_trace, trace_copies, why_none},
};

/// A copy of a stack, with the registers of the code there.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64")),
    expect(dead_code, reason = "nobody reads stacks where there are no backtraces")
)]
pub(super) struct Copied {
    pub(super) pc: usize,
    pub(super) sp: usize,
    pub(super) fp: usize,
    /// The words from `sp` on.
    pub(super) words: Vec<usize>,
    /// Whether the stack has more words.
    pub(super) is_cut: bool,
}

/// Where a task waits, and by which calls it came there.
///
/// The frames are those of the task's own code. gocoro's and std's between the innermost of them
/// and the switch, and those that started the task, are left out, so the first frame is the line on
/// which the task waits. Where no names are known, as in a stripped program, all frames are there.
/// Calls are missing where a task waits inside a coroutine of a crate that is not gocoro's engine:
/// those in that coroutine, or those of whoever has resumed it.
///
/// The `Display` of a backtrace writes a line for each frame.
///
/// # Cost
///
/// A backtrace holds addresses. Names are looked up when they are first asked for, here or by a
/// [`Dump`](crate::observe::Dump) as a whole, on a thread of gocoro's, for which the caller's
/// thread waits: some milliseconds the first time, for the program's debug information has to be
/// read. What was found is kept.
#[derive(Clone)]
pub struct TaskBacktrace {
    /// The addresses to which the frames return, innermost first. A zero stands between the frames
    /// of a coroutine and those of whoever resumed it.
    returns: Box<[usize]>,
    is_cut: bool,
    frames: OnceLock<Arc<[TaskFrame]>>,
}

/// One call of a [`TaskBacktrace`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskFrame {
    address: usize,
    stack: usize,
    name: Named,
}

/// What is known of an address.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Named {
    function: Option<Arc<str>>,
    file: Option<Arc<Path>>,
    line: Option<u32>,
    module: Option<(Arc<str>, usize)>,
}

impl TaskBacktrace {
    /// The calls, innermost first.
    pub fn frames(&self) -> &[TaskFrame] {
        if self.frames.get().is_none() {
            resolve([self].into_iter());
        }
        self.frames.get().map_or(&[], |frames| frames)
    }

    /// Whether there are more calls than [`TaskBacktrace::frames`] has, further out. The innermost
    /// 256 are kept, those of gocoro's among them.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// Looks up the names of all these backtraces at once.
pub(super) fn resolve_all<'a>(backtraces: impl Iterator<Item = &'a TaskBacktrace>) {
    resolve(backtraces.filter(|backtrace| backtrace.frames.get().is_none()));
}

impl TaskFrame {
    /// The name of the function. `None`: it is not known, as in a stripped program.
    pub fn function(&self) -> Option<&str> {
        self.name.function.as_deref()
    }

    /// The source file. `None`: it is not known, as without debug information.
    pub fn file(&self) -> Option<&Path> {
        self.name.file.as_deref()
    }

    /// The line in that file.
    pub fn line(&self) -> Option<u32> {
        self.name.line
    }

    /// The address at which the function goes on. Calls that were inlined share one.
    pub fn address(&self) -> usize {
        self.address
    }

    /// The file name of the program, or of the shared object that the address lies in, and the
    /// address as that file has it, from which tools such as `addr2line` tell the line. `None`: it
    /// lies in none.
    pub fn module(&self) -> Option<(&str, usize)> {
        let (name, address) = self.name.module.as_ref()?;
        Some((name, *address))
    }

    /// The stack that the frame is on: 0 is the innermost one, the next is that of whoever resumed
    /// the coroutine there, and so on.
    pub fn stack(&self) -> usize {
        self.stack
    }
}

impl fmt::Display for TaskBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stack = 0;
        let mut lines = self.frames().chunk_by(|one, next| one == next).peekable();
        while let Some(frames) = lines.next() {
            let frame = &frames[0];
            if frame.stack != stack {
                stack = frame.stack;
                writeln!(f, "in a coroutine, resumed by:")?;
            }
            frame.fmt(f)?;
            if frames.len() > 1 {
                write!(f, " ({} times)", frames.len())?;
            }
            if lines.peek().is_some() {
                writeln!(f)?;
            }
        }
        if self.is_cut { f.write_str("\nand further calls") } else { Ok(()) }
    }
}

impl fmt::Display for TaskFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.function(), self.module()) {
            (Some(function), _) => f.write_str(function)?,
            (None, Some((module, address))) => write!(f, "{module}+{address:#x}")?,
            (None, None) => write!(f, "{:#x}", self.address)?,
        }
        let Some(file) = self.file() else { return Ok(()) };
        write!(f, " at {}", file.display())?;
        match self.line() {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TaskBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames().iter().map(ToString::to_string)).finish()
    }
}

/// Backtraces are equal if the same calls are under way. Those that started the task do not count:
/// stacks differ by how deep they begin, so there are several functions of gocoro's that do it.
impl PartialEq for TaskBacktrace {
    fn eq(&self, other: &TaskBacktrace) -> bool {
        (self.frames(), self.is_cut) == (other.frames(), other.is_cut)
    }
}

impl Eq for TaskBacktrace {}

impl Hash for TaskFrame {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.address, self.stack).hash(state);
    }
}
