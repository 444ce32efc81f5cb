//! Task-locals: each task's own values, made late, dropped at the task's end, and inherited on
//! request.

use std::cell::{Cell, RefCell};
use std::panic::{self, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use gocoro::task::{self, LocalKey};
use gocoro::time::{sleep, timeout};
use gocoro::{go, task_local};

use crate::support::{NEVER, SOON, in_both_colours, on_drop, on_workers};

task_local! {
    static COUNT: Cell<usize> = Cell::new(1);
    static LIST: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// What a request carries with it.
    pub(crate) static USER: String = String::from("nobody")
}

task_local! {}

#[test]
fn each_task_and_thread_has_its_own() {
    in_both_colours(|| {
        COUNT.set(10);
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                go!({
                    assert_eq!(COUNT.get(), 1);
                    COUNT.set(n);
                    for _ in 0..5 {
                        task::yield_now();
                        COUNT.set(COUNT.get() + 1);
                        LIST.with_borrow_mut(|list| list.push(COUNT.get()));
                    }
                    assert_eq!(LIST.take(), (n + 1..n + 6).collect::<Vec<_>>());
                    COUNT.get()
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.wait(), n + 5);
        }
        assert_eq!(COUNT.get(), 10);
        assert_eq!(thread::spawn(|| COUNT.get()).join().unwrap(), 1);
    });
}

#[test]
fn the_methods_are_stds() {
    in_both_colours(|| {
        assert_eq!(COUNT.replace(5), 1);
        assert_eq!(COUNT.take(), 5);
        assert_eq!(COUNT.with(Cell::get), 0);
        assert_eq!(COUNT.try_with(Cell::get), Ok(0));
        LIST.set(vec![1]);
        assert_eq!(LIST.replace(vec![2, 3]), [1]);
        assert_eq!(LIST.with_borrow(Vec::len), 2);
        assert_eq!(LIST.take(), [2, 3]);
        let key: &'static LocalKey<String> = &USER;
        assert_eq!(key.with(String::len), 6);
        assert!(format!("{key:?}").contains("LocalKey"));
    });
}

#[test]
fn set_does_not_make_the_initial_value() {
    task_local! {
        static MADE: Cell<u32> = panic!("made");
    }
    in_both_colours(|| {
        MADE.set(3);
        assert_eq!(MADE.get(), 3);
        assert!(panic::catch_unwind(|| thread::spawn(|| MADE.get()).join().unwrap()).is_err());
    });
}

#[test]
fn values_are_made_late_and_dropped_at_the_end_on_the_tasks_stack() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Value;

    impl Drop for Value {
        fn drop(&mut self) {
            // It may wait, and see that it is still the task.
            let before = task::try_current().map(|task| task.id());
            sleep(SOON);
            assert_eq!(task::try_current().map(|task| task.id()), before);
            assert!(before.is_some());
            DROPPED.fetch_add(1, SeqCst);
        }
    }

    task_local! {
        static VALUE: Value = {
            MADE.fetch_add(1, SeqCst);
            Value
        };
    }

    on_workers(|_| {
        let (made, dropped) = (MADE.load(SeqCst), DROPPED.load(SeqCst));
        go!({}).wait();
        assert_eq!(MADE.load(SeqCst), made);
        go!({
            VALUE.with(|_| ());
            VALUE.with(|_| ());
        })
        .wait();
        assert_eq!((MADE.load(SeqCst), DROPPED.load(SeqCst)), (made + 1, dropped + 1));
        // However the task ends.
        let failed = go!({
            VALUE.with(|_| ());
            panic!("expected");
        });
        assert!(failed.join().unwrap_err().is_panic());
        assert_eq!(DROPPED.load(SeqCst), dropped + 2);
        let cancelled = go!({
            VALUE.with(|_| ());
            task::current().cancel();
            task::shield(|| sleep(SOON));
        });
        cancelled.join().unwrap();
        let detached = go!({ VALUE.with(|_| ()) });
        drop(detached);
    });
}

#[test]
fn a_value_that_was_dropped_is_an_error() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Looks;

    impl Drop for Looks {
        fn drop(&mut self) {
            // Its own is gone; another that was made before is not; a new one can be made.
            let own = LOOKS.try_with(|_| ()).is_err();
            let older = USER.try_with(String::clone);
            COUNT.set(COUNT.get() + 1);
            SEEN.lock().unwrap().push(format!("{own} {older:?} {}", COUNT.get()));
        }
    }

    task_local! {
        static LOOKS: Looks = Looks;
    }

    go!({
        USER.with(|_| ());
        LOOKS.with(|_| ());
    })
    .wait();
    assert_eq!(*SEEN.lock().unwrap(), [r#"true Ok("nobody") 2"#]);
}

#[test]
fn a_plain_threads_values_end_with_it() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Value;

    impl Drop for Value {
        fn drop(&mut self) {
            assert!(VALUE.try_with(|_| ()).is_err());
            DROPPED.fetch_add(1, SeqCst);
        }
    }

    task_local! {
        static VALUE: Value = Value;
    }

    thread::spawn(|| VALUE.with(|_| ())).join().unwrap();
    assert_eq!(DROPPED.load(SeqCst), 1);
}

#[test]
fn a_scope_binds_a_value_and_puts_the_one_before_back() {
    in_both_colours(|| {
        let user = || USER.with(String::clone);
        let inside = USER.scope("ada".to_owned(), || {
            task::yield_now();
            let nested = USER.scope("grace".to_owned(), user);
            (user(), nested)
        });
        assert_eq!(inside, ("ada".to_owned(), "grace".to_owned()));
        assert_eq!(user(), "nobody");
        // Also when it is unwound.
        assert!(timeout(SOON, || USER.scope("late".to_owned(), || sleep(NEVER))).is_err());
        assert!(panic::catch_unwind(|| USER.scope("x".to_owned(), || panic!("expected"))).is_err());
        assert_eq!(user(), "nobody");
        // Before there was any, too: the initial value is not made for it.
        task_local! {
            static LATE: String = panic!("made");
        }
        assert_eq!(LATE.scope("now".to_owned(), || LATE.with(String::len)), 3);
    });
}

#[test]
fn a_bound_value_in_use_outlives_its_scope() {
    in_both_colours(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        task_local! {
            static VALUE: Box<dyn FnOnce() + Send> = Box::new(|| ());
        }
        let ours = dropped.clone();
        let guard = on_drop(move || {
            ours.fetch_add(1, SeqCst);
        });
        VALUE.scope(Box::new(move || drop(guard)), || {
            VALUE.with(|_| VALUE.scope(Box::new(|| ()), || assert_eq!(dropped.load(SeqCst), 0)));
        });
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

#[test]
fn children_inherit_on_request_only() {
    fn user() -> String {
        USER.with(String::clone)
    }

    in_both_colours(|| {
        USER.scope("ada".to_owned(), || {
            COUNT.set(7);
            assert_eq!(task::spawn(user).wait(), "nobody");
            assert_eq!(task::spawn(USER.inherit(user)).wait(), "ada");
            let both = USER.inherit(|| (user(), COUNT.get()));
            assert_eq!(task::spawn(both).wait(), ("ada".to_owned(), 1));
            let text = String::from("!");
            let scoped = task::scope(|s| s.spawn(USER.inherit(|| user() + &text)).wait());
            assert_eq!(scoped, "ada!");
            assert_eq!(thread::spawn(USER.inherit(user)).join().unwrap(), "ada");
        });
    });
}

/// Binding a value in a destructor, to a key whose value was dropped, does not bring the key back.
#[test]
fn a_task_local_that_was_dropped_is_not_bound_again() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    struct Uses;
    impl Drop for Uses {
        fn drop(&mut self) {
            let bound = AtomicBool::new(false);
            let caught = catch_unwind(|| LATER.scope(1, || bound.store(true, SeqCst)));
            assert!(caught.is_err() && !bound.load(SeqCst));
            assert!(LATER.try_with(|_| ()).is_err());
            SEEN.fetch_add(1, SeqCst);
        }
    }
    task_local! {
        static EARLIER: Uses = Uses;
        static LATER: u32 = 0;
    }
    // The newest is dropped first.
    let body = || {
        EARLIER.with(|_| ());
        LATER.with(|_| ());
    };
    go!({ body() }).wait();
    std::thread::spawn(body).join().unwrap();
    assert_eq!(SEEN.load(SeqCst), 2);
}
