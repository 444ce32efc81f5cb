//! A disk that is full, a table of descriptors that is: what std says, and nothing is lost.

use std::fs as std_fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use gocoro::fs::File;
use gocoro::io::{ErrorKind, Write};

use super::Folder;
use crate::support::{in_both_colours, passes_alone, scenario, skipped};

fn limit(resource: libc::__rlimit_resource_t, to: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: to, rlim_max: to };
    // SAFETY: the limit lives until the call returns.
    assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
}

const FILE_SIZE: &str = "fs::faults::file_size";

/// How long a file may be there.
const SIZE_MAX: usize = 100_000;

/// In a process of its own, which has the limit.
#[test]
fn a_file_that_may_not_grow_takes_what_there_is_room_for() {
    passes_alone("fs::faults::with_a_limit_of_file_sizes", FILE_SIZE);
}

#[test]
fn with_a_limit_of_file_sizes() {
    if scenario().as_deref() != Some(FILE_SIZE) {
        return;
    }
    // SAFETY: the signal that comes with the error is ignored, and no handler is called.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    limit(libc::RLIMIT_FSIZE, SIZE_MAX as libc::rlim_t);
    in_both_colours(|| {
        for folder in [Some(Folder::new()), Folder::in_memory()].into_iter().flatten() {
            let path = folder.join("file");
            let mut file = File::create(&path).unwrap();
            assert_eq!(file.write(&vec![1; SIZE_MAX - 1]).unwrap(), SIZE_MAX - 1);
            assert_eq!(file.write(b"ab").unwrap(), 1);
            assert_eq!(file.write(b"b").unwrap_err().kind(), ErrorKind::FileTooLarge);
            assert_eq!(file.set_len(1 << 20).unwrap_err().kind(), ErrorKind::FileTooLarge);
            let beyond = file.write_at(b"x", 1 << 20);
            assert_eq!(beyond.unwrap_err().kind(), ErrorKind::FileTooLarge);
            assert_eq!(std_fs::metadata(&path).unwrap().len(), SIZE_MAX as u64);
            file.write_at(b"x", 0).unwrap();
        }
    });
}

/// A disk of 64 KiB, where one can be mounted.
struct SmallDisk(Folder);

impl SmallDisk {
    fn mount() -> io::Result<SmallDisk> {
        let disk = SmallDisk(Folder::new());
        let target = std::ffi::CString::new(disk.0.path().to_str().unwrap())?;
        // SAFETY: the strings end in null bytes, and live until the call returns.
        let result = unsafe {
            libc::mount(
                c"gocoro-it".as_ptr(),
                target.as_ptr(),
                c"tmpfs".as_ptr(),
                libc::MS_NOSUID | libc::MS_NODEV,
                c"size=64k".as_ptr().cast(),
            )
        };
        match result {
            0 => Ok(disk),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let target = std::ffi::CString::new(self.0.path().to_str().unwrap()).unwrap();
        // SAFETY: the string ends in a null byte, and lives until the call returns.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}

#[test]
fn a_full_disk_takes_what_there_is_room_for() {
    in_both_colours(|| {
        let disk = match SmallDisk::mount() {
            Ok(disk) => disk,
            Err(error) => {
                return skipped(&format!("a full disk: none can be mounted ({error}) here"));
            }
        };
        let mut file = File::create(disk.0.join("file")).unwrap();
        let error = file.write_all(&vec![7; 100_000]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(file.metadata().unwrap().len(), 1 << 16);
        file.set_len(10).unwrap();
        file.write_at(b"room again", 10).unwrap();
    });
}

const TABLE: &str = "fs::faults::table";

/// In a process of its own, which has the limit.
#[test]
fn a_full_table_is_an_error_and_no_more() {
    passes_alone("fs::faults::with_a_full_table", TABLE);
}

#[test]
fn with_a_full_table() {
    if scenario().as_deref() != Some(TABLE) {
        return;
    }
    limit(libc::RLIMIT_NOFILE, 256);
    // The runtimes open theirs before.
    in_both_colours(|| {
        let file = File::open("/dev/null").unwrap();
        let mut taken = Vec::new();
        let error = loop {
            match std_fs::File::open("/dev/null") {
                Ok(file) => taken.push(file),
                Err(error) => break error,
            }
        };
        let open = || std_fs::File::open(Path::new("/dev/null")).is_err();
        assert!(open());
        for _ in 0..3 {
            let refused = File::open("/dev/null").unwrap_err();
            assert_eq!(refused.raw_os_error(), error.raw_os_error());
            assert_eq!(file.try_clone().unwrap_err().raw_os_error(), error.raw_os_error());
        }
        taken.pop();
        // There was nothing left open by those that failed.
        let one = File::open("/dev/null").unwrap();
        assert!(File::open("/dev/null").is_err());
        drop(one);
        file.try_clone().unwrap();
    });
}
