//! What is refused, and that the refusal says what to do.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;

use gocoro::coroutine::Greenlet;
use gocoro::coroutine::iter::{Emitter, generate};
use gocoro::future;
use gocoro::runtime::LocalRuntime;
use gocoro::sync::{LazyLock, Once, OnceLock};

use super::*;
use crate::support::{SOON, passes_alone};

/// A poll belongs to the task that waits for the future: its waker wakes that task.
#[test]
fn a_coroutine_is_not_suspended_inside_of_a_poll() {
    everywhere(|| {
        let text = refused(|suspender| {
            future::wait(poll_fn(|_| {
                suspender.suspend(());
                Poll::Ready(())
            }));
        });
        assert!(text.contains("poll of a future") && text.contains("before or after"), "{text}");
        let text = refused(|suspender| {
            let polled = poll_fn(|_| {
                suspender.suspend(());
                Poll::<()>::Pending
            });
            future::wait_timeout(SOON, polled).unwrap();
        });
        assert!(text.contains("poll of a future"), "{text}");
        // A greenlet is a coroutine.
        let greenlet = Greenlet::new(|n: u32| {
            let text = panic_of(|| {
                future::wait(poll_fn(|_| Poll::Ready(Greenlet::root().switch_to(n).unwrap())))
            });
            assert!(text.contains("poll of a future"), "{text}");
            n + 1
        });
        assert_eq!(greenlet.switch_to(1).unwrap(), 2);
    });
}

/// One that a poll itself makes and resumes may, to the poll; and the polls of a body that waits
/// for a future may wait for whatever they like.
#[test]
fn a_poll_has_coroutines_of_its_own() {
    everywhere(|| {
        let mut outer = Coroutine::new(|suspender: &Suspender<(), u32>, ()| {
            let mut polls = 0;
            let mut inner = generate(|emitter| (1..4).for_each(|n| emitter.emit(n)));
            let last = future::wait(poll_fn(|context| {
                polls += 1;
                gocoro::time::sleep(SOON / 10);
                match inner.next() {
                    Some(3) => Poll::Ready(3),
                    _ => {
                        context.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            }));
            suspender.suspend(last);
            polls
        });
        assert_eq!(outer.resume(()).unwrap(), Step::Yielded(3));
        assert_eq!(outer.resume(()).unwrap(), Step::Returned(3));
    });
}

/// An initialiser belongs to the task that runs it.
#[test]
fn a_coroutine_is_not_suspended_inside_of_an_initialiser() {
    everywhere(|| {
        for inside in [
            (|suspender| Once::new().call_once(|| suspender.suspend(()))) as fn(&Suspender<(), ()>),
            |suspender| *OnceLock::new().get_or_init(|| suspender.suspend(())),
            |suspender| *LazyLock::force(&LazyLock::new(|| suspender.suspend(()))),
        ] {
            let text = refused(inside);
            assert!(text.contains("initialiser"), "{text}");
        }
    });
}

/// Outside of the coroutine: on the stack of a task that the body has made, of a runtime that runs
/// in the body, and where the coroutine is unstarted or has ended there is nothing to suspend by.
#[test]
fn a_suspension_on_another_stack_is_refused() {
    everywhere(|| {
        let text = refused(|suspender| {
            // The children of a scope may borrow the suspender, but not send it; the closure that
            // this runtime runs needs not be sent.
            LocalRuntime::new().unwrap().run(|| suspender.suspend(()));
        });
        assert!(text.contains("only by its own body, on its own stack"), "{text}");
        assert!(text.contains("it is running"), "{text}");
        assert!(text.contains("coroutine/misuse.rs:"), "{text}");
    });
}

#[test]
fn the_errors_say_which_and_what() {
    everywhere(|| {
        let mut items = generate(|_: &Emitter<u32>| ());
        assert!(items.next().is_none() && items.next().is_none());
        let mut done: Plain<()> = Coroutine::new(|_, ()| ());
        done.resume(()).unwrap();
        let error = done.resume(()).unwrap_err();
        let site = done.created_at();
        assert_eq!(error.created_at().line(), site.line());
        let expected = format!("the coroutine created at {site} cannot be resumed: it is finished");
        assert_eq!(error.to_string(), expected);
        let text = panic_of(|| Greenlet::<u32>::root().inject(|| ()));
        assert!(text.contains("cannot inject into the root"), "{text}");
        let text = panic_of(|| Greenlet::<u32>::root().reset(|n| n));
        assert!(text.contains("cannot reset the root"), "{text}");
    });
}

/// A generator that gets no stack says so where the first item is asked for; and a greenlet's value
/// comes back.
#[test]
fn a_stack_that_cannot_be_had_is_an_error() {
    passes_alone("coroutine::misuse::a_stack_that_cannot_be_had_is_an_error", "alone");
    if crate::support::scenario().is_none() || std::env::var_os("GOCORO_SANITIZER").is_some() {
        return;
    }
    on_thread(|| {
        // So many that the kernel refuses another mapping, or that memory for them is not there.
        let mut all = vec![];
        let refused = loop {
            let mut coroutine = Coroutine::with_stack_size(1 << 40, |_: &Suspender<(), ()>, ()| ());
            match coroutine.resume(()) {
                Ok(_) => all.push(coroutine),
                Err(error) => break error,
            }
            assert!(all.len() < 1000, "there is memory without end");
        };
        assert_eq!(refused.state(), State::Unstarted);
        assert!(refused.to_string().contains("cannot be started: "), "{refused}");
        assert!(std::error::Error::source(&refused).is_some());
    });
}

/// A greenlet of a family that runs already is not switched to from a runtime inside.
#[test]
fn a_runtime_inside_a_greenlet_is_outside_of_its_family() {
    everywhere(|| {
        let greenlet = Greenlet::new(|n: u32| {
            let other = Greenlet::new(|n: u32| n + 100);
            let same = other.clone();
            let error = LocalRuntime::new().unwrap().run(move || same.switch_to(1).unwrap_err());
            assert!(error.to_string().contains("only it may switch"), "{error}");
            assert_eq!(error.into_inner(), 1);
            other.switch_to(n).unwrap()
        });
        assert_eq!(greenlet.switch_to(1).unwrap(), 101);
    });
}

/// A family is of one type on one thread, and families nest: a greenlet of one is the root of the
/// other.
#[test]
fn families_nest() {
    everywhere(|| {
        let texts = Greenlet::new(|text: String| {
            let numbers = Greenlet::new(|n: u32| {
                // A switch in the other family, from outside of it: only its greenlet may.
                let error = Greenlet::<String>::root().switch_to(String::new()).unwrap_err();
                assert!(error.to_string().contains("only it may switch"), "{error}");
                Greenlet::root().switch_to(n + 1).unwrap() + 10
            });
            let n = numbers.switch_to(text.len() as u32).unwrap();
            let text = Greenlet::root().switch_to(format!("{text}{n}")).unwrap();
            format!("{text}{}", numbers.switch_to(n).unwrap())
        });
        assert_eq!(texts.switch_to("ab".to_owned()).unwrap(), "ab3");
        assert_eq!(texts.switch_to("c".to_owned()).unwrap(), "c13");
        assert!(texts.is_dead());
    });
}

/// Runs on a plain thread of its own.
fn on_thread(f: impl FnOnce() + Send + 'static) {
    let (ending, ended) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _ending = ending;
        f();
    });
    assert!(ended.recv_timeout(crate::support::HANG).is_err());
    thread.join().unwrap();
}
