//! Children of a scope and members of a group that never get a stack.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::runtime::Builder;
use gocoro::task::{self, Scope, ScopedJoinHandle};
use gocoro::time::sleep;

use super::{IntoCode, run, scenarios};
use crate::support::{NEVER, on_drop, until};

scenarios! {
    refused_children,
}

/// A stack that no memory is left for.
const HUGE: usize = 1 << 30;

fn hungry<'scope>(
    s: &'scope Scope<'scope, '_>,
    f: impl FnOnce() + Send + 'scope,
) -> ScopedJoinHandle<'scope, ()> {
    task::Builder::new().name("hungry").stack_size(HUGE).spawn_scoped(s, f).unwrap()
}

fn refused_children() {
    let runtime = Builder::new().workers(2).build().unwrap();
    // Enough for what runs already.
    let limit = libc::rlimit { rlim_cur: 800 << 20, rlim_max: 800 << 20 };
    // SAFETY: sets a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);

    let ends = |dropped: &AtomicUsize| {
        // Joined: an error, and the scope goes on.
        let value = task::scope(|s| {
            let guard = on_drop(|| {
                dropped.fetch_add(1, SeqCst);
            });
            let error = hungry(s, move || drop(guard)).join().unwrap_err();
            assert!(error.is_refused() && error.to_string().contains("'hungry'"), "{error}");
            s.spawn(|| 1).join().unwrap()
        });
        assert_eq!(value, 1);
        // Not joined: it fails the scope, whether its handle went before or after.
        for late in [false, true] {
            let failed = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                task::scope(|s| {
                    s.spawn(|| sleep(NEVER));
                    let handle = hungry(s, || unreachable!("it has no stack"));
                    // This worker stays awake and keeps the child queued: the other one refuses it.
                    if late {
                        until(|| handle.is_finished());
                    }
                    drop(handle);
                    sleep(NEVER);
                })
            }));
            let text = *failed.unwrap_err().downcast::<String>().unwrap();
            assert!(text.contains("was refused"), "{text}");
        }
        dropped.load(SeqCst)
    };
    assert_eq!(runtime.run(|| ends(&AtomicUsize::new(0))), 1);
    println!("went on");
}

#[test]
fn a_child_without_a_stack_is_its_joiners_or_fails_the_scope() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer needs more address space than this leaves it");
    }
    run("refused_children").code(0).printed("went on");
}
