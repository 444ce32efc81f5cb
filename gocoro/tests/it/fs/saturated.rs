//! A pool all of whose threads open pipes that nobody else has opened: other operations wait for a
//! thread, suspended, and go on when there is one.

use std::fs as std_fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use gocoro::blocking::{stats, unblock};
use gocoro::fs;
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, sleep, timeout};
use gocoro::{go, io};

use super::{Folder, with_pool_of};
use crate::support::{NEVER, SOON, WORKERS, assert_cancelled, until, with_workers};

/// How many threads the pool has.
const THREADS: u32 = 2;

/// Readers of the pipes in `folder`, whose openings occupy the whole pool: each has begun.
fn fill(folder: &Folder) -> (Vec<PathBuf>, Vec<JoinHandle<io::Result<String>>>) {
    let paths: Vec<_> = (0..THREADS).map(|n| folder.fifo(&format!("fifo-{n}"))).collect();
    let (tell, told) = mpsc::channel();
    let read = |path: PathBuf| {
        let tell = tell.clone();
        go!({
            // A cancel before the call runs would withdraw it. On the pool's thread the inner call
            // is made at once.
            unblock(move || {
                tell.send(()).unwrap();
                fs::read_to_string(path)
            })
        })
    };
    let readers = paths.iter().cloned().map(read).collect();
    paths.iter().for_each(|_| until(|| told.try_recv().is_ok()));
    (paths, readers)
}

/// Opens the other end, which a reader waits for, and writes.
fn answer(path: &PathBuf, text: &str) {
    let mut writer = std_fs::OpenOptions::new().write(true).open(path).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
}

fn in_each(test: &str, scenario: fn(Folder)) {
    println!("{test}");
    for workers in WORKERS {
        with_workers(workers).run(move || scenario(Folder::new()));
    }
}

#[test]
fn others_wait_and_go_on() {
    with_pool_of(THREADS, "fs::saturated::others_wait_and_go_on", || {
        in_each("others wait", |folder| {
            folder.file("file", "seven");
            let (paths, readers) = fill(&folder);
            let waiting: Vec<_> = (0..100)
                .map(|_| {
                    let path = folder.join("file");
                    go!({ fs::read_to_string(path) })
                })
                .collect();
            until(|| stats().queued == 100);
            // Whoever needs no file goes on meanwhile.
            sleep(SOON);
            assert_eq!(go!({ 7 }).wait(), 7);
            assert!(waiting.iter().all(|task| !task.is_finished()));
            answer(&paths[0], "hello");
            for task in waiting {
                assert_eq!(task.wait().unwrap(), "seven");
            }
            answer(&paths[1], "world");
            let texts: Vec<_> = readers.into_iter().map(|task| task.wait().unwrap()).collect();
            assert_eq!(texts, ["hello", "world"]);
        });
    });
}

#[test]
fn what_is_cut_short_in_the_queue_never_happens() {
    with_pool_of(THREADS, "fs::saturated::what_is_cut_short_in_the_queue_never_happens", || {
        in_each("cut short", |folder| {
            let (paths, readers) = fill(&folder);
            let before = folder.names();
            let new = folder.join("new");
            let text = String::from("a buffer of the task's own");
            assert!(timeout(SOON, || fs::write(&new, &text)).is_err());
            let late = io_deadline(Instant::now() + SOON, || fs::write(&new, &text));
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let path = new.clone();
            let cancelled = go!({
                // It lends its buffer, which goes with its stack.
                let text = [7; 1000];
                fs::write(path, text)
            });
            until(|| stats().queued == 1);
            cancelled.cancel();
            assert_cancelled(cancelled);
            let path = new.clone();
            let thread = thread::spawn(move || timeout(SOON, || fs::create_dir(path)).is_err());
            until(|| thread.is_finished());
            assert!(thread.join().unwrap());
            assert_eq!(stats().queued, 0);
            for path in &paths {
                answer(path, "");
            }
            readers.into_iter().for_each(|task| assert_eq!(task.wait().unwrap(), ""));
            assert_eq!(folder.names(), before);
            // The pool is as good as before.
            fs::write(&new, &text).unwrap();
            assert_eq!(fs::read_to_string(&new).unwrap(), text);
        });
    });
}

/// The thread that opens a pipe cannot be stopped; its task can.
#[test]
fn tasks_whose_opens_never_end_are_cancelled_at_once() {
    with_pool_of(
        THREADS,
        "fs::saturated::tasks_whose_opens_never_end_are_cancelled_at_once",
        || {
            in_each("cancelled", |folder| {
                let (paths, readers) = fill(&folder);
                readers.iter().for_each(JoinHandle::cancel);
                readers.into_iter().for_each(assert_cancelled);
                assert_eq!(stats().idle, 0);
                let waiting = go!({ timeout(NEVER, || fs::exists("/")) });
                until(|| stats().queued == 1);
                // A plain thread that nothing bounds does without the pool.
                let exists = thread::spawn(|| fs::exists("/").unwrap()).join().unwrap();
                assert!(exists);
                for path in &paths {
                    answer(path, "for nobody");
                }
                assert!(waiting.wait().unwrap().unwrap());
            });
        },
    );
}

/// The end of a runtime does not wait for threads of the pool.
#[test]
fn a_runtime_ends_while_its_calls_are_stuck() {
    with_pool_of(THREADS, "fs::saturated::a_runtime_ends_while_its_calls_are_stuck", || {
        for workers in WORKERS {
            let folder = Folder::new();
            let paths = with_workers(workers).run(|| {
                let (paths, readers) = fill(&folder);
                drop(readers);
                go!({ fs::exists("/") });
                until(|| stats().queued == 1);
                task::yield_now();
                paths
            });
            assert_eq!(stats().queued, 0);
            paths.iter().for_each(|path| answer(path, ""));
        }
    });
}
