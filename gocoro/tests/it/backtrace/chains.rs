//! Tasks that wait on other stacks than their own: each stack's calls, innermost first.

use gocoro::channel::{self, Receiver};
use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::go;

use super::{frames, is_in, waiting};

#[inline(never)]
fn innermost(receiver: &Receiver<u8>) -> u8 {
    let received = receiver.recv().unwrap();
    received + 1
}

#[inline(never)]
fn resumes_one(receiver: Receiver<u8>) -> u8 {
    let mut one = Coroutine::new(move |_: &Suspender<(), ()>, ()| innermost(&receiver));
    let step = one.resume(());
    assert!(step.is_ok());
    0
}

#[inline(never)]
fn resumes_two(receiver: Receiver<u8>) -> u8 {
    let mut two = Coroutine::new(move |_: &Suspender<(), ()>, ()| resumes_one(receiver));
    let step = two.resume(());
    assert!(step.is_ok());
    0
}

/// Runs `body` in a coroutine of the library that is gocoro's engine. Of others' stacks nothing is
/// known.
#[cfg(not(feature = "corosensei"))]
#[inline(always)]
fn in_foreign(body: impl FnOnce() -> u8) -> u8 {
    let mut foreign =
        generator::Gn::new_scoped_local(move |_: generator::Scope<'_, '_, (), u8>| body());
    let ended = foreign.resume();
    ended.unwrap_or(1)
}

#[cfg(feature = "corosensei")]
#[inline(always)]
fn in_foreign(body: impl FnOnce() -> u8 + 'static) -> u8 {
    let mut foreign = corosensei::Coroutine::<(), (), u8>::new(move |_, ()| body());
    let ended = foreign.resume(());
    ended.as_return().unwrap_or(1)
}

#[inline(never)]
fn resumes_foreign(receiver: Receiver<u8>) -> u8 {
    let ended = in_foreign(move || resumes_one(receiver));
    ended + 1
}

#[inline(never)]
fn only_foreign(receiver: Receiver<u8>) -> u8 {
    let ended = in_foreign(move || innermost(&receiver));
    ended + 1
}

/// Looks at a task which waits in `innermost`, and passes through these functions, each on another
/// stack than the one before.
fn check(task: &'static str, body: impl FnOnce(Receiver<u8>) -> u8 + Send + 'static, via: &[&str]) {
    let (sender, receiver) = channel::bounded(1);
    let handle = gocoro::task::Builder::new().name(task).spawn(move || body(receiver)).unwrap();
    let found = waiting(task);
    let calls = frames(&found);
    assert!(is_in(&calls[0], "innermost") && calls[0].line().is_some(), "{calls:?}");
    for (stack, name) in (1..).zip(via) {
        let first = calls.iter().find(|call| call.stack() == stack).expect("a stack");
        assert!(is_in(first, name), "{stack}: {calls:?}");
    }
    assert_eq!(calls.last().unwrap().stack(), via.len(), "{calls:?}");
    assert!(is_in(calls.last().unwrap(), "closure"), "{calls:?}");
    assert!(calls.is_sorted_by_key(|call| call.stack()));
    let text = found.to_string();
    assert_eq!(text.matches("in a coroutine, resumed by:\n").count(), via.len(), "{text}");
    sender.send(1).unwrap();
    handle.wait();
}

#[test]
fn a_task_in_a_coroutine() {
    check("bt-one", resumes_one, &["resumes_one"]);
}

#[test]
fn a_task_in_a_coroutine_in_a_coroutine() {
    check("bt-two", resumes_two, &["resumes_one", "resumes_two"]);
}

#[test]
fn a_task_in_a_coroutine_in_another_librarys() {
    check("bt-foreign", resumes_foreign, &["resumes_one", "in_foreign"]);
}

#[test]
fn a_task_in_another_librarys_coroutine() {
    check("bt-only-foreign", only_foreign, &["in_foreign"]);
}

#[test]
fn a_coroutine_that_is_suspended_is_no_part_of_the_task() {
    let (sender, receiver) = channel::bounded(1);
    let task = go!(name = "bt-suspended" => {
        let mut other = Coroutine::new(|suspender: &Suspender<(), ()>, ()| suspender.suspend(()));
        assert!(other.resume(()).is_ok());
        innermost(&receiver)
    });
    let found = waiting("bt-suspended");
    assert!(frames(&found).iter().all(|call| call.stack() == 0), "{found:?}");
    sender.send(1).unwrap();
    assert_eq!(task.wait(), 2);
}
