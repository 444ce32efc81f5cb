//! Programs in which every task waits, and which go on all the same.

use std::process::{self, ExitCode};
use std::thread;

use gocoro::blocking::unblock;
use gocoro::net::TcpListener;
use gocoro::runtime::{LocalRuntime, dump};
use gocoro::signal::{SIGUSR1, Signals};
use gocoro::task::JoinHandle;
use gocoro::{channel, future, go, go_main, io, task, time};

use super::{LATER, block, later, run, send_signal};

/// What is going on, by name. Each returns after [`LATER`], and no deadlock is found until then.
const SCENARIOS: &[(&str, fn())] = &[
    ("a thread with a sender", || {
        let (sender, receiver) = channel::bounded::<i32>(1);
        thread::spawn(move || {
            block(LATER);
            let dump = dump().to_string();
            sender.send(i32::from(dump.contains("possibly stuck: every task waits")))
        });
        assert_eq!(receiver.recv(), Ok(1));
    }),
    ("a thread that unparks", || {
        let task = task::current();
        thread::spawn(move || {
            block(LATER);
            task.unpark();
        });
        task::park();
    }),
    ("accept", || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        later(|| drop(std::net::TcpStream::connect(at)));
        // Whoever accepts is a daemon, and all others wait for it.
        let (sender, receiver) = channel::bounded::<i32>(1);
        drop(go!(daemon => { listener.accept().is_ok() && sender.send(1).is_ok() }));
        receiver.recv().unwrap();
    }),
    ("a call on the pool", || unblock(|| block(LATER))),
    ("a call on the pool that waits", || {
        let (sender, receiver) = channel::bounded::<i32>(1);
        let call = go!({ unblock(move || receiver.recv()) });
        time::sleep(LATER);
        sender.send(1).unwrap();
        assert_eq!(call.wait(), Ok(1));
    }),
    ("a timeout", || assert!(time::timeout(LATER, task::park).is_err())),
    ("a sleep", || {
        let (sender, receiver) = channel::bounded::<i32>(1);
        drop(go!(daemon => { time::sleep(LATER); drop(sender) }));
        assert!(receiver.recv().is_err());
    }),
    ("a signal", || {
        let signals = Signals::new([SIGUSR1]).unwrap();
        let own = process::id() as libc::pid_t;
        later(|| send_signal(own, SIGUSR1));
        assert_eq!(signals.recv().unwrap(), SIGUSR1);
    }),
    ("a child process", || {
        let sleep = gocoro::process::Command::new("sleep").arg("0.7").status();
        assert!(sleep.unwrap().success());
    }),
    ("a pipe", || {
        let (mut reader, writer) = io::pipe().unwrap();
        later(|| drop(writer.try_clone()));
        drop(writer);
        let waits: JoinHandle<_> = go!({ io::Read::read(&mut reader, &mut [0]) });
        assert_eq!(waits.wait().unwrap(), 0);
    }),
    ("standard input", || {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for the two descriptors.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        later(|| ());
        // SAFETY: nothing of this process refers to the descriptors. The other process keeps the
        // writing end until it ends.
        assert_eq!(unsafe { (libc::dup2(ends[0], 0), libc::close(ends[1])) }, (0, 0));
        assert_eq!(io::stdin().read_line(&mut String::new()).unwrap(), 0);
    }),
    ("a runtime in a task", || {
        LocalRuntime::new().unwrap().run(|| {
            let task = task::current();
            thread::spawn(move || {
                block(LATER);
                task.unpark();
            });
            task::park();
        });
    }),
    (FUTURE, || {
        let own = process::id() as libc::pid_t;
        later(|| send_signal(own, libc::SIGTERM));
        future::wait(std::future::pending())
    }),
];

/// Nobody knows who has the future's waker. So this scenario is ended by force.
const FUTURE: &str = "a future";

pub(super) fn scenario(name: &str) -> ExitCode {
    let (_, scenario) = SCENARIOS.iter().find(|(known, _)| *known == name).unwrap();
    SCENARIO.set(*scenario).unwrap();
    main()
}

static SCENARIO: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

// A runtime in a task keeps a worker to itself, and optimised that is soon reported.
#[go_main(deadlock = "abort", stall = "off")]
fn main() {
    SCENARIO.get().unwrap()();
}

#[test]
fn nothing_is_said_while_something_outside_may_wake_a_task() {
    // All at once, for each one sleeps most of the time.
    thread::scope(|scope| {
        for (name, _) in SCENARIOS {
            for workers in ["1", "4"] {
                scope.spawn(move || {
                    let seen = run(name, workers);
                    let code = if *name == FUTURE { 128 + libc::SIGTERM } else { 0 };
                    assert_eq!(seen, (code, String::new()), "{name}, workers: {workers}");
                });
            }
        }
    });
}
