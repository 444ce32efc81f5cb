//! Tasks that run coroutines of `generator`'s, the crate below gocoro, and wait inside of them.

use std::future::poll_fn;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use generator::{Generator, Gn};
use gocoro::channel::{self, Receiver, Sender};
use gocoro::task;
use gocoro::time::{sleep, timeout};
use gocoro::{future, go};

use crate::support::{
    NEVER, SOON, on_drop, on_workers, scenario, settle, skipped, this_program, with_workers,
};

/// Waits in this coroutine for each number, and yields its double.
fn doubles(numbers: Receiver<u32>) -> Generator<'static, (), u32> {
    Gn::new_scoped(move |mut scope| {
        for number in numbers {
            task::yield_now();
            scope.yield_with(2 * number);
            sleep(Duration::from_micros(50));
        }
        0
    })
}

/// Doubles what `doubles` yields: a coroutine that runs another one inside.
fn quadruples(numbers: Receiver<u32>) -> Generator<'static, (), u32> {
    Gn::new_scoped(move |mut scope| {
        let mut inner = doubles(numbers);
        while let Some(number) = inner.resume() {
            task::yield_now();
            scope.yield_with(2 * number);
        }
        0
    })
}

#[test]
fn a_task_may_wait_inside_a_generator_of_its_own() {
    type Make = fn(Receiver<u32>) -> Generator<'static, (), u32>;
    for (factor, make) in [(2, doubles as Make), (4, quadruples as Make)] {
        on_workers(move |_| {
            let (feeds, readers): (Vec<Sender<u32>>, Vec<_>) = (0..8)
                .map(|_| {
                    let (feed, numbers) = channel::bounded(1);
                    let reader = go!(local => {
                        let mut doubles = make(numbers);
                        let mut got = Vec::new();
                        while let Some(number) = doubles.resume() {
                            // Outside of it, too.
                            task::yield_now();
                            got.push(number);
                        }
                        got
                    });
                    (feed, reader)
                })
                .unzip();
            // They interleave: each has to wait for its next number before the others have theirs.
            for number in 1..=20 {
                feeds.iter().for_each(|feed| feed.send(number).unwrap());
            }
            drop(feeds);
            let expected: Vec<u32> = (1..=20).map(|number| factor * number).chain([0]).collect();
            for reader in readers {
                let mut got = reader.wait();
                got.truncate(expected.len());
                assert_eq!(got, expected);
            }
        });
    }
}

#[test]
fn a_wait_inside_a_generator_ends_like_any_other() {
    // The sanitizer knows the stacks of threads and tasks, not a generator's own. It does not see
    // that one unwind, and reports the frames' marks as errors when the memory becomes a stack
    // again.
    if std::env::var_os("GOCORO_SANITIZER").is_some() {
        return skipped("generators: a sanitizer, which is not told of their stacks, is here");
    }
    on_workers(|_| {
        let (told, dropped) = channel::unbounded();
        let waiter = |told: Sender<&'static str>| {
            Gn::<()>::new_scoped_opt(
                0x2000,
                move |_scope: generator::Scope<'_, 'static, (), ()>| {
                    let _told = on_drop(move || told.send("dropped").unwrap());
                    sleep(NEVER);
                },
            )
        };
        // A timeout passes through the generator, which has then ended.
        let told_too = told.clone();
        go!(local => {
            let mut inner = waiter(told_too);
            let ended = timeout(SOON, || inner.resume());
            assert!(ended.is_err() && inner.is_done());
        })
        .wait();
        assert_eq!(dropped.recv(), Ok("dropped"));
        // A cancel does the same.
        let cancelled = go!(local => {
            let mut inner = waiter(told);
            let thrown = catch_unwind(AssertUnwindSafe(|| inner.resume()));
            assert!(thrown.is_err() && inner.is_done());
            task::checkpoint();
        });
        settle();
        cancelled.cancel();
        assert!(cancelled.join().unwrap_err().is_cancelled());
        assert_eq!(dropped.recv(), Ok("dropped"));
    });
}

/// What a task has open is the task's own memory, which a coroutine would touch that goes on later.
#[test]
fn a_task_does_not_end_while_one_is_suspended_inside_of_its_timeout() {
    const NAME: &str =
        "generators::a_task_does_not_end_while_one_is_suspended_inside_of_its_timeout";
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
            let mut inside = Gn::<()>::new_scoped(move |mut scope| {
                match &*scenario {
                    "timeout" => timeout(NEVER, || scope.yield_with(())).unwrap(),
                    _ => future::wait(poll_fn(|_| {
                        scope.yield_with(());
                        Poll::Ready(())
                    })),
                };
            });
            inside.resume();
            std::mem::forget(inside);
        })
        .wait();
    });
}
