//! The panic hook that stands around the program's.
//!
//! It reports nothing itself. It notes of a task that its panic was reported, so that the task's
//! end can add which task that was; and it shows, once, where std keeps the flag of a running hook
//! (see [`crate::unwind::count`]). A hook that the program sets later replaces it, and then nothing
//! is added to what that hook says.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use crate::current;
use crate::task::Flags;
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
        }
        before(info);
    }));
    Count::learn_hook_flag();
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
