//! The runtime's panic hook, which stands around the one that it finds.
//!
//! It leaves the report to the hook inside. Where that would name thread 'main' alone, it says
//! before the report which task panics. It notes that the panic was reported, so that the task's
//! end can add the task's name. It also lets the runtime see, once, where std keeps the flag of a
//! running hook (see [`crate::unwind::count`]). A hook that the program sets later replaces this
//! one, and then the runtime adds nothing to what that hook says.

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;

use crate::task::{Flags, Header, Naming};
use crate::unwind::count::{self, Probe};
use crate::unwind::{self, Count};
use crate::{current, trace};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync + 'static>;

/// Installs the runtime's panic hook, once in the process. The thread must not be panicking, for
/// std refuses to change the hook then.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(install_now);
}

fn install_now() {
    let before = panic::take_hook();
    let speaks = speaks(&before);
    panic::set_hook(Box::new(move |info| {
        if info.payload().is::<Probe>() {
            return count::in_hook();
        }
        if speaks && let Some((_, task)) = current::task() {
            task.set(Flags::REPORTED);
            name_beside_main(task);
        }
        count::run_hooks(|| before(info));
        // Where panics abort, this one reaches no root.
        if cfg!(panic = "abort")
            && let Some((_, task)) = current::task()
        {
            tell(task, unwind::message(info.payload()));
        }
    }));
    Count::learn_hook_flag();
}

/// Tells a `tracing` subscriber and the flight recorder of a panic that has reached the root of a
/// task, in which this runs, and which nobody knows to have ended.
pub(crate) fn tell(task: &Header, message: &str) {
    if trace::is_on() {
        current::off_task(|| trace::panicked(task, message));
    }
    if let Some(recorder) = current::core().and_then(|core| core.recorder.as_ref()) {
        // What is waited for is no stall of the task's.
        current::off_task(|| recorder.panicked(task.id));
    }
}

/// Names a task that panics on thread 'main' and is not `main` itself. std's report names the
/// thread only, so the panic would be taken for one of `main`.
///
/// The line does not go through `eprint!`, whose own panic would end the process inside a hook. A
/// test harness, which captures only what goes through it, misses nothing: no test runs on a thread
/// of that name.
fn name_beside_main(task: &Header) {
    let is_main = |name: Option<&str>| name == Some("main");
    if is_main(thread::current().name()) && !is_main(task.name()) {
        let line = format!("gocoro: {} panics on thread 'main':\n", Naming(task));
        // Written in one piece, for other threads write to stderr too. A failure is ignored.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Whether a hook reports panics as std's own does, as far as that can be told.
///
/// It does if it is std's own, or if it is large enough to hold another hook, as that of the test
/// harness does. A smaller hook was set to say something else than std does, or nothing.
fn speaks(hook: &Hook) -> bool {
    // The hook was taken out by the caller, so std hands out its own here. That has no data, so its
    // vtable is what tells it from others.
    let own = panic::take_hook();
    let is_own = std::ptr::eq(&**hook, &*own);
    is_own || size_of_val(&**hook) >= size_of::<Hook>()
}
