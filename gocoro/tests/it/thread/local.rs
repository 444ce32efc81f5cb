//! Thread-locals are a task's own, or a plain thread's.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::{task, thread};

use super::{text, twice};
use crate::support::{SOON, on_workers};

/// Serialises the rounds of a test whose destructors write to one log.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log(entry: impl Into<String>) {
    LOG.lock().unwrap().push(entry.into());
}

/// Keeps the tests that use [`LOG`] apart.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

twice! {
    fn each_thread_has_its_own_value_made_when_it_asks() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        self::thread_local! {
            /// With a doc comment, an attribute and a visibility.
            #[allow(dead_code)]
            pub(crate) static COUNT: Cell<u32> = const { Cell::new(1) };
            static LAZY: Cell<usize> = Cell::new({
                MADE.fetch_add(1, SeqCst);
                5
            });
            static WORDS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) }
        }
        self::thread_local!(static ALONE: Cell<u8> = const { Cell::new(9) });
        self::thread_local! {}

        let before = MADE.load(SeqCst);
        let threads: Vec<_> = (0..10)
            .map(|n| {
                thread::spawn(move || {
                    assert_eq!((COUNT.get(), ALONE.get()), (1, 9));
                    COUNT.set(n);
                    for _ in 0..5 {
                        thread::yield_now();
                        COUNT.set(COUNT.get() + 1);
                        WORDS.with_borrow_mut(|words| words.push("x"));
                    }
                    if n % 2 == 0 {
                        assert_eq!(LAZY.replace(6) + LAZY.take(), 11);
                    }
                    (COUNT.get(), WORDS.take().len())
                })
            })
            .collect();
        for (n, thread) in (0..).zip(threads) {
            assert_eq!(thread.join().unwrap(), (n + 5, 5));
        }
        assert_eq!(MADE.load(SeqCst), before + 5);
        assert_eq!(COUNT.with(Cell::get), 1);
    }

    fn the_methods_of_cells() {
        self::thread_local! {
            static NUMBER: Cell<i32> = panic!("made");
            static TEXT: RefCell<String> = panic!("made");
        }
        let thread = thread::spawn(|| {
            // What is set is not made first.
            NUMBER.set(1);
            assert_eq!((NUMBER.get(), NUMBER.replace(2), NUMBER.take(), NUMBER.get()), (1, 1, 2, 0));
            TEXT.set("a".to_string());
            TEXT.with_borrow_mut(|text| text.push('b'));
            assert_eq!(TEXT.with_borrow(|text| text.len()), 2);
            assert_eq!(TEXT.replace("c".to_string()), "ab");
            assert_eq!(TEXT.take(), "c");
            assert_eq!(TEXT.try_with(|text| text.borrow().is_empty()), Ok(true));
            // A borrow is a borrow.
            let caught = catch_unwind(|| TEXT.with_borrow(|_| TEXT.set(String::new())));
            caught.unwrap_err();
            let caught = catch_unwind(|| TEXT.with_borrow_mut(|_| TEXT.with_borrow(String::len)));
            caught.unwrap_err();
        });
        thread.join().unwrap();
        let made = thread::spawn(|| NUMBER.get()).join();
        assert_eq!(text(&*made.unwrap_err()), "made");
        // After that the value can still be made.
        let again = thread::spawn(|| {
            catch_unwind(|| NUMBER.get()).unwrap_err();
            NUMBER.set(4);
            NUMBER.get()
        });
        assert_eq!(again.join().unwrap(), 4);
    }

    fn a_value_made_inside_its_own_initialiser_is_replaced() {
        self::thread_local! {
            static DEPTH: Cell<u32> = const { Cell::new(0) };
            static NESTED: RefCell<Vec<u32>> = {
                DEPTH.set(DEPTH.get() + 1);
                let depth = DEPTH.get();
                if depth < 3 {
                    NESTED.with_borrow_mut(|inner| inner.push(depth));
                }
                RefCell::new(vec![depth * 10])
            };
        }
        assert_eq!(thread::spawn(|| NESTED.take()).join().unwrap(), [10]);
    }

    fn keys_are_values_like_others() {
        self::thread_local!(static NAME: &'static str = const { "x" });
        fn length(key: &'static thread::LocalKey<&'static str>) -> usize {
            key.with(|name| name.len())
        }
        assert_eq!(length(&NAME), 1);
        assert!(format!("{:?}", &NAME).starts_with("LocalKey"));
        fn shared<T: Send + Sync + 'static>(_: &T) {}
        shared(&NAME);
    }

    fn destructors_run_at_the_end_the_newest_first() {
        struct Ends(&'static str);
        impl Drop for Ends {
            fn drop(&mut self) {
                let first = FIRST.try_with(|ends| ends.0);
                let second = SECOND.try_with(|ends| ends.0);
                // What has no destructor can be used to the end.
                PLAIN.set(PLAIN.get() + 1);
                // What nobody has asked for can still be made, and is then gone before the rest.
                let late = LATE.try_with(|_| ());
                log(format!("{} {first:?} {second:?} {late:?} {}", self.0, PLAIN.get()));
            }
        }
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                log("late");
            }
        }
        self::thread_local! {
            static PLAIN: Cell<u32> = const { Cell::new(0) };
            static FIRST: Ends = const { Ends("first") };
            static SECOND: Ends = Ends(str::trim(" second"));
            static LATE: Late = const { Late };
        }
        let _one = ONE_AT_A_TIME.lock().unwrap();
        LOG.lock().unwrap().clear();
        let thread = thread::spawn(|| {
            PLAIN.set(10);
            FIRST.with(|_| SECOND.with(|_| ()));
        });
        thread.join().unwrap();
        let expected = [
            r#"second Ok("first") Err(AccessError) Ok(()) 11"#,
            "late",
            "first Err(AccessError) Err(AccessError) Err(AccessError) 12",
        ];
        assert_eq!(*LOG.lock().unwrap(), expected);
    }
}

#[test]
fn using_a_value_after_its_end_panics_and_says_so() {
    static TOLD: Mutex<String> = Mutex::new(String::new());
    struct Uses;
    impl Drop for Uses {
        fn drop(&mut self) {
            let caught = catch_unwind(AssertUnwindSafe(|| USED.with(|_| ())));
            *TOLD.lock().unwrap() = text(&*caught.unwrap_err());
            assert_eq!(
                USED.try_with(|_| ()).unwrap_err().to_string(),
                "the value was destroyed already, for its task or thread is ending"
            );
        }
    }
    gocoro::thread_local!(static USED: Uses = const { Uses });
    let uses = || USED.with(|_| ());
    on_workers(move |_| {
        thread::spawn(uses).join().unwrap();
        let told = std::mem::take(&mut *TOLD.lock().unwrap());
        assert!(told.contains("during or after destruction"), "{told}");
    });
    std::thread::spawn(uses).join().unwrap();
    let told = TOLD.lock().unwrap().clone();
    assert!(told.contains("during or after destruction"), "{told}");
}

/// The join returns when the destructors have run, as in std, and they may wait.
#[test]
fn destructors_wait_on_their_tasks_stack() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    struct Waits(task::TaskId);
    impl Drop for Waits {
        fn drop(&mut self) {
            thread::sleep(SOON);
            assert_eq!(task::current().id(), self.0);
            ENDED.fetch_add(1, SeqCst);
        }
    }
    gocoro::thread_local!(static WAITS: Waits = Waits(task::current().id()));
    on_workers(|_| {
        let before = ENDED.load(SeqCst);
        thread::spawn(|| WAITS.with(|_| ())).join().unwrap();
        assert_eq!(ENDED.load(SeqCst), before + 1);
        // However the thread ends.
        let failed = thread::spawn(|| {
            WAITS.with(|_| ());
            panic!("expected");
        });
        failed.join().unwrap_err();
        let cancelled = thread::spawn(|| {
            WAITS.with(|_| ());
            task::current().cancel();
            thread::park();
        });
        cancelled.join().unwrap_err();
        assert_eq!(ENDED.load(SeqCst), before + 3);
    });
}

/// A value belongs to the task that asks, and to the plain thread only while no task runs there.
#[test]
fn a_thread_that_runs_tasks_has_a_value_of_its_own() {
    gocoro::thread_local!(static WHOSE: Cell<u32> = const { Cell::new(0) });
    let mut runtime = gocoro::runtime::LocalRuntime::new().unwrap();
    WHOSE.set(1);
    runtime.run(|| {
        assert_eq!(WHOSE.replace(2), 0);
        assert_eq!(task::spawn_local(|| WHOSE.replace(3)).wait(), 0);
        task::yield_now();
        assert_eq!(WHOSE.get(), 2);
    });
    assert_eq!(WHOSE.get(), 1);
}

/// With `use gocoro::std;` the macro is gocoro's by its path, and with a second line by its name.
#[test]
fn the_one_line_reaches_the_macro() {
    mod by_path {
        use gocoro::std;

        std::thread_local!(pub(super) static OWN: Cell<u8> = const { Cell::new(1) });

        use std::cell::Cell;
    }

    mod by_name {
        use gocoro::std;
        use std::cell::Cell;
        use std::thread_local;

        thread_local!(pub(super) static OWN: Cell<u8> = const { Cell::new(2) });

        pub(super) fn on_another() -> u8 {
            OWN.set(20);
            std::thread::spawn(|| OWN.get()).join().unwrap()
        }
    }

    on_workers(|_| {
        let keys: [&thread::LocalKey<Cell<u8>>; 2] = [&by_path::OWN, &by_name::OWN];
        by_path::OWN.set(10);
        assert_eq!(by_name::on_another(), 2);
        // A task of the same worker has its own.
        let others = thread::spawn(move || keys.map(|key| key.get()));
        assert_eq!(others.join().unwrap(), [1, 2]);
        assert_eq!(keys.map(|key| key.get()), [10, 20]);
    });
}

/// The macro's own names do not get into the way of those that an initialiser means.
#[test]
fn an_initialiser_may_call_a_function_of_any_name() {
    fn init() -> u32 {
        7
    }
    const INIT: u32 = 8;
    gocoro::thread_local! {
        static CALLS: u32 = init();
        static NAMES: u32 = const { INIT };
    }
    gocoro::task_local!(static CALLED: u32 = init());
    let all = || (CALLS.with(|n| *n), NAMES.with(|n| *n), CALLED.with(|n| *n));
    assert_eq!(all(), (7, 8, 7));
    assert_eq!(thread::spawn(all).join().unwrap(), (7, 8, 7));
}
