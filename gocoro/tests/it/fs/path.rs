//! What a comparison with std does not show: that no worker is blocked, that paths are those of the
//! call, what happens where there is no room.

use std::fs as std_fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use gocoro::fs::{self, unix};
use gocoro::time::io_deadline;
use gocoro::{go, task};

use super::Folder;
use crate::support::{
    Colour, in_both_colours, on_workers, passes_alone, scenario, this_program, with_workers,
};

/// Each of the two waits until the other has opened the pipe, too.
#[test]
fn a_reader_and_a_writer_that_wait_for_each_other_share_a_worker() {
    on_workers(|_| {
        let folder = Folder::new();
        let fifo = Arc::new(folder.fifo("fifo"));
        let read = go!(clone(fifo) => { fs::read_to_string(&*fifo) });
        let copied = Arc::new(folder.fifo("second"));
        let read_second = go!(clone(copied) => { fs::read(&*copied) });
        // More than a pipe holds, out of a buffer on this task's stack.
        let text = "all of it".repeat(20_000);
        fs::write(&*fifo, &text).unwrap();
        fs::write(&*copied, [7; 100]).unwrap();
        assert_eq!(read.wait().unwrap(), text);
        assert_eq!(read_second.wait().unwrap(), [7; 100]);
    });
}

/// What waits no more gives way none the less, so that others get to end it.
#[test]
fn a_loop_whose_time_is_up_gives_way() {
    with_workers(1).run(|| {
        let ended = Arc::new(AtomicBool::new(false));
        go!(clone(ended) => { ended.store(true, Relaxed) });
        io_deadline(Instant::now(), || {
            while !ended.load(Relaxed) {
                assert_eq!(fs::metadata("/").unwrap_err().kind(), ErrorKind::TimedOut);
            }
        });
        let endless = go!({
            io_deadline(Instant::now(), || {
                loop {
                    drop(fs::metadata("/"))
                }
            })
        });
        task::yield_now();
        endless.cancel();
        assert!(endless.join().unwrap_err().is_cancelled());
    });
}

/// Written and synced by one handle, found by its path, read by another.
#[test]
fn what_was_written_and_synced_is_read_after_the_file_is_opened_again() {
    in_both_colours(|| {
        let folder = Folder::new();
        let path = folder.join("payload");
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"payload").unwrap();
        file.sync_all().unwrap();
        drop(file);
        assert_eq!(fs::metadata(&path).unwrap().len(), 7);
        let mut bytes = [0; 8];
        let mut file = fs::File::open(&path).unwrap();
        assert_eq!(file.read(&mut bytes).unwrap(), 7);
        assert_eq!(&bytes[..7], b"payload");
        assert_eq!(file.read(&mut bytes).unwrap(), 0);
        assert_eq!(fs::read_to_string(&path).unwrap(), "payload");
    });
}

#[test]
fn large_files_come_back_whole() {
    in_both_colours(|| {
        let folder = Folder::new();
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let (path, copy) = (folder.join("large"), folder.join("copy"));
        fs::write(&path, &bytes).unwrap();
        assert_eq!(fs::copy(&path, &copy).unwrap(), 5_000_000);
        assert!(fs::read(&copy).unwrap() == bytes);
        // Less than before: the rest is gone.
        fs::write(&path, &bytes[..3]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 3);
    });
}

#[test]
fn relative_paths_begin_at_the_current_directory() {
    in_both_colours(|| {
        let here = std::env::current_dir().unwrap();
        assert_eq!(fs::canonicalize(".").unwrap(), here.canonicalize().unwrap());
        let known = std_fs::metadata("Cargo.toml").unwrap();
        assert_eq!(fs::metadata("Cargo.toml").unwrap().ino(), known.ino());
    });
}

/// The buffer and the paths need not live longer than the call.
#[test]
fn many_tasks_work_at_once() {
    on_workers(|workers| {
        let folder = Folder::new();
        task::scope(|s| {
            for number in 0..200 {
                let folder = &folder;
                s.spawn(move || {
                    let (path, renamed) =
                        (folder.join(format!("{number}")), folder.join(format!("{number}.done")));
                    let text = format!("{number} of {workers}");
                    fs::write(&path, &text).unwrap();
                    assert_eq!(fs::read_to_string(&path).unwrap(), text);
                    fs::rename(&path, &renamed).unwrap();
                    assert!(fs::exists(&renamed).unwrap() && !fs::exists(&path).unwrap());
                    fs::remove_file(&renamed).unwrap();
                });
            }
        });
        assert_eq!(folder.names(), [""; 0]);
    });
}

#[test]
fn fchown_takes_whatever_has_a_descriptor() {
    in_both_colours(|| {
        let folder = Folder::new();
        let file = std_fs::File::open(folder.file("file", "")).unwrap();
        let metadata = file.metadata().unwrap();
        unix::fchown(&file, Some(metadata.uid()), Some(metadata.gid())).unwrap();
        unix::fchown(file, None, None).unwrap();
        if metadata.uid() == 0 {
            let file = std_fs::File::open(folder.join("file")).unwrap();
            unix::fchown(&file, Some(1), Some(2)).unwrap();
            let now = fs::metadata(folder.join("file")).unwrap();
            assert_eq!((now.uid(), now.gid()), (1, 2));
        }
    });
}

const SANDBOX: &str = "fs::sandbox";

/// Tells the process in the sandbox where that is.
const FOLDER: &str = "GOCORO_TEST_FOLDER";

/// In a process of its own, whose root it changes.
#[test]
fn chroot_is_that_of_all_tasks() {
    if scenario().is_some() {
        return;
    }
    let folder = Folder::new();
    folder.file("inside", "here");
    let test = "fs::path::a_process_in_a_sandbox";
    let child =
        this_program(&[test, "--exact"], SANDBOX).env(FOLDER, folder.path()).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

#[test]
fn a_process_in_a_sandbox() {
    if scenario().as_deref() != Some(SANDBOX) {
        return;
    }
    let path = std::env::var_os(FOLDER).unwrap();
    with_workers(2).run(move || match unix::chroot(&path) {
        Ok(()) => {
            std::env::set_current_dir("/").unwrap();
            let others: Vec<_> = (0..4).map(|_| go!({ fs::read_to_string("/inside") })).collect();
            others.into_iter().for_each(|other| assert_eq!(other.wait().unwrap(), "here"));
            assert!(!fs::exists(&path).unwrap());
        }
        // Only root may.
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    });
}

const NO_ROOM: &str = "fs::no_room";

/// In a process of its own, whose files have a limit.
#[test]
fn a_file_that_finds_no_room_has_its_beginning() {
    passes_alone("fs::path::a_process_whose_files_are_small", NO_ROOM);
}

#[test]
fn a_process_whose_files_are_small() {
    if scenario().as_deref() != Some(NO_ROOM) {
        return;
    }
    const BYTES_MAX: u64 = 10_000;
    // SAFETY: nothing but the call; the signal would end the process.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    let folder = Folder::new();
    let large = folder.file("large", &"x".repeat(50_000));
    let limit = libc::rlimit { rlim_cur: BYTES_MAX, rlim_max: BYTES_MAX };
    // SAFETY: the limit lives until the call returns.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
    for colour in [Colour::Task, Colour::Thread] {
        let (large, file, copy) = (large.clone(), folder.join("file"), folder.join("copy"));
        colour.run(1, move || {
            let error = fs::write(&file, [b'x'; 50_000]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            assert_eq!(fs::metadata(&file).unwrap().len(), BYTES_MAX);
            let error = fs::copy(&large, &copy).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            // What was there before is as good as before.
            assert_eq!(fs::read(&large).unwrap().len(), 50_000);
            fs::write(&file, "small").unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"small");
        });
    }
}
