//! Children of a scope and members of a group that never get a stack are refused, and others go on.

use std::cell::Cell;
use std::panic;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use gocoro::runtime::Builder;
use gocoro::task::{self, JoinHandle, Scope, ScopedJoinHandle};
use gocoro::time::sleep;
use gocoro::{channel, go};

use super::{IntoCode, limits, run, scenarios};
use crate::support::{NEVER, SOON, on_drop, until, with_workers};

scenarios! {
    refused_children,
    refused_locals,
    short_of_one_size,
}

/// A stack that no memory is left for.
const HUGE: usize = 1 << 30;

fn hungry<'scope>(
    s: &'scope Scope<'scope, '_>,
    f: impl FnOnce() + Send + 'scope,
) -> ScopedJoinHandle<'scope, ()> {
    task::Builder::new().name("hungry").stack_size(HUGE).spawn_scoped(s, f).unwrap()
}

/// Leaves no memory for such a stack, and enough for what runs already.
fn limit_memory() {
    let limit = libc::rlimit { rlim_cur: 800 << 20, rlim_max: 800 << 20 };
    // SAFETY: sets a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

fn refused_children() {
    let runtime = Builder::new().workers(2).build().unwrap();
    limit_memory();
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

fn hungry_local(f: impl FnOnce() + 'static) -> JoinHandle<()> {
    task::Builder::new().name("hungry").stack_size(HUGE).spawn_local(f).unwrap()
}

fn refused_locals() {
    let runtime = Builder::new().workers(1).build().unwrap();
    limit_memory();
    let dropped = runtime.run(|| {
        let dropped = Rc::new(Cell::new(0));
        let count = || {
            let dropped = dropped.clone();
            move || dropped.set(dropped.get() + 1)
        };
        for _ in 0..10 {
            // A destructor that waits for another task of the same worker, by its timer too.
            let (ask, asked) = channel::bounded(0);
            let (answer, answered) = channel::bounded(0);
            let other = go!(local => {
                let question: i32 = asked.recv().unwrap();
                sleep(SOON);
                answer.send(question + 1).unwrap();
            });
            let count = count();
            let guard = on_drop(move || {
                ask.send(1).unwrap();
                assert_eq!(answered.recv(), Ok(2));
                assert!(task::remaining_stack().unwrap() < HUGE);
                count();
            });
            let error = hungry_local(move || drop(guard)).join().unwrap_err();
            assert!(error.is_refused(), "{error}");
            other.wait();
        }
        // One that waits for a task that waits for another one's.
        let (hand_over, handed_over) = channel::bounded::<JoinHandle<()>>(1);
        let between = go!(local => {
            let second = handed_over.recv().unwrap();
            assert!(second.join().unwrap_err().is_refused());
        });
        let (first, second) = (count(), count());
        let first = on_drop(move || {
            between.wait();
            first();
        });
        let second = on_drop(second);
        let first = hungry_local(move || drop(first));
        hand_over.send(hungry_local(move || drop(second))).unwrap();
        assert!(first.join().unwrap_err().is_refused());
        dropped.get()
    });
    assert_eq!(dropped, 12);
    // Cancelled or not, its destructor waits; and the runtime's end waits for it.
    let ended = runtime.spawn(|| {
        let guard = on_drop(|| sleep(SOON));
        let handle = hungry_local(move || drop(guard));
        handle.cancel();
        let error = handle.join().unwrap_err();
        assert!(error.is_refused(), "{error}");
        let guard = on_drop(|| {
            sleep(SOON * 10);
            println!("dropped");
        });
        drop(hungry_local(move || drop(guard)));
    });
    ended.wait();
    drop(runtime);
    println!("went on");
}

#[test]
fn a_local_task_without_a_stack_is_dropped_on_one() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer needs more address space than this leaves it");
    }
    run("refused_locals").code(0).printed("dropped\nwent on");
}

/// One such stack can be had, and no second one.
const LARGE: usize = 1 << 29;

fn short_of_one_size() {
    let runtime = with_workers(1);
    runtime.run(|| {
        limits::limit_memory(LARGE as u64 * 3 / 2);
        // The worker is never idle.
        let _busy: JoinHandle<()> = go!(local, daemon => loop {
            task::yield_now();
        });
        for local in [false, true] {
            let large = |f: fn()| {
                let builder = task::Builder::new().stack_size(LARGE);
                if local { builder.spawn_local(f) } else { builder.spawn(f) }.unwrap()
            };
            let first = large(task::park);
            task::yield_now();
            let begun = Rc::new(Cell::new(0));
            let rest: Vec<_> = (0..3).map(|_| large(task::yield_now)).collect();
            // Tasks with other stack sizes start meanwhile: local ones and others, new ones and old
            // ones.
            for n in 0..100 {
                assert_eq!(go!({ n }).wait(), n);
                let count = begun.clone();
                go!(local => count.set(count.get() + 1)).wait();
                assert_eq!(go!(stack_size = 64 * 1024 => { n }).wait(), n);
            }
            assert_eq!(begun.get(), 100);
            assert!(rest.iter().all(|task| !task.is_finished()));
            // One after another they have the stack that is given back.
            first.task().unpark();
            first.wait();
            rest.into_iter().for_each(JoinHandle::wait);

            // And if none is: not for ever.
            let first = large(task::park);
            task::yield_now();
            let second = large(|| unreachable!("it has no stack"));
            until(|| second.is_finished());
            assert!(second.join().unwrap_err().is_refused());
            first.task().unpark();
            first.wait();
        }
    });
    println!("went on");
}

#[test]
fn a_size_without_stacks_keeps_no_other_from_starting() {
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return println!("skipped: a sanitizer needs more address space than this leaves it");
    }
    run("short_of_one_size").code(0).printed("went on");
}
