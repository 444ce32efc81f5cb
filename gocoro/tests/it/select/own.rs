//! A task that would wait for itself in a choice is told so.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use gocoro::channel::{TrySendError, bounded, never};
use gocoro::task::{self, JoinHandle};
use gocoro::{go, select, select_biased};

use crate::support::{on_workers, scenario, this_program, with_workers};

/// As by `join`, whatever else is in the choice.
#[test]
fn a_task_cannot_wait_for_itself_in_a_choice() {
    on_workers(|_| {
        let (give, given) = bounded(1);
        let (tell, told) = bounded(1);
        give.send(go!(name = "snake" => {
            let mut own: JoinHandle<()> = given.recv().unwrap();
            let choose = || {
                select! {
                    join(&mut own) -> _ => {}
                    recv(never::<()>()) -> _ => {}
                    default => task::yield_now(),
                }
            };
            let payload = catch_unwind(AssertUnwindSafe(choose)).unwrap_err();
            tell.send(*payload.downcast::<String>().unwrap()).unwrap();
        }))
        .unwrap();
        let text = told.recv().unwrap();
        assert!(text.contains("'snake'") && text.contains("joins itself"), "{text}");
    });
}

/// The panic hook finds no receiver in a queue, though other arms stand before the one that panics.
/// The hook is the process's, so this test has one.
#[test]
fn a_choice_that_panics_waits_nowhere() {
    const SCENARIO: &str = "a choice that panics";
    match scenario() {
        Some(name) if name == SCENARIO => {}
        Some(_) => return,
        None => {
            let test = "select::own::a_choice_that_panics_waits_nowhere";
            let child = this_program(&[test, "--exact"], SCENARIO).output().unwrap();
            assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
            assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed; 0 failed"));
            return;
        }
    }
    let (sender, receiver) = bounded(0);
    let tried = Arc::new(OnceLock::new());
    let by_hook = tried.clone();
    panic::set_hook(Box::new(move |_| _ = by_hook.set(sender.try_send(()))));
    with_workers(1).run(move || {
        let (give, given) = bounded(1);
        let (tell, told) = bounded(1);
        let task = go!({
            let mut own: JoinHandle<()> = given.recv().unwrap();
            let choose = || {
                select_biased! {
                    recv(receiver) -> _ => unreachable!("nothing is sent"),
                    join(&mut own) -> _ => unreachable!("it runs"),
                }
            };
            tell.send(catch_unwind(AssertUnwindSafe(choose)).is_err()).unwrap();
        });
        give.send(task).unwrap();
        assert_eq!(told.recv(), Ok(true));
    });
    drop(panic::take_hook());
    assert_eq!(tried.get(), Some(&Err(TrySendError::Full(()))));
}
