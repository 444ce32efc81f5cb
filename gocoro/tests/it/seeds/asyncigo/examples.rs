//! T-A8: the seed's own examples, but for those of iterators that suspend.

use std::io::{BufReader, prelude::*};
use std::iter;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::sync::promise;
use gocoro::task::{self, JoinHandle, wait_all};
use gocoro::time::sleep;

use crate::support::{Colour, SOON, on_workers, settle};

#[test]
fn t_a8_a_task_and_its_spawner_take_turns() {
    Colour::Task.run(1, || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let steps = |log: &Mutex<Vec<_>>, who: char| {
            for n in 0..5 {
                log.lock().unwrap().push((who, n));
                task::yield_now();
            }
        };
        let task = go!(clone(log) => { steps(&log, 't') });
        steps(&log, 'm');
        task.wait();
        let expected: Vec<_> = (0..5).flat_map(|n| [('m', n), ('t', n)]).collect();
        assert_eq!(*log.lock().unwrap(), expected);
    });
}

/// Without the seed's rests of 500 ms, in which all of them would be alive: half a GiB is too much for a
/// test, and `benches` has a million sleepers.
#[test]
fn t_a8_a_hundred_thousand_tasks() {
    on_workers(|_| {
        let counter = Arc::new(AtomicUsize::new(0));
        let tasks = (0..100_000).map(|_| {
            go!(clone(counter) => {
                for _ in 0..10 {
                    counter.fetch_add(1, SeqCst);
                }
            })
        });
        assert!(wait_all(tasks).iter().all(Result::is_ok));
        assert_eq!(counter.load(SeqCst), 1_000_000);
    });
}

#[test]
fn t_a8_what_is_shielded_goes_on_when_who_waits_is_cancelled() {
    Colour::Task.run(1, || {
        let (promise, future) = promise();
        let waiting = go!(clone(future) => { *future.wait().unwrap() });
        let shielded = go!(clone(future) => { task::shield(|| *future.wait().unwrap()) });
        settle();
        waiting.cancel();
        shielded.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
        promise.set(7);
        assert_eq!(shielded.join().unwrap(), 7, "it waited on, and then it returned");
        assert_eq!(future.get(), Some(&7));
    });
}

#[test]
fn t_a8_cancelled_in_the_middle_of_a_sequence() {
    on_workers(|_| {
        let done = Arc::new(Mutex::new(Vec::new()));
        let task = go!(clone(done) => {
            for n in 0..10 {
                if n == 5 {
                    task::current().cancel();
                }
                task::yield_now();
                done.lock().unwrap().push(n);
            }
        });
        assert!(task.join().unwrap_err().is_cancelled());
        assert_eq!(*done.lock().unwrap(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn t_a8_of_several_results_one_is_an_error() {
    on_workers(|_| {
        let mut results = wait_all([
            go!({ Ok(25.5) }),
            go!({ Err("oops") }),
            go!({
                sleep(SOON);
                Ok(1.5)
            }),
        ])
        .into_iter()
        .map(Result::unwrap);
        assert_eq!(results.next(), Some(Ok(25.5)));
        assert_eq!(results.next(), Some(Err("oops")));
        assert_eq!(results.next(), Some(Ok(1.5)));
    });
}

/// In the seed such a function asks whether a loop runs; here no function has to.
fn polyglot(rest: Duration) {
    sleep(rest);
}

#[test]
fn t_a8_one_function_sleeps_outside_and_inside() {
    const REST: Duration = Duration::from_secs(2);
    let begun = Instant::now();
    polyglot(SOON);
    assert!(begun.elapsed() >= SOON, "it blocks a plain thread");
    Colour::Task.run(1, || {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..100).map(|_| go!(polyglot(REST))).collect();
        tasks.into_iter().for_each(JoinHandle::wait);
        // One after another they would take 200 s.
        assert!((REST..50 * REST).contains(&begun.elapsed()));
    });
}

const PLAIN: [&str; 5] = [
    "One line, and no more than that.\n",
    "The second one is longer than the first, but it says less.\n",
    "\n",
    "Third, for the empty one does not count.\n",
    "The last line has no end of its own",
];

/// Of 6, 12, 18 and 30 characters, and of more bytes.
const WIDE: [&str; 4] = [
    "élèves\n",
    "Größe, Maße…\n",
    "съешь ещё булочек…\n",
    "日本語の文字は三バイト、数えるのは文字であってバイトではない\n",
];

/// Serves these lines to each that connects, until it is cancelled.
fn serve(lines: &'static [&'static str]) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = go!({
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            for line in lines {
                stream.write_all(line.as_bytes()).unwrap();
                // What is read is not what was written at once.
                task::yield_now();
            }
        }
    });
    (address, server)
}

/// Connects when the first line is asked for.
fn dial_lines(address: SocketAddr) -> impl Iterator<Item = String> {
    iter::once_with(move || TcpStream::connect(address).unwrap())
        .flat_map(|stream| BufReader::new(stream).lines().map(Result::unwrap))
}

#[test]
fn t_a8_dial_and_measure_the_lines() {
    on_workers(|_| {
        let (address, server) = serve(&WIDE);
        let lengths: Vec<_> = dial_lines(address).map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [6, 12, 18, 30]);
        server.cancel();
        assert!(server.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn t_a8_a_chain_of_two_servers() {
    on_workers(|_| {
        let ((plain, one), (wide, other)) = (serve(&PLAIN), serve(&WIDE));
        let lines: Vec<_> = dial_lines(plain).chain(dial_lines(wide)).collect();
        let both = PLAIN.concat() + "\n" + &WIDE.concat();
        assert!(lines.iter().map(String::as_str).eq(both.lines()), "{lines:?}");
        for server in [one, other] {
            server.cancel();
            assert!(server.join().unwrap_err().is_cancelled());
        }
    });
}
