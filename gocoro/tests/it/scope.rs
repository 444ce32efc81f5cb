//! A scope waits for all tasks that borrow from it, whatever happens to it or to them.

mod panics;
mod select;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, Builder, Scope};
use gocoro::time::{sleep, timeout};

use crate::support::{
    NEVER, SOON, WORKERS, bounded, in_both_colours, on_drop, on_workers, until, with_workers,
};

pub(crate) fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(body)) else {
        panic!("it has to panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or_else(String::new, |s| s.to_string()),
    }
}

/// Counts those alive, to see that all have gone.
#[derive(Default)]
pub(crate) struct Alive(AtomicUsize);

impl Alive {
    pub(crate) fn one(&self) -> impl Drop + '_ {
        self.0.fetch_add(1, SeqCst);
        on_drop(|| {
            self.0.fetch_sub(1, SeqCst);
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[test]
fn children_borrow_and_their_writes_are_seen() {
    in_both_colours(|| {
        let input: Vec<usize> = (0..100).collect();
        let mut output = vec![0; 100];
        let sum = AtomicUsize::new(0);
        let value = task::scope(|s| {
            for (slot, number) in output.iter_mut().zip(&input) {
                let sum = &sum;
                s.spawn(move || {
                    task::yield_now();
                    *slot = number * 2;
                    sum.fetch_add(*number, SeqCst);
                });
            }
            "value"
        });
        assert_eq!(value, "value");
        assert_eq!(sum.into_inner(), 4950);
        assert!(output.iter().enumerate().all(|(at, slot)| *slot == 2 * at));
    });
}

#[test]
fn an_empty_scope_returns_at_once() {
    in_both_colours(|| {
        assert_eq!(task::scope(|_| 3), 3);
        assert_eq!(panic_of(|| task::scope(|_| panic!("mine"))), "mine");
        // No wait, so no cancel point either.
        assert_eq!(timeout(Duration::ZERO, || task::scope(|_| 4)), Ok(4));
    });
}

#[test]
fn handles_give_values_that_borrow() {
    in_both_colours(|| {
        let words = ["a", "bcd", "ef"];
        let longest = task::scope(|s| {
            let handles: Vec<_> =
                words.iter().map(|word| s.spawn(move || (word.len(), *word))).collect();
            for handle in &handles {
                assert!(handle.task().spawned_at().file().ends_with("scope.rs"));
                assert_eq!(handle.id(), handle.task().id());
            }
            handles.into_iter().map(|handle| handle.join().unwrap()).max().unwrap()
        });
        assert_eq!(longest, (3, "bcd"));
    });
}

#[test]
fn children_spawn_into_their_scope_and_open_their_own() {
    fn tree<'scope>(s: &'scope Scope<'scope, '_>, depth: usize, count: &'scope AtomicUsize) {
        count.fetch_add(1, SeqCst);
        if depth > 0 {
            for _ in 0..2 {
                s.spawn(move || tree(s, depth - 1, count));
            }
        }
    }

    fn nested(depth: usize) -> usize {
        if depth == 0 {
            return 1;
        }
        task::scope(|s| {
            let left = s.spawn(|| nested(depth - 1));
            let right = nested(depth - 1);
            left.wait() + right + 1
        })
    }

    in_both_colours(|| {
        let count = AtomicUsize::new(0);
        task::scope(|s| tree(s, 6, &count));
        assert_eq!(count.into_inner(), 127);
        assert_eq!(nested(6), 127);
    });
}

#[test]
fn local_children_share_what_is_not_send() {
    on_workers(|_| {
        let shared = Rc::new(Cell::new(0));
        let list = RefCell::new(Vec::new());
        let made = task::scope(|s| {
            for n in 0..10 {
                let (shared, list) = (shared.clone(), &list);
                s.spawn_local(move || {
                    task::yield_now();
                    shared.set(shared.get() + n);
                    list.borrow_mut().push(n);
                });
            }
            s.spawn_local(|| Rc::new(7)).join().unwrap()
        });
        assert_eq!((shared.get(), list.into_inner().len(), *made), (45, 10, 7));
    });
}

#[test]
fn a_local_child_outside_a_task_is_refused_with_words() {
    let text = panic_of(|| task::scope(|s| drop(s.spawn_local(|| ()))));
    assert!(text.contains("spawn_local outside a runtime"), "{text}");
}

#[test]
fn a_timeout_around_a_scope_cancels_its_children() {
    in_both_colours(|| {
        for in_closure in [true, false] {
            let alive = Alive::default();
            let ended = timeout(SOON, || {
                task::scope(|s| {
                    for _ in 0..3 {
                        s.spawn(|| {
                            let _alive = alive.one();
                            sleep(NEVER);
                        });
                    }
                    if in_closure {
                        sleep(NEVER);
                    }
                });
            });
            assert!(ended.is_err(), "in the closure: {in_closure}");
            assert_eq!(alive.count(), 0);
        }
    });
}

#[test]
fn a_scope_whose_children_had_ended_is_not_cut_short() {
    on_workers(|_| {
        // The cancel comes while the closure computes, and nobody is left to cancel.
        let handle = go!({
            let value = task::scope(|s| {
                s.spawn(|| ()).join().unwrap();
                task::current().cancel();
                6
            });
            value + 1
        });
        assert_eq!(handle.wait(), 7);
    });
}

#[test]
fn a_scope_in_a_destructor_of_an_unwinding_task_waits_for_its_children() {
    on_workers(|_| {
        for cancelled in [true, false] {
            let sum = Arc::new(AtomicUsize::new(0));
            let parent = go!(clone(sum) => {
                let _guard = on_drop(|| {
                    let parts = [1, 2, 3];
                    task::scope(|s| {
                        for part in &parts {
                            let sum = &sum;
                            s.spawn(move || {
                                task::yield_now();
                                sum.fetch_add(*part, SeqCst);
                            });
                        }
                    });
                });
                if cancelled {
                    task::current().cancel();
                    sleep(NEVER);
                }
                panic!("expected");
            });
            let error = parent.join().unwrap_err();
            assert_eq!(error.is_cancelled(), cancelled);
            assert_eq!(sum.load(SeqCst), 6);
        }
    });
}

#[test]
fn a_leaked_handle_leaks_its_value_and_nothing_else() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer would report what is leaked here on purpose");
    }
    in_both_colours(|| {
        let text = String::from("borrowed");
        task::scope(|s| {
            std::mem::forget(s.spawn(|| text.as_str()));
            std::mem::forget(s.spawn(|| ()));
        });
        // A panic that nobody will ever join is kept with its handle.
        task::scope(|s| std::mem::forget(s.spawn(|| panic!("leaked"))));
        assert_eq!(text, "borrowed");
    });
}

#[test]
fn a_value_nobody_takes_is_dropped_before_the_scope_ends() {
    in_both_colours(|| {
        let dropped = AtomicUsize::new(0);
        let count = || {
            dropped.fetch_add(1, SeqCst);
        };
        task::scope(|s| {
            s.spawn(|| on_drop(count));
            let late = s.spawn(|| on_drop(count));
            until(|| late.is_finished());
            drop(late);
            let taken = s.spawn(|| on_drop(count)).join().unwrap();
            drop(taken);
        });
        assert_eq!(dropped.into_inner(), 3);
    });
}

#[test]
fn handles_pass_between_children() {
    in_both_colours(|| {
        let base = 5;
        let total = task::scope(|s| {
            let first = s.spawn(|| base + 1);
            let second = s.spawn(|| first.join().unwrap() + base);
            let third = s.spawn(|| second.wait() * 2);
            third.join().unwrap()
        });
        assert_eq!(total, 22);
    });
}

#[test]
fn a_named_child_has_its_name_and_bad_options_fail() {
    let text = String::from("abc");
    task::scope(|s| {
        let named = Builder::new().name("named");
        let handle = named.spawn_scoped(s, || task::current().name().map(str::to_owned));
        assert_eq!(handle.unwrap().wait().as_deref(), Some("named"));
        let huge = Builder::new().stack_size(usize::MAX).spawn_scoped(s, || text.len());
        assert_eq!(huge.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    });
}

#[test]
fn children_refused_by_a_closed_runtime_hang_nobody() {
    for workers in WORKERS {
        println!("workers: {workers}");
        bounded(move || {
            let runtime = with_workers(workers);
            let (begun, has_begun) = mpsc::channel();
            let data = Arc::new(Alive::default());
            let alive = data.clone();
            let parent = runtime.spawn(move || {
                let _alive = alive.one();
                task::scope(|s| {
                    begun.send(()).unwrap();
                    task::shield(|| {
                        until(task::is_cancelled);
                        // The runtime is closed: no child starts.
                        s.spawn(|| unreachable!("refused"));
                        s.spawn(|| unreachable!("refused")).join().unwrap_err();
                    });
                });
                sleep(NEVER);
            });
            has_begun.recv().unwrap();
            drop(runtime);
            let error = parent.join().unwrap_err();
            assert!(error.is_cancelled(), "{error}");
            assert_eq!(data.count(), 0);
        });
    }
}

#[test]
fn children_of_a_thread_run_on_the_default_runtime_at_the_same_time() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, received) = (String::from("ping"), Mutex::new(String::new()));
        task::scope(|s| {
            s.spawn(|| {
                let (mut peer, _) = listener.accept().unwrap();
                peer.read_to_string(&mut received.lock().unwrap()).unwrap();
            });
            s.spawn(|| TcpStream::connect(address).unwrap().write_all(sent.as_bytes()).unwrap());
        });
        assert_eq!(*received.lock().unwrap(), sent);
    });
}

#[test]
fn debug_says_how_many_children_there_are() {
    task::scope(|s| {
        let waits = s.spawn(|| sleep(NEVER));
        let text = format!("{s:?}");
        assert!(text.contains("children: 1") && text.contains("scope.rs"), "{text}");
        assert!(format!("{waits:?}").contains("finished: false"));
        waits.cancel();
    });
}
