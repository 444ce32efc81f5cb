//! The iterator over a directory's entries: none is lost or comes twice, whatever cuts it short and
//! whatever happens in the directory meanwhile.

use std::collections::HashSet;
use std::fs as std_fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use gocoro::fs::{self, ReadDir};
use gocoro::sync::Mutex;
use gocoro::time::{io_deadline, timeout};
use gocoro::{go, io, task};

use super::Folder;
use crate::support::{Colour, SOON, in_both_colours, on_workers, passes_alone, scenario};

/// More than a job reads at once, many times over.
const MANY: usize = 10_000;

impl Folder {
    /// A directory in memory if possible, where many files take little time.
    pub(super) fn quick() -> Folder {
        Folder::in_memory().unwrap_or_else(Folder::new)
    }
}

/// A directory with so many files, called by their numbers.
fn folder_of(count: usize) -> Folder {
    let folder = Folder::quick();
    (0..count).for_each(|number| drop(std_fs::File::create(folder.join(number.to_string()))));
    folder
}

/// Which numbers have come.
#[derive(Default)]
struct Seen(HashSet<usize>);

impl Seen {
    #[track_caller]
    fn add(&mut self, entry: io::Result<fs::DirEntry>) {
        let number = entry.unwrap().file_name().to_str().unwrap().parse().unwrap();
        assert!(self.0.insert(number), "{number} comes twice");
    }
}

#[test]
fn counts_around_those_of_a_batch() {
    in_both_colours(|| {
        for count in [0, 1, 255, 256, 257, 512, 513] {
            let folder = folder_of(count);
            let mut seen = Seen::default();
            let mut entries = fs::read_dir(folder.path()).unwrap();
            entries.by_ref().for_each(|entry| seen.add(entry));
            assert_eq!(seen.0.len(), count);
            assert!(entries.next().is_none());
        }
    });
}

#[test]
fn cuts_between_lose_nothing() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(2, || {
            let folder = folder_of(MANY);
            let mut seen = Seen::default();
            let mut entries = fs::read_dir(folder.path()).unwrap();
            loop {
                let cut = timeout(SOON / 1000, || entries.next());
                // Nobody waits where a deadline has passed, and what is there is handed out.
                let late = io_deadline(Instant::now(), || entries.next());
                for entry in [cut.ok(), Some(late)].into_iter().flatten() {
                    match entry {
                        Some(Err(error)) => assert_eq!(error.kind(), ErrorKind::TimedOut),
                        Some(entry) => seen.add(entry),
                        None => return assert_eq!(seen.0.len(), MANY),
                    }
                }
            }
        });
    }
}

/// Tasks take a few entries each, and are cancelled. The last looks for the rest.
#[test]
fn cancelled_tasks_lose_nothing() {
    on_workers(|_| {
        let folder = folder_of(MANY);
        let entries = Arc::new(Mutex::new(fs::read_dir(folder.path()).unwrap()));
        let seen = Arc::new(Mutex::new(Seen::default()));
        for _ in 0..50 {
            let reads = go!(clone(entries, seen) => {
                let (mut entries, mut seen) = (entries.lock().unwrap(), seen.lock().unwrap());
                for entry in entries.by_ref() {
                    seen.add(entry);
                }
            });
            task::yield_now();
            reads.cancel();
            let _ = reads.join();
        }
        let mut seen = seen.lock().unwrap();
        entries.lock().unwrap().by_ref().for_each(|entry| seen.add(entry));
        assert_eq!(seen.0.len(), MANY);
    });
}

/// What is neither made nor removed meanwhile comes, and comes once.
#[test]
fn removing_meanwhile_loses_nothing_else() {
    in_both_colours(|| {
        let folder = folder_of(MANY);
        let mut seen = Seen::default();
        for entry in fs::read_dir(folder.path()).unwrap() {
            seen.add(entry);
            // Of each pair the odd one goes, whether it has come or not.
            let newest = (seen.0.len() * 7 % MANY) | 1;
            let _ = std_fs::remove_file(folder.join(newest.to_string()));
        }
        assert!((0..MANY).step_by(2).all(|number| seen.0.contains(&number)));
    });
}

#[test]
fn removing_each_entry_empties_the_directory() {
    in_both_colours(|| {
        let folder = folder_of(2000);
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        assert_eq!(folder.names(), [""; 0]);
    });
}

#[test]
fn a_directory_that_is_removed_meanwhile_ends() {
    in_both_colours(|| {
        let folder = folder_of(1000);
        let mut entries = fs::read_dir(folder.path()).unwrap();
        assert!(entries.next().unwrap().is_ok());
        std_fs::remove_dir_all(folder.path()).unwrap();
        // What was read before has come; the kernel says no more.
        let left = entries.filter_map(Result::ok).count();
        assert!(left < 1000);
    });
}

#[test]
fn a_task_goes_on_where_a_thread_has_stopped_and_the_other_way_round() {
    fn some(entries: &mut ReadDir, seen: &mut Seen) {
        entries.take(700).for_each(|entry| seen.add(entry));
    }
    on_workers(|_| {
        let folder = folder_of(3000);
        let mut entries = fs::read_dir(folder.path()).unwrap();
        let mut seen = Seen::default();
        loop {
            let before = seen.0.len();
            let mut both = (entries, seen);
            both = thread::spawn(move || {
                some(&mut both.0, &mut both.1);
                // A job of the pool may be left behind as well.
                let _ = timeout(SOON / 1000, || both.0.next().map(|entry| both.1.add(entry)));
                both
            })
            .join()
            .unwrap();
            (entries, seen) = both;
            some(&mut entries, &mut seen);
            if seen.0.len() == before {
                break;
            }
        }
        assert_eq!(seen.0.len(), 3000);
    });
}

/// Entries that are there already do not keep the worker's other tasks waiting.
#[test]
fn a_loop_over_entries_gives_way() {
    Colour::Task.run(1, || {
        let folder = folder_of(200);
        let entries = fs::read_dir(folder.path()).unwrap();
        let other = go!({});
        let mut taken = 0;
        for entry in entries {
            entry.unwrap();
            taken += 1;
        }
        assert_eq!(taken, 200);
        assert!(other.is_finished());
    });
}

const FULL_OF_TASK: &str = "fs::full_table_of_task";
const FULL_OF_THREAD: &str = "fs::full_table_of_thread";

/// In two processes of their own, whose descriptors run out: those of a runtime that has ended are
/// closed a little later.
#[test]
fn a_full_table_of_descriptors_is_an_error_and_passes() {
    for full in [FULL_OF_TASK, FULL_OF_THREAD] {
        passes_alone("fs::entries::a_process_without_descriptors", full);
    }
}

#[test]
fn a_process_without_descriptors() {
    let colour = match scenario().as_deref() {
        Some(FULL_OF_TASK) => Colour::Task,
        Some(FULL_OF_THREAD) => Colour::Thread,
        _ => return,
    };
    fn open() -> usize {
        std_fs::read_dir("/proc/self/fd").unwrap().count()
    }
    fn check(path: &Path) {
        let before = open();
        let mut taken = vec![];
        let error = loop {
            match std_fs::File::open("/dev/null") {
                Ok(file) => taken.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        for _ in 0..10 {
            let error = fs::read_dir(path).map(drop).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            let error = fs::read(path.join("1")).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            // No descriptor is needed for these.
            assert!(fs::exists(path).unwrap());
        }
        taken.truncate(taken.len() - 1);
        let mut seen = Seen::default();
        let mut entries = fs::read_dir(path).unwrap();
        for _ in 0..300 {
            seen.add(entries.next().unwrap());
        }
        assert!(fs::read(path.join("1")).is_err());
        let kept = entries.next().unwrap().unwrap();
        drop(entries);
        // The entry keeps the directory open, as std's.
        assert!(fs::read(path.join("1")).is_err());
        drop(kept);
        assert_eq!(fs::read(path.join("1")).unwrap(), b"");
        drop(taken);
        assert_eq!(open(), before);
    }
    let folder = folder_of(600);
    let limit = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
    // SAFETY: the limit lives until the call returns.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    colour.run(1, move || check(folder.path()));
}
