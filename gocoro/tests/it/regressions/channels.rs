//! Channels and choices.

use std::fmt::{self, Debug, Write as _};
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gocoro::channel::{
    Select, TrySendError, after, at, bounded, broadcast, never, oneshot, unbounded, watch,
};
use gocoro::sync::mpsc;
use gocoro::task::{self, Cancelled, JoinHandle};
use gocoro::{go, select, select_biased};

use crate::channel::{matrix, spawn};
use crate::support::{
    self, Colour, SOON, on_drop, on_workers, pair, scenario, settle, this_program, with_workers,
};

/// A choice that was to join its own task panicked after other arms had been linked: the panic hook and
/// other threads found a receiver that was about to go. The hook is the process's, so this has one.
#[test]
fn a_choice_that_panics_waits_nowhere() {
    const SCENARIO: &str = "a choice that panics";
    match scenario() {
        Some(name) if name == SCENARIO => {}
        Some(_) => return,
        None => {
            let test = "regressions::channels::a_choice_that_panics_waits_nowhere";
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

struct Writer<F>(F);

impl<F: FnMut()> fmt::Write for Writer<F> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        (self.0)();
        Ok(())
    }
}

/// Both sides are shown to writers that use them.
fn show<S: Debug, R: Debug>(sides: &(S, R), meanwhile: impl Fn(&S, &R)) {
    write!(Writer(|| meanwhile(&sides.0, &sides.1)), "{:?} {:?}", sides.0, sides.1).unwrap();
}

/// The `Debug` of some sides ran the caller's writer under the channel's lock.
#[test]
fn a_writer_may_use_what_it_is_shown() {
    support::bounded(|| {
        show(&oneshot::<i32>(), |sender, receiver| {
            assert!(!sender.is_closed() && receiver.try_recv().is_err());
        });
        show(&broadcast(1), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.try_recv(), Ok(1));
        });
        show(&watch(0), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.changed(), Ok(()));
        });
        for sides in [bounded(1), unbounded()] {
            show(&sides, |sender, receiver| {
                sender.send(1).unwrap();
                assert_eq!(receiver.try_recv(), Ok(1));
            });
        }
        show(&mpsc::channel(), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.try_recv(), Ok(1));
        });
        show(&(after(SOON), never::<i32>()), |timer, never| {
            assert!(timer.len() <= 1 && never.is_empty());
        });
    });
}

/// While another arm's receive waited for a promised message, the worker took the stream's edge from the
/// poll and found nobody; the arm that was linked then waited for the next one.
#[test]
fn a_stream_that_becomes_readable_while_a_message_is_promised() {
    Colour::Task.run(1, || {
        let (near, far) = pair();
        // From here on the worker's poll knows the stream.
        select! {
            readable(near) => unreachable!("nothing was written"),
            default(SOON) => {}
        }
        let (sender, receiver) = bounded::<()>(0);
        let keeps = false;
        let promising = go!(clone(sender) => {
            select! {
                send(sender, {
                    (&far).write_all(b"x").unwrap();
                    settle();
                    if !keeps {
                        return far;
                    }
                }) -> _ => far,
            }
        });
        settle();
        select_biased! {
            readable(near) -> ready => ready.unwrap(),
            recv(receiver) -> _ => unreachable!("the promise is not kept"),
        }
        drop(promising.wait());
    });
}

/// A message of time's that was taken and given back was not told to those who waited meanwhile.
#[test]
fn an_instant_that_is_given_back_goes_to_those_who_wait() {
    matrix(|peer| {
        for way in 0..3 {
            let timer = at(Instant::now());
            let mut set = Select::new();
            set.recv(&timer);
            let chosen = set.select();
            let theirs = timer.clone();
            let waiting = spawn(peer, move || {
                let mut set = Select::new();
                set.recv(&theirs);
                match way {
                    0 => theirs.recv().is_ok(),
                    1 => select!(recv(theirs) -> instant => instant.is_ok()),
                    _ => set.ready() == 0 && theirs.try_recv().is_ok(),
                }
            });
            settle();
            drop(chosen);
            assert!(waiting.wait());
        }
    });
}

/// In a destructor, a choice did not notice a cancel that came while it waited for a socket.
#[test]
fn a_cancel_reaches_a_choice_of_sockets_in_a_destructor() {
    on_workers(|_| {
        let (near, _far) = pair();
        let (begin, begun) = bounded(0);
        let (tell, told) = bounded(1);
        let unwinding = go!({
            let _guard = on_drop(move || {
                begin.send(()).unwrap();
                let ready = select! {
                    readable(near) -> ready => ready,
                    recv(never::<()>()) -> _ => unreachable!("it never comes"),
                };
                tell.send(ready.unwrap_err()).unwrap();
            });
            if true {
                resume_unwind(Box::new("on purpose"));
            }
        });
        begun.recv().unwrap();
        settle();
        unwinding.cancel();
        let error = told.recv().unwrap();
        assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        assert!(unwinding.join().unwrap_err().is_panic());
    });
}

/// A loop that looked for what never comes did not let go of its worker.
#[test]
fn who_looks_for_nothing_lets_others_run() {
    Colour::Task.run(1, || {
        let (never, other) = (never::<i32>(), go!({}));
        while !other.is_finished() {
            assert!(never.try_recv().is_err());
        }
    });
}

/// It was taken for a channel without a bound.
#[test]
fn a_bound_may_be_as_large_as_there_are() {
    let (sender, receiver) = bounded(usize::MAX);
    assert_eq!(sender.capacity(), Some(usize::MAX - 1));
    sender.send(1).unwrap();
    assert_eq!(receiver.recv(), Ok(1));
}

/// A choice among nothing, for ever, hung if the time was given as a duration.
#[test]
fn a_choice_among_nothing_never_hangs() {
    support::bounded(|| {
        let endless: [fn(); 4] = [
            || drop(Select::new().select()),
            || _ = Select::new().ready(),
            || drop(Select::new().select_timeout(Duration::MAX)),
            || _ = Select::new().ready_timeout(Duration::MAX),
        ];
        for choose in endless {
            let payload = catch_unwind(choose).unwrap_err();
            let text = payload.downcast_ref::<&str>();
            assert_eq!(text, Some(&"no operations have been added to `Select`"));
        }
        let mut set = Select::new();
        assert!(set.select_timeout(SOON).is_err() && set.ready_timeout(SOON).is_err());
    });
}

/// A task that joins itself in a choice is told, as by `join`, whatever else is in it.
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
