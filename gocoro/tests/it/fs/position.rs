//! Who uses the position of an open file waits for others who do, suspended, and nobody else waits
//! for them.

use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use gocoro::fs::File;
use gocoro::go;
use gocoro::io::{self, ErrorKind, Read, Seek, SeekFrom};
use gocoro::sync::Mutex;
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, sleep, timeout};

use super::Folder;
use super::slow::{LENGTH, Slow};
use crate::support::{SOON, assert_cancelled, on_drop, on_workers, settle, until, with_workers};

fn read_ten(file: &Arc<File>) -> JoinHandle<io::Result<usize>> {
    go!(clone(file) => { (&*file).read(&mut [0; 10]) })
}

/// The kernel has a lock for the position, which a call that never waits would wait for. So all of
/// these would block the only worker.
#[test]
fn a_slow_read_blocks_no_worker() {
    let Some(slow) = Slow::mount() else { return };
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let first = read_ten(&file);
        until(|| slow.reads() == 1);
        let clone = Arc::new(file.try_clone().unwrap());
        let others = [read_ten(&file), read_ten(&clone)];
        let seeking = go!(clone(file) => { (&*file).seek_relative(0) });
        let asking = go!({ (&*clone).stream_position() });
        settle();
        // None of them has got through to the file, or past the others.
        assert_eq!(slow.reads(), 1);
        assert!(!first.is_finished() && others.iter().all(|task| !task.is_finished()));
        assert!(!seeking.is_finished() && !asking.is_finished());
        slow.answer();
        assert_eq!(first.wait().unwrap(), 10);
        for other in others {
            until(|| slow.reads() == 1);
            slow.answer();
            assert_eq!(other.wait().unwrap(), 10);
        }
        seeking.wait().unwrap();
        assert_eq!(asking.wait().unwrap(), 30);
    });
}

#[test]
fn reads_at_offsets_wait_for_nobody() {
    let Some(slow) = Slow::mount() else { return };
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let reading = read_ten(&file);
        let offsets = [0, 100, LENGTH - 1]
            .map(|offset| go!(clone(file) => { file.read_at(&mut [0; 10], offset) }));
        until(|| slow.reads() == 4);
        for _ in 0..4 {
            slow.answer();
        }
        assert_eq!(reading.wait().unwrap(), 10);
        assert_eq!(offsets.map(|task| task.wait().unwrap()), [10, 10, 1]);
        // What is asked about the file does not wait for them either.
        let held = read_ten(&file);
        until(|| slow.reads() == 1);
        assert_eq!(file.metadata().unwrap().len(), LENGTH);
        slow.answer();
        held.wait().unwrap();
    });
}

/// It uses its caller's buffer. So what ends the wait comes into effect when it has returned.
#[test]
fn a_read_that_runs_ends_first() {
    let Some(slow) = Slow::mount() else { return };
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let cancelled = read_ten(&file);
        until(|| slow.reads() == 1);
        cancelled.cancel();
        let waits = read_ten(&file);
        settle();
        assert!(!cancelled.is_finished());
        // One that waits for the position is cut short at once.
        waits.cancel();
        assert_cancelled(waits);
        let late = io_deadline(Instant::now() + SOON, || (&*file).read(&mut [0; 10]));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(timeout(SOON, || (&*file).seek(SeekFrom::Start(3))).is_err());
        slow.answer();
        assert_eq!(cancelled.wait().unwrap(), 10);

        let timed = loop {
            let timed = go!(clone(file) => {
                timeout(10 * SOON, || {
                    let count = (&*file).read(&mut [0; 10]);
                    task::yield_now(); // unwinds here
                    count
                })
            });
            until(|| slow.reads() == 1 || timed.is_finished());
            if slow.reads() == 1 {
                break timed;
            }
            // It was withdrawn before it could begin.
            assert!(timed.wait().is_err());
        };
        sleep(20 * SOON);
        assert!(!timed.is_finished());
        slow.answer();
        assert!(timed.wait().is_err());
        assert_eq!((&*file).stream_position().unwrap(), 20);
    });
}

/// And the next one has the position.
#[test]
fn a_plain_thread_takes_its_turn_too() {
    let Some(slow) = Slow::mount() else { return };
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let theirs = file.clone();
        let thread = thread::spawn(move || (&*theirs).read(&mut [0; 10]).unwrap());
        until(|| slow.reads() == 1);
        let waits = read_ten(&file);
        settle();
        assert_eq!((slow.reads(), waits.is_finished()), (1, false));
        slow.answer();
        until(|| slow.reads() == 1);
        slow.answer();
        assert_eq!((thread.join().unwrap(), waits.wait().unwrap()), (10, 10));
    });
}

#[test]
fn in_a_destructor_of_a_cancelled_task_it_is_waited_for() {
    let Some(slow) = Slow::mount() else { return };
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let first = read_ten(&file);
        until(|| slow.reads() == 1);
        let (tell, told) = gocoro::channel::bounded(1);
        let theirs = file.clone();
        let task = go!({
            let _guard = on_drop(move || {
                let count = (&*theirs).read(&mut [0; 10]);
                tell.send(count.unwrap()).unwrap();
            });
            task::current().cancel();
            task::park();
        });
        settle();
        assert!(!task.is_finished());
        for _ in 0..2 {
            until(|| slow.reads() == 1);
            slow.answer();
        }
        assert_eq!((first.wait().unwrap(), told.recv().unwrap()), (10, 10));
        assert_cancelled(task);
    });
}

/// Whoever reads, each byte is read once.
#[test]
fn what_one_has_read_no_other_gets() {
    const RECORDS: u32 = 20_000;
    on_workers(|workers| {
        let folder = Folder::new();
        let path = folder.join("records");
        let bytes: Vec<_> = (0..RECORDS).flat_map(u32::to_ne_bytes).collect();
        std::fs::write(&path, bytes).unwrap();
        let file = Arc::new(File::open(path).unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let read = |file: &Arc<File>, seen: &Arc<Mutex<Vec<u32>>>| {
            let (file, seen) = (file.clone(), seen.clone());
            move || {
                let mut own = Vec::new();
                let mut record = [0; 4];
                while (&*file).read(&mut record).unwrap() == 4 {
                    own.push(u32::from_ne_bytes(record));
                }
                // Each reader goes forward.
                assert!(own.is_sorted());
                seen.lock().unwrap().extend(own);
            }
        };
        let tasks: Vec<_> = (0..2 * workers).map(|_| task::spawn(read(&file, &seen))).collect();
        let thread = thread::spawn(read(&file, &seen));
        tasks.into_iter().for_each(|task| task.wait());
        gocoro::blocking::unblock(|| thread.join().unwrap());
        let mut seen = seen.lock().unwrap();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..RECORDS));
    });
}
