//! Tasks that run coroutines of another library, and wait inside of them: of `corosensei`, and of
//! `generator`, which gocoro's own engine `generator` permits.

use std::future::poll_fn;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use corosensei::{Coroutine, CoroutineResult, Yielder};
use generator::Gn;
use gocoro::channel::{self, Receiver, Sender};
use gocoro::runtime::LocalRuntime;
use gocoro::task;
use gocoro::time::{sleep, timeout};
use gocoro::{future, go};

use crate::support::{
    NEVER, SOON, on_drop, on_workers, scenario, settle, skipped, this_program, with_workers,
};

/// Whether tasks may wait inside of `generator`'s coroutines.
const GENERATORS: bool = cfg!(not(feature = "corosensei"));

/// What yields a number each time it is called, from inside of a coroutine, until it has ended.
type Numbers = Box<dyn FnMut() -> Option<u32>>;

/// What passes numbers on from inside of a coroutine.
type Body = Box<dyn FnOnce(&mut dyn FnMut(u32)) + Send>;

/// Makes a coroutine, of some library, that yields what its body passes on.
type Make = fn(Body) -> Numbers;

fn of_generator(body: Body) -> Numbers {
    let mut made = Gn::<()>::new_scoped_opt(0x4000, move |mut scope| {
        body(&mut |number| {
            scope.yield_with(number);
        });
        0
    });
    Box::new(move || made.resume().filter(|_| !made.is_done()))
}

fn of_corosensei(body: Body) -> Numbers {
    let mut made = Coroutine::new(move |yielder: &Yielder<(), u32>, ()| {
        body(&mut |number| yielder.suspend(number));
    });
    Box::new(move || match made.done() {
        true => None,
        false => match made.resume(()) {
            CoroutineResult::Yield(number) => Some(number),
            CoroutineResult::Return(()) => None,
        },
    })
}

fn libraries() -> impl Iterator<Item = Make> {
    [of_corosensei as Make].into_iter().chain(GENERATORS.then_some(of_generator as Make))
}

/// Waits in this coroutine for each number, and yields its double.
fn doubles(numbers: Receiver<u32>, make: Make) -> Numbers {
    make(Box::new(move |pass_on| {
        for number in numbers {
            task::yield_now();
            pass_on(2 * number);
            sleep(Duration::from_micros(50));
        }
    }))
}

/// Doubles what `doubles` yields: a coroutine that runs another one inside.
fn quadruples(numbers: Receiver<u32>, make: Make) -> Numbers {
    make(Box::new(move |pass_on| {
        let mut inner = doubles(numbers, make);
        while let Some(number) = inner() {
            task::yield_now();
            pass_on(2 * number);
        }
    }))
}

#[test]
fn a_task_may_wait_inside_a_coroutine_of_another_library() {
    type Nest = fn(Receiver<u32>, Make) -> Numbers;
    for make in libraries() {
        for (factor, nest) in [(2, doubles as Nest), (4, quadruples as Nest)] {
            on_workers(move |_| interleave(factor, move |numbers| nest(numbers, make)));
        }
    }
}

/// Feeds eight tasks, each with what `make` makes of its numbers. They interleave: each has to wait
/// for its next number before the others have theirs.
fn interleave(factor: u32, make: impl Fn(Receiver<u32>) -> Numbers + Copy + 'static) {
    let (feeds, readers): (Vec<Sender<u32>>, Vec<_>) = (0..8)
        .map(|_| {
            let (feed, numbers) = channel::bounded(1);
            let reader = go!(local => {
                let mut multiples = make(numbers);
                let mut got = Vec::new();
                while let Some(number) = multiples() {
                    // Outside of it, too.
                    task::yield_now();
                    got.push(number);
                }
                got
            });
            (feed, reader)
        })
        .unzip();
    for number in 1..=20 {
        feeds.iter().for_each(|feed| feed.send(number).unwrap());
    }
    drop(feeds);
    let expected: Vec<u32> = (1..=20).map(|number| factor * number).collect();
    for reader in readers {
        assert_eq!(reader.wait(), expected);
    }
}

#[test]
fn a_wait_inside_a_coroutine_of_another_library_ends_like_any_other() {
    // The sanitizer knows the stacks of threads and tasks, not those of another library. It does
    // not see that one unwind, and reports the frames' marks as errors when the memory becomes a
    // stack again.
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return skipped("foreign: a sanitizer, which is not told of their stacks, is here");
    }
    for make in libraries() {
        on_workers(move |_| {
            let (told, dropped) = channel::unbounded();
            let waiter = move |told: Sender<&'static str>| {
                make(Box::new(move |_| {
                    let _told = on_drop(move || told.send("dropped").unwrap());
                    sleep(NEVER);
                }))
            };
            // A timeout passes through the coroutine, which has then ended.
            let told_too = told.clone();
            go!(local => {
                let mut inner = waiter(told_too);
                assert!(timeout(SOON, &mut inner).is_err());
            })
            .wait();
            assert_eq!(dropped.recv(), Ok("dropped"));
            // A cancel does the same.
            let cancelled = go!(local => {
                let mut inner = waiter(told);
                assert!(catch_unwind(AssertUnwindSafe(&mut inner)).is_err());
                task::checkpoint();
            });
            settle();
            cancelled.cancel();
            assert!(cancelled.join().unwrap_err().is_cancelled());
            assert_eq!(dropped.recv(), Ok("dropped"));
        });
    }
}

/// What a task has open is the task's own memory, which a coroutine would touch that goes on later.
#[test]
fn a_task_does_not_end_while_one_is_suspended_inside_of_its_timeout() {
    const NAME: &str = "foreign::a_task_does_not_end_while_one_is_suspended_inside_of_its_timeout";
    let Some(scenario) = scenario() else {
        for scenario in ["timeout", "poll"] {
            let child = this_program(&[NAME, "--exact"], scenario).output().unwrap();
            let text = String::from_utf8_lossy(&child.stderr);
            assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{text}");
            assert!(text.contains("has ended, and a coroutine of another library is"), "{text}");
        }
        return;
    };
    with_workers(1).run(move || {
        go!({
            let mut inside =
                Coroutine::new(move |yielder: &Yielder<(), ()>, ()| match &*scenario {
                    "timeout" => timeout(NEVER, || yielder.suspend(())).unwrap(),
                    _ => future::wait(poll_fn(|_| {
                        yielder.suspend(());
                        Poll::Ready(())
                    })),
                });
            inside.resume(());
            std::mem::forget(inside);
        })
        .wait();
    });
}

/// A task cannot be taken off the list that `generator` has of what runs on a thread.
#[test]
fn a_wait_inside_a_generator_is_refused_where_it_cannot_be() {
    const NAME: &str = "foreign::a_wait_inside_a_generator_is_refused_where_it_cannot_be";
    if scenario().is_none() {
        let child = this_program(&[NAME, "--exact"], "waits").output().unwrap();
        let text = String::from_utf8_lossy(&child.stderr);
        let refused = text.contains("inside of a coroutine of the crate `generator`");
        let ended = child.status.signal() == Some(libc::SIGABRT);
        assert_eq!((refused, ended), (!GENERATORS, !GENERATORS), "{}: {text}", child.status);
        return;
    }
    with_workers(1).run(|| {
        go!({
            // One that waits for nothing runs as anywhere.
            let mut quick = of_generator(Box::new(|pass_on| pass_on(1)));
            assert_eq!((quick(), quick()), (Some(1), None));
            let mut slow = of_generator(Box::new(|pass_on| {
                task::yield_now();
                pass_on(2);
            }));
            assert_eq!(slow(), Some(2));
        })
        .wait();
    });
}

/// What was resumed meanwhile has the coroutine among those that it runs inside of, where it would
/// be looked for when it is gone.
#[test]
fn what_is_suspended_inside_a_coroutine_goes_on_before_others_or_not_at_all() {
    const NAME: &str =
        "foreign::what_is_suspended_inside_a_coroutine_goes_on_before_others_or_not_at_all";
    let Some(scenario) = scenario() else {
        // gocoro's engine `generator` is itself what suspends there.
        if GENERATORS {
            return;
        }
        if std::env::var_os("GOCORO_SANITIZER").is_some() {
            // On a stack that it does not know, an unwinding leaves marks of the sanitizer's, which
            // that takes for errors later.
            return println!("skipped: nobody tells the sanitizer of that crate's stacks");
        }
        for (scenario, is_refused) in [("before", false), ("inside", true), ("elsewhere", true)] {
            let child = this_program(&[NAME, "--exact"], scenario).output().unwrap();
            let text = String::from_utf8_lossy(&child.stderr);
            let refused = text.contains("was suspended from inside of a gocoro coroutine");
            let ended = match is_refused {
                true => child.status.signal() == Some(libc::SIGABRT),
                false => child.status.success(),
            };
            assert_eq!((refused, ended), (is_refused, true), "{}: {text}", child.status);
        }
        return;
    };
    // `yield_with` suspends those that were made without a scope alone.
    let mut suspended = Gn::<()>::new_opt(0x4000, || {
        let mut inner = gocoro::coroutine::Coroutine::<(), (), ()>::new(|_, ()| {
            #[allow(deprecated, reason = "it is the one that asks nobody where it is called")]
            generator::yield_with(());
        });
        let _ = inner.resume(());
    });
    suspended.resume();
    let go_on = move || drop(suspended);
    match &*scenario {
        "before" => go_on(),
        "inside" => {
            let mut go_on = Some(go_on);
            let mut other = gocoro::coroutine::Coroutine::<(), (), ()>::new(move |_, ()| {
                go_on.take().unwrap()();
            });
            other.resume(()).unwrap();
        }
        _ => LocalRuntime::new().unwrap().run(go_on),
    }
}
