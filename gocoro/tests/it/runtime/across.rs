//! What was made in one runtime is used in another, beside it and after its end.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use gocoro::channel;
use gocoro::io::pipe;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{LocalRuntime, Runtime};
use gocoro::sync::{Condvar, Event, Mutex};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;
use gocoro::{blocking, go, thread};

use crate::signal::{listen, own, raise};
use crate::support::{HANG, NEVER, SOON, bounded, on_workers, settle, until, with_workers};

/// The signal that this theme has for itself.
const SIGNAL: i32 = 30;

/// A runtime of either kind.
pub(super) enum Home {
    Threads(Runtime),
    Here(LocalRuntime),
}

impl Home {
    pub(super) fn run<T: Send>(&mut self, f: impl FnOnce() -> T + Send) -> T {
        match self {
            Home::Threads(runtime) => runtime.run(f),
            Home::Here(runtime) => runtime.run(f),
        }
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match self {
            Home::Threads(runtime) => runtime.spawn(f),
            Home::Here(runtime) => runtime.spawn(f),
        }
    }

    /// Waits for a task of this runtime.
    pub(super) fn wait_for<T: Send>(&mut self, task: JoinHandle<T>) -> T {
        self.run(|| task.wait())
    }
}

/// Runs `scenario` with every two kinds of runtimes, from a plain thread and from a task.
pub(super) fn in_pairs(scenario: fn(Home, Home)) {
    fn home(kind: usize) -> Home {
        match kind {
            0 => Home::Here(LocalRuntime::new().unwrap()),
            workers => Home::Threads(with_workers(workers)),
        }
    }

    fn pairs(scenario: fn(Home, Home)) {
        for first in 0..3 {
            for second in 0..3 {
                println!("kinds: {first} and {second}");
                scenario(home(first), home(second));
            }
        }
    }

    bounded(move || pairs(scenario));
    bounded(move || with_workers(1).run(|| pairs(scenario)));
}

/// A connection, each end of which has been waited for in the runtime.
fn connection(home: &mut Home) -> (TcpStream, TcpStream) {
    home.run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepts = go!({ listener.accept().unwrap().0 });
        settle();
        let (mut near, far) = (TcpStream::connect(address).unwrap(), accepts.wait());
        let mut reading = far.try_clone().unwrap();
        let reads = go!({
            let mut byte = [0];
            reading.read_exact(&mut byte).unwrap();
            byte
        });
        settle();
        near.write_all(b"1").unwrap();
        assert_eq!(reads.wait(), *b"1");
        (near, far)
    })
}

/// Writes while a task waits to read it.
pub(super) fn talk(mut near: impl Write, mut far: impl Read + Send + 'static) {
    let reads = go!({
        let mut bytes = [0; 5];
        far.read_exact(&mut bytes).unwrap();
        bytes
    });
    settle();
    near.write_all(b"hello").unwrap();
    assert_eq!(&reads.wait(), b"hello");
}

#[test]
fn a_socket_outlives_the_runtime_that_waited_for_it() {
    in_pairs(|mut first, mut second| {
        let (near, far) = connection(&mut first);
        // Both know the descriptor, then one of them only.
        let clones = (near.try_clone().unwrap(), far.try_clone().unwrap());
        second.run(move || talk(clones.0, clones.1));
        first.run(settle);
        drop(first);
        second.run(move || talk(near, far));
    });
}

/// A wait for a socket and one for a pipe end with their runtime, and take nothing with them.
#[test]
fn a_wait_that_its_runtime_cuts_short_has_taken_nothing() {
    in_pairs(|mut first, mut second| {
        let (near, far) = connection(&mut first);
        let (input, output) = pipe().unwrap();
        let (mut from_socket, mut from_pipe) =
            (far.try_clone().unwrap(), input.try_clone().unwrap());
        let waits = [
            first.spawn(move || from_socket.read(&mut [0]).map(|_| ())),
            first.spawn(move || from_pipe.read(&mut [0]).map(|_| ())),
        ];
        first.run(settle);
        drop(first);
        for wait in waits {
            assert!(wait.join().unwrap_err().is_cancelled());
        }
        second.run(move || {
            talk(near, far);
            talk(output, input);
        });
    });
}

#[test]
fn messages_outlive_the_runtime_of_their_sender() {
    in_pairs(|mut first, mut second| {
        let (sender, receiver) = channel::bounded(100);
        let sent = first.spawn(move || (0..100).for_each(|n| sender.send(n).unwrap()));
        first.wait_for(sent);
        drop(first);
        // It is disconnected, for its only sender is gone.
        assert_eq!(second.run(|| receiver.iter().sum::<i32>()), 4950);
    });
}

/// One runtime has to wait for the other, at each message.
#[test]
fn messages_go_to_and_fro_between_runtimes() {
    bounded(|| {
        for workers in [1, 2] {
            let other = with_workers(workers);
            for mut home in
                [Home::Threads(with_workers(1)), Home::Here(LocalRuntime::new().unwrap())]
            {
                let ((there, inbox), (back, answers)) = (channel::bounded(0), channel::bounded(1));
                let doubles = other.spawn(move || {
                    for n in inbox {
                        back.send(2 * n).unwrap();
                    }
                });
                let sum: i32 = home.run(|| {
                    let answers = (0..100).map(|n| {
                        there.send(n).unwrap();
                        answers.recv().unwrap()
                    });
                    answers.sum()
                });
                assert_eq!(sum, 9900);
                drop(there);
                doubles.wait();
            }
        }
    });
}

/// The end of a runtime takes its hands off what its tasks had locked.
#[test]
fn a_lock_goes_from_a_runtime_that_ends_to_another() {
    in_pairs(|mut first, mut second| {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        let theirs = shared.clone();
        let holds = first.spawn(move || {
            let mut held = theirs.0.lock().unwrap();
            *held = 1;
            sleep(NEVER);
        });
        first.run(settle);
        while shared.0.try_lock().is_ok() {
            first.run(settle);
        }
        let wants = Arc::new(AtomicBool::new(false));
        let waits = second.spawn({
            let (shared, wants) = (shared.clone(), wants.clone());
            move || {
                wants.store(true, SeqCst);
                // A cancel does not poison.
                let value = shared.0.lock().unwrap();
                let value = shared.1.wait_while(value, |value| *value < 2).unwrap();
                *value
            }
        });
        second.run(|| until(|| wants.load(SeqCst)));
        drop(first);
        assert!(holds.join().unwrap_err().is_cancelled());
        second.run(|| {
            settle();
            *shared.0.lock().unwrap() = 2;
            shared.1.notify_all();
        });
        assert_eq!(second.wait_for(waits), 2);
    });
}

#[test]
fn handles_join_from_another_runtime_and_after_the_end() {
    in_pairs(|mut first, mut second| {
        let (task, thread, scoped, endless) = first.run(|| {
            let (task, thread) = (go!({ 1 }), thread::spawn(|| 2));
            let scoped = thread::scope(|s| s.spawn(|| 3).join().unwrap());
            let endless = thread::Builder::new().name("endless".into()).spawn(thread::park);
            until(|| task.is_finished() && thread.is_finished());
            (task, thread, scoped, endless.unwrap())
        });
        let parked = endless.thread().clone();
        let joined = second.run(move || (task.join().unwrap(), thread.join().unwrap()));
        assert_eq!((joined, scoped), ((1, 2), 3));
        drop(first);
        let payload = second.run(move || endless.join().unwrap_err());
        let text = payload.downcast_ref::<String>().unwrap();
        assert!(text.contains("'endless'") && text.contains("the end of its runtime"), "{text}");
        // A handle to what has ended is good for nothing, and does no harm.
        second.run(|| parked.unpark());
        assert_eq!(parked.name(), Some("endless"));
    });
}

/// A joiner waits in one runtime while the task runs in another.
#[test]
fn a_join_waits_across_runtimes() {
    on_workers(|workers| {
        let other = with_workers(workers);
        let (give, taken) = channel::bounded(1);
        let waits = other.spawn(move || {
            let handle: thread::JoinHandle<i32> = taken.recv().unwrap();
            handle.join().unwrap()
        });
        let parks = thread::spawn(|| {
            thread::park();
            5
        });
        let thread = parks.thread().clone();
        give.send(parks).unwrap();
        other.run(settle);
        assert!(!waits.is_finished());
        other.run(move || thread.unpark());
        assert_eq!(waits.wait(), 5);
    });
}

/// Who listens for signals is the process, not a runtime.
#[test]
fn signals_reach_whichever_runtime_waits_for_them() {
    in_pairs(|mut first, mut second| {
        let signal = own(SIGNAL);
        let signals = first.run(|| {
            let signals = listen(signal);
            task::scope(|s| {
                let waits = s.spawn(|| signals.recv().unwrap());
                settle();
                raise(signal);
                assert_eq!(waits.wait(), signal);
            });
            signals
        });
        // One that came between the two waits is not lost.
        raise(signal);
        drop(first);
        second.run(|| {
            assert_eq!(signals.recv().unwrap(), signal);
            task::scope(|s| {
                let waits = s.spawn(|| signals.recv().unwrap());
                settle();
                raise(signal);
                assert_eq!(waits.wait(), signal);
            });
        });
    });
}

/// What runs on the pool of threads belongs to no runtime.
#[test]
fn a_call_on_the_pool_outlives_the_runtime_that_waited() {
    in_pairs(|mut first, mut second| {
        let (release, released) = mpsc::channel::<()>();
        let (begun, has_begun) = channel::bounded(1);
        let (ended, has_ended) = mpsc::channel();
        let waits = first.spawn(move || {
            blocking::unblock(move || {
                begun.send(()).unwrap();
                released.recv().unwrap();
                ended.send(()).unwrap();
            });
        });
        first.run(|| until(|| has_begun.try_recv().is_ok()));
        // It does not wait for the call, which cannot be cut short.
        drop(first);
        assert!(waits.join().unwrap_err().is_cancelled());
        assert_eq!(second.run(|| blocking::unblock(|| 6)), 6);
        release.send(()).unwrap();
        has_ended.recv_timeout(HANG).unwrap();
    });
}

/// A runtime on the thread of a task of another one, which feeds it from a second worker.
#[test]
fn a_runtime_nested_in_a_task_uses_what_is_outside() {
    bounded(|| {
        let outside = with_workers(2);
        outside.run(|| {
            let (sender, receiver) = channel::bounded(1);
            let event = Arc::new(Event::new());
            let mut pair = Home::Here(LocalRuntime::new().unwrap());
            let (mut near, mut far) = connection(&mut pair);
            // On a plain thread, since the other worker may be this one.
            let feeds = std::thread::spawn({
                let event = event.clone();
                move || {
                    sender.send(1).unwrap();
                    event.wait();
                    near.write_all(b"2").unwrap();
                    thread::sleep(SOON);
                    drop(near);
                }
            });
            let beside = go!({ task::yield_now() });
            let Home::Here(mut inner) = pair else { unreachable!() };
            let text = inner.run(|| {
                let first = receiver.recv().unwrap();
                event.set();
                let mut text = String::new();
                far.read_to_string(&mut text).unwrap();
                format!("{first}{text}")
            });
            assert_eq!(text, "12");
            drop(inner);
            beside.wait();
            let ended = blocking::unblock(|| feeds.join());
            ended.unwrap();
        });
    });
}

/// A `LocalRuntime` that is polled by somebody's loop beside runtimes with threads: all talk.
#[test]
fn a_polled_runtime_among_others() {
    bounded(|| {
        let (mut local, other) = (LocalRuntime::new().unwrap(), with_workers(2));
        let (near, far) = connection(&mut Home::Threads(with_workers(1)));
        let (sender, receiver) = channel::bounded(1);
        let mut reading = far;
        let reads = local.spawn(move || {
            let mut got = Vec::new();
            let mut byte = [0];
            while reading.read(&mut byte).unwrap() > 0 {
                got.push(byte[0]);
                sender.send(byte[0]).unwrap();
            }
            got
        });
        let writes = other.spawn(move || {
            for byte in 0..50 {
                (&near).write_all(&[byte]).unwrap();
                assert_eq!(receiver.recv(), Ok(byte));
            }
        });
        while !reads.is_finished() {
            local.poll_once(Some(Duration::from_millis(50)));
        }
        assert_eq!(reads.join().unwrap(), (0..50).collect::<Vec<_>>());
        writes.wait();
    });
}
