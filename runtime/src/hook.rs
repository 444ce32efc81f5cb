//! The panic hook that stands around the program's.
//!
//! It leaves the report to that hook. It says before the report which task panics, where std would
//! name thread 'main' alone; and it notes that the panic was reported, so that the task's end can
//! add the task's name. It also shows, once, where std keeps the flag of a running hook (see
//! [`crate::unwind::count`]). A hook that the program sets later replaces this one, and then
//! nothing is added to what that hook says.

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;

use crate::current;
use crate::task::{Flags, Header, Naming};
use crate::unwind::Count;
use crate::unwind::count::{self, Probe};

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync + 'static>;

/// Installs it, once in the process. On a thread that does not panic.
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
        before(info);
    }));
    Count::learn_hook_flag();
}

/// Names a panicking task of thread 'main' that is not `main` itself, for std's report begins with
/// the thread, which would be taken for `main`.
///
/// A test harness captures nothing here: no test runs on a thread of that name. So this does not go
/// through `eprint!`, whose own panic would end the process inside a hook.
fn name_beside_main(task: &Header) {
    let is_main = |name: Option<&str>| name == Some("main");
    if is_main(thread::current().name()) && !is_main(task.name()) {
        let line = format!("gocoro: {} panics on thread 'main':\n", Naming(task));
        // In one piece, for others write too. What cannot be written is not said.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Whether a hook passes panics on to std's own, as far as that can be told.
///
/// It is std's; or it is large enough to hold another hook, as that of the test harness does. One
/// that holds less has been set to say something else than std does, or nothing.
fn speaks(hook: &Hook) -> bool {
    // With none set, std hands out its own, which holds nothing: what tells it is its code.
    let own = panic::take_hook();
    let is_own = std::ptr::eq(&**hook, &*own);
    is_own || size_of_val(&**hook) >= size_of::<Hook>()
}
