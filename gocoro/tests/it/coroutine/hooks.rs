//! Coroutines in a panic hook, where nothing may be thrown.

use std::thread;

use gocoro::coroutine::iter::generate;

use super::*;
use crate::support::{on_drop, scenario, this_program};

/// What a panic on this thread is to its hook, to the destructors of its unwinding, and after.
fn panics() -> [bool; 3] {
    thread_local! {
        static SEEN: RefCell<[bool; 3]> = const { RefCell::new([false; 3]) };
    }
    panic::set_hook(Box::new(|_| {
        // Both are the thread's first ones, and the second is dropped while it is suspended.
        assert!(generate(|emitter| (0..3).for_each(|n| emitter.emit(n))).eq([0, 1, 2]));
        let kept = generate(|emitter| (0..3).for_each(|n| emitter.emit(n))).next();
        assert_eq!(kept, Some(0));
        SEEN.with_borrow_mut(|seen| seen[0] = thread::panicking());
    }));
    let caught = panic::catch_unwind(|| {
        let _seen = on_drop(|| SEEN.with_borrow_mut(|seen| seen[1] = thread::panicking()));
        panic!("expected");
    });
    assert!(caught.is_err());
    SEEN.with_borrow_mut(|seen| seen[2] = thread::panicking());
    SEEN.take()
}

#[test]
fn a_hook_may_run_them_and_leave_them() {
    const NAME: &str = "coroutine::hooks::a_hook_may_run_them_and_leave_them";
    if scenario().is_none() {
        let child = this_program(&[NAME, "--exact"], "alone").output().unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        return;
    }
    // The process has run one before, on another thread.
    assert_eq!(generate(|emitter| emitter.emit(1)).count(), 1);
    for _ in 0..2 {
        let seen = thread::spawn(|| [panics(), panics()]).join().unwrap();
        assert_eq!(seen, [[true, true, false]; 2]);
    }
    let seen = crate::support::with_workers(1).run(panics);
    assert_eq!(seen, [true, true, false]);
}
