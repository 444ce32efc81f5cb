//! Many tasks read many files, and leave room for others.

use std::fs as std_fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use gocoro::fs::File;
use gocoro::io::{Read, Seek, Write};
use gocoro::sync::WaitGroup;
use gocoro::{go, task};

use super::Folder;
use super::slow::Slow;
use crate::support::{HANG, until, with_workers};

const FILES: usize = 1000;

/// How many operations a task may do before others have a turn.
const BUDGET: usize = 128;

/// On one worker a neighbour has a turn, and no reader makes more reads between two of its turns
/// than a task may: its latency does not grow with what there is to be read.
#[test]
fn a_thousand_read_a_thousand() {
    const READS: usize = 200;
    let folder = Folder::new();
    for n in 0..FILES {
        std_fs::write(folder.join(n.to_string()), [n as u8; 100]).unwrap();
    }
    let folder = Arc::new(folder);
    with_workers(1).run(move || {
        let made: Arc<Vec<AtomicUsize>> =
            Arc::new((0..FILES).map(|_| AtomicUsize::new(0)).collect());
        let running = Arc::new(WaitGroup::new());
        running.add(FILES);
        let readers: Vec<_> = (0..FILES)
            .map(|n| {
                go!(clone(folder, made, running) => {
                    let file = File::open(folder.join(n.to_string())).unwrap();
                    let mut buf = [0; 200];
                    assert_eq!((&file).read(&mut buf).unwrap(), 100);
                    assert_eq!(buf[..100], [n as u8; 100]);
                    for _ in 0..READS {
                        assert_eq!(file.read_at(&mut buf, 50).unwrap(), 50);
                        made[n].fetch_add(1, Relaxed);
                    }
                    running.done();
                })
            })
            .collect();
        let neighbour = go!(clone(made) => {
            let mut seen = vec![0; FILES];
            let (mut turns, mut most) = (0, 0);
            while seen.iter().any(|count| *count < READS) {
                for (seen, made) in seen.iter_mut().zip(made.iter()) {
                    let now = made.load(Relaxed);
                    most = most.max(now - *seen);
                    *seen = now;
                }
                turns += 1;
                task::yield_now();
            }
            (turns, most)
        });
        running.wait();
        let (turns, most) = neighbour.wait();
        assert!(most <= BUDGET, "{most} reads of a task in one turn of its neighbour's");
        assert!(turns >= READS / BUDGET, "{turns}");
        readers.into_iter().for_each(|task| task.wait());
    });
}

/// More tasks than the pool has threads wait for a disk that does not answer. Whoever needs none
/// of it goes on.
#[test]
fn a_disk_that_stands_still_holds_up_nobody_else() {
    let Some(slow) = Slow::mount() else { return };
    let folder = Folder::new();
    let other = folder.file("other", "elsewhere");
    with_workers(1).run(move || {
        let file = Arc::new(File::open(slow.path()).unwrap());
        let other = File::open(other).unwrap();
        let readers: Vec<_> = (0..100)
            .map(|n| go!(clone(file) => { file.read_at(&mut [0; 10], n * 10).unwrap() }))
            .collect();
        until(|| slow.reads() == 100);
        let mut buf = [0; 32];
        for _ in 0..1000 {
            assert_eq!(other.read_at(&mut buf, 0).unwrap(), 9);
        }
        assert!(readers.iter().all(|task| !task.is_finished()));
        for _ in 0..100 {
            slow.answer();
        }
        assert_eq!(readers.into_iter().map(|task| task.wait()).sum::<usize>(), 1000);
    });
}

/// On the only worker, until a task has run that was queued before.
fn lets_others_run(what: &str, mut operation: impl FnMut()) {
    let other = go!({});
    let begun = Instant::now();
    while !other.is_finished() {
        operation();
        assert!(begun.elapsed() < HANG, "{what} in a loop keeps the worker");
    }
}

#[test]
fn in_a_loop_each_call_lets_others_run() {
    let folder = Folder::new();
    with_workers(1).run(move || {
        let path = folder.file("file", "text");
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut buf = [0; 8];
        lets_others_run("read", || assert_eq!((&file).read(&mut []).unwrap(), 0));
        lets_others_run("read_at", || assert_eq!(file.read_at(&mut buf, 9).unwrap(), 0));
        lets_others_run("write", || assert_eq!((&file).write(&[]).unwrap(), 0));
        lets_others_run("write_at", || assert_eq!(file.write_at(b"x", 0).unwrap(), 1));
        lets_others_run("seek", || assert_eq!((&file).rewind().unwrap(), ()));
        lets_others_run("stream_position", || assert_eq!((&file).stream_position().unwrap(), 0));
        lets_others_run("metadata", || assert_eq!(file.metadata().unwrap().len(), 4));
        lets_others_run("try_clone", || drop(file.try_clone().unwrap()));
        lets_others_run("try_lock", || file.try_lock().unwrap());
        let other = File::open(&path).unwrap();
        lets_others_run("try_lock in vain", || assert!(other.try_lock().is_err()));
        lets_others_run("lock", || file.lock().unwrap());
        lets_others_run("unlock", || file.unlock().unwrap());
        lets_others_run("is_terminal", || assert!(!file.is_terminal()));
        lets_others_run("open", || drop(File::open(&path).unwrap()));
        lets_others_run("open in vain", || assert!(File::open(folder.join("none")).is_err()));
        let (mut zero, mut null) =
            (File::open("/dev/zero").unwrap(), File::create("/dev/null").unwrap());
        lets_others_run("a device that is read", || zero.read_exact(&mut buf).unwrap());
        lets_others_run("a device that is written", || null.write_all(&buf).unwrap());
        lets_others_run("a device at an offset", || {
            assert_eq!(zero.read_at(&mut buf, 0).unwrap(), 8);
        });
        lets_others_run("a device that is sought", || assert_eq!(null.rewind().unwrap(), ()));
    });
}
