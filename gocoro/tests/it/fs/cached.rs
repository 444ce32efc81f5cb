//! What of a file is in memory is read right there. So the blocking pool is full in these tests.

use std::fs as std_fs;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use gocoro::blocking::{stats, unblock};
use gocoro::fs::File;
use gocoro::go;
use gocoro::io::{self, ErrorKind, IoSliceMut, Read, Seek, SeekFrom, Write};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{io_deadline, timeout};

use super::{Folder, with_pool_of};
use crate::support::{SOON, on_drop, skipped, until, with_workers};

/// Occupies the pool's only thread, as long as it is not dropped.
struct Plug {
    end: mpsc::Sender<()>,
    task: JoinHandle<()>,
}

impl Plug {
    fn new() -> Plug {
        let (end, ended) = mpsc::channel();
        let (tell, told) = gocoro::channel::bounded(1);
        let task = go!({
            unblock(move || {
                tell.send(()).unwrap();
                let _ = ended.recv();
            })
        });
        told.recv().unwrap();
        Plug { end, task }
    }

    fn pull(self) {
        drop(self.end);
        self.task.wait();
    }
}

/// Runs `scenario` as a task of the only worker, in a process whose pool has one thread.
fn with_one_thread(test: &str, scenario: fn()) {
    // A function takes nothing along.
    static SCENARIO: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();
    let _ = SCENARIO.set(scenario);
    with_pool_of(1, test, || with_workers(1).run(SCENARIO.get().expect("it was set")));
}

/// A directory in memory, where there is one.
fn in_memory() -> Option<Folder> {
    let folder = Folder::in_memory();
    if folder.is_none() {
        skipped("files in memory, of which there are none here");
    }
    folder
}

/// Whether the system's directory for such files lies where reads from memory never wait.
fn disk_never_waits(path: &Path) -> bool {
    let file = std_fs::File::open(path).unwrap();
    let mut byte = 0_u8;
    let buf = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    // SAFETY: the buffer is one byte, which lives until the call returns.
    let count = unsafe {
        libc::preadv2(
            std::os::fd::AsRawFd::as_raw_fd(&file),
            &raw const buf,
            1,
            0,
            libc::RWF_NOWAIT,
        )
    };
    if count != 1 {
        skipped("reads from memory, which the file system does not have here");
    }
    count == 1
}

fn some_file(folder: &Folder) -> PathBuf {
    let path = folder.join("file");
    std_fs::write(&path, vec![7; 100_000]).unwrap();
    path
}

/// Reads it in several ways, none of which waits.
fn read_all(file: &File) {
    let mut buf = [0; 4096];
    let mut reader = file;
    assert_eq!(reader.seek(SeekFrom::Start(1)).unwrap(), 1);
    assert_eq!(reader.read(&mut buf).unwrap(), 4096);
    assert_eq!(file.read_at(&mut buf, 99_999).unwrap(), 1);
    assert_eq!(file.read_at(&mut buf, 100_000).unwrap(), 0);
    let mut rest = Vec::new();
    assert_eq!(reader.read_to_end(&mut rest).unwrap(), 100_000 - 4097);
    assert_eq!(reader.stream_position().unwrap(), 100_000);
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 99_999);
    assert_eq!(file.metadata().unwrap().len(), 100_000);
    file.try_lock().unwrap();
    file.unlock().unwrap();
}

#[test]
fn from_the_page_cache_of_a_disk() {
    with_one_thread("fs::cached::from_the_page_cache_of_a_disk", || {
        let folder = Folder::new();
        let path = some_file(&folder);
        if !disk_never_waits(&path) {
            return;
        }
        let file = File::open(&path).unwrap();
        let plug = Plug::new();
        for _ in 0..300 {
            read_all(&file);
        }
        plug.pull();
    });
}

#[test]
fn in_a_file_that_lies_in_memory() {
    with_one_thread("fs::cached::in_a_file_that_lies_in_memory", || {
        let Some(folder) = in_memory() else { return };
        let path = some_file(&folder);
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let plug = Plug::new();
        for _ in 0..300 {
            file.write_all_at(&[7; 64 * 1024], 0).unwrap();
            read_all(&file);
        }
        // So much takes its time there, too.
        let long = vec![7; 100_000];
        assert!(timeout(SOON, || file.write_at(&long, 0)).is_err());
        plug.pull();
        assert_eq!(file.write_at(&long, 0).unwrap(), 100_000);
    });
}

/// Where a file lies that std has opened has to be asked, and the answer is kept for its clones.
#[test]
fn where_a_file_lies_is_asked_once() {
    with_one_thread("fs::cached::where_a_file_lies_is_asked_once", || {
        let Some(folder) = in_memory() else { return };
        let file = File::from(std_fs::File::open(some_file(&folder)).unwrap());
        let plug = Plug::new();
        assert!(timeout(SOON, || file.metadata()).is_err());
        assert!(timeout(SOON, || (&file).read(&mut [0; 8])).is_err());
        plug.pull();
        assert_eq!((&file).read(&mut [0; 8]).unwrap(), 8);
        let plug = Plug::new();
        read_all(&file.try_clone().unwrap());
        read_all(&file);
        plug.pull();
    });
}

/// What has not begun is withdrawn, and has had no effect.
#[test]
fn what_waits_for_the_pool_is_withdrawn() {
    with_one_thread("fs::cached::what_waits_for_the_pool_is_withdrawn", || {
        let folder = Folder::new();
        let path = some_file(&folder);
        let file = File::options().write(true).open(&path).unwrap();
        let file = Arc::new(file);
        let plug = Plug::new();
        assert!(timeout(SOON, || file.set_len(0)).is_err());
        let late = io_deadline(Instant::now() + SOON, || file.set_len(1));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        let cancelled = go!(clone(file) => { file.set_len(2) });
        until(|| stats().queued == 1);
        cancelled.cancel();
        assert!(cancelled.join().unwrap_err().is_cancelled());
        assert_eq!(stats().queued, 0);
        plug.pull();
        assert_eq!(std_fs::metadata(&path).unwrap().len(), 100_000);
        file.set_len(3).unwrap();
        assert_eq!(std_fs::metadata(&path).unwrap().len(), 3);
    });
}

/// A call on a file that is not known to lie on this machine, and cannot be read from memory. The
/// others are in the list of what waits.
type Call = fn(&File) -> io::Result<()>;

const CALLS: &[(&str, Call)] = &[
    ("try_lock", |file| Ok(file.try_lock()?)),
    ("unlock", |file| file.unlock()),
    ("read", |mut file| file.read(&mut [0; 8]).map(drop)),
    ("read_vectored", |mut file| file.read_vectored(&mut [IoSliceMut::new(&mut [0; 8])]).map(drop)),
    ("read_to_end", |mut file| file.read_to_end(&mut Vec::new()).map(drop)),
    ("read_at", |file| file.read_at(&mut [0; 8], 1).map(drop)),
    ("write_at", |file| file.write_at(b"x", 1).map(drop)),
];

/// Each while it waits for a thread, in every way. Afterwards each is made.
#[test]
fn each_call_that_waits_for_the_pool_is_cut_short() {
    with_one_thread("fs::cached::each_call_that_waits_for_the_pool_is_cut_short", || {
        for (name, call) in CALLS {
            println!("{name}");
            let folder = Folder::new();
            let path = folder.file("file", "text");
            // Reads and writes of a file that was opened with this flag wait for the disk.
            let flags = libc::O_DIRECT;
            let file =
                std_fs::File::options().read(true).write(true).custom_flags(flags).open(&path);
            let Ok(file) = file.map(File::from) else {
                return skipped(
                    "calls that wait for a disk, which can be made to wait for none here",
                );
            };
            let file = Arc::new(file);
            let plug = Plug::new();
            assert!(timeout(SOON, || call(&file)).is_err());
            let late = io_deadline(Instant::now() + SOON, || call(&file));
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let cancelled = go!(clone(file) => { call(&file) });
            until(|| stats().queued == 1);
            cancelled.cancel();
            assert!(cancelled.join().unwrap_err().is_cancelled());
            // In a destructor of a cancelled task it is waited for.
            let (tell, told) = gocoro::channel::bounded(1);
            let dropping = go!(clone(file) => {
                let _guard = on_drop(move || tell.send(call(&file)).unwrap());
                task::current().cancel();
                task::park();
            });
            until(|| stats().queued == 1);
            plug.pull();
            // The disk may take no such small pieces.
            let result = told.recv().unwrap();
            assert!(result.is_ok() || result.unwrap_err().kind() == ErrorKind::InvalidInput);
            assert!(dropping.join().unwrap_err().is_cancelled());
        }
    });
}

/// Tasks and plain threads of the pool use the position at the same time, though there are more of
/// them than the pool has threads.
#[test]
fn the_position_cannot_fill_the_pool() {
    with_one_thread("fs::cached::the_position_cannot_fill_the_pool", || {
        let file = File::open("/proc/self/limits").unwrap();
        let expected = std_fs::read_to_string("/proc/self/limits").unwrap().len();
        let file = Arc::new(file);
        let in_task = |file: &Arc<File>| {
            let file = file.clone();
            move || {
                let mut count = 0;
                while (&*file).read(&mut [0]).unwrap() == 1 {
                    count += 1;
                    task::yield_now();
                }
                count
            }
        };
        let tasks: Vec<_> = (0..4).map(|_| task::spawn(in_task(&file))).collect();
        let in_pool: Vec<_> = (0..4)
            .map(|_| {
                let read = in_task(&file);
                go!({ unblock(read) })
            })
            .collect();
        let counts = tasks.into_iter().chain(in_pool).map(|task| task.wait());
        assert_eq!(counts.sum::<usize>(), expected);
    });
}

/// Reads of a file that the pool makes suspend their tasks: many more than it has threads.
#[test]
fn as_many_as_like_wait_for_one_thread() {
    with_one_thread("fs::cached::as_many_as_like_wait_for_one_thread", || {
        let expected = std_fs::read_to_string("/proc/self/limits").unwrap();
        let tasks: Vec<_> = (0..200)
            .map(|_| go!({ io::read_to_string(File::open("/proc/self/limits")?) }))
            .collect();
        for task in tasks {
            assert_eq!(task.wait().unwrap(), expected);
        }
        let mut sink = File::create("/dev/null").unwrap();
        sink.write_all(expected.as_bytes()).unwrap();
        assert_eq!(stats().threads, 1);
    });
}
