//! A file whose reads last until the test answers them: one of a file system (FUSE) that the test
//! program serves itself. Mounting it takes a privilege, so tests of it say what they skip.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use super::Folder;
use crate::support::skipped;

/// How many bytes the file has.
pub(super) const LENGTH: u64 = 1 << 20;

/// The number of the root directory, and that of the only file in it.
const ROOT: u64 = 1;
const FILE: u64 = 2;

const IN_HEADER_BYTES: usize = 40;

/// The requests that are answered. Each number is the kernel's.
mod request {
    pub(super) const LOOKUP: u32 = 1;
    pub(super) const FORGET: u32 = 2;
    pub(super) const GETATTR: u32 = 3;
    pub(super) const OPEN: u32 = 14;
    pub(super) const READ: u32 = 15;
    pub(super) const RELEASE: u32 = 18;
    pub(super) const INIT: u32 = 26;
    pub(super) const INTERRUPT: u32 = 36;
    pub(super) const BATCH_FORGET: u32 = 42;
}

pub(crate) struct Slow {
    served: Arc<Served>,
    server: Option<JoinHandle<()>>,
    folder: Folder,
}

struct Served {
    device: File,
    /// What has come and waits for the test: a request's number, and how many bytes it asks for.
    held: Mutex<Vec<(u64, usize)>>,
    changed: Condvar,
}

impl Slow {
    /// `None` where no file system can be mounted.
    pub(crate) fn mount() -> Option<Slow> {
        let mounted = Slow::try_mount();
        if let Err(error) = &mounted {
            skipped(&format!("slow files, since no file system can be mounted ({error}) here"));
        }
        mounted.ok()
    }

    fn try_mount() -> io::Result<Slow> {
        let device = File::options().read(true).write(true).open("/dev/fuse")?;
        let folder = Folder::new();
        let target = CString::new(folder.path().to_str().expect("a plain path"))?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let options = CString::new(options)?;
        // SAFETY: the strings end in null bytes, and live until the call returns.
        let result = unsafe {
            libc::mount(
                c"gocoro-it".as_ptr(),
                target.as_ptr(),
                c"fuse".as_ptr(),
                libc::MS_NOSUID | libc::MS_NODEV,
                options.as_ptr().cast(),
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        let served = Served { device, held: Mutex::default(), changed: Condvar::new() };
        let served = Arc::new(served);
        let theirs = served.clone();
        let server = Some(thread::spawn(move || theirs.serve()));
        let slow = Slow { served, server, folder };
        // The kernel learns that a close need not ask. So no close waits for this process, which
        // may be ending by then.
        drop(File::open(slow.path())?);
        Ok(slow)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("slow")
    }

    /// Waits until so many reads wait for an answer.
    pub(super) fn wait_for_reads(&self, count: usize) {
        let held = self.served.held.lock().unwrap();
        drop(self.served.changed.wait_while(held, |held| held.len() < count).unwrap());
    }

    pub(crate) fn reads(&self) -> usize {
        self.served.held.lock().unwrap().len()
    }

    /// Answers the oldest read that waits.
    pub(crate) fn answer(&self) {
        self.wait_for_reads(1);
        let (unique, size) = self.served.held.lock().unwrap().remove(0);
        self.served.reply(unique, &vec![7; size]);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        while self.reads() > 0 {
            self.answer();
        }
        let target = CString::new(self.folder.path().to_str().expect("a plain path")).unwrap();
        // Also where a test has failed, and somebody has the file open.
        //
        // SAFETY: the string ends in a null byte, and lives until the call returns.
        let result = unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH | libc::MNT_FORCE) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        if let Some(server) = self.server.take() {
            server.join().expect("the server ends");
        }
    }
}

impl Served {
    fn serve(&self) {
        // The kernel refuses to write a request to less room than the longest one takes.
        let mut request = vec![0; (1 << 17) + 4096];
        loop {
            match (&self.device).read(&mut request) {
                Ok(count) => self.answer(&request[..count]),
                // One that was taken back while it was being read.
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It was unmounted.
                Err(error)
                    if [libc::ENODEV, libc::ECONNABORTED]
                        .map(Some)
                        .contains(&error.raw_os_error()) =>
                {
                    return;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn answer(&self, request: &[u8]) {
        let number = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let long = |at: usize| u64::from_ne_bytes(request[at..at + 8].try_into().unwrap());
        let (kind, unique, node) = (number(4), long(8), long(16));
        match kind {
            request::INIT => self.reply(unique, &init()),
            request::LOOKUP if request[IN_HEADER_BYTES..].starts_with(b"slow\0") => {
                // What is known of the node holds for a while: number, generation, two times.
                let mut entry = longs(&[FILE, 0, 0, 0, 0]);
                entry.extend(attributes(FILE));
                self.reply(unique, &entry);
            }
            request::LOOKUP => self.refuse(unique, libc::ENOENT),
            request::GETATTR => {
                let mut answer = longs(&[0, 0]);
                answer.extend(attributes(node));
                self.reply(unique, &answer);
            }
            // A handle, and the flag that has each read come here, past the page cache.
            request::OPEN => self.reply(unique, &longs(&[0, 1])),
            request::READ => {
                let (offset, size) = (long(IN_HEADER_BYTES + 8), number(IN_HEADER_BYTES + 16));
                let size = u64::from(size).min(LENGTH.saturating_sub(offset)) as usize;
                self.held.lock().unwrap().push((unique, size));
                self.changed.notify_all();
            }
            request::RELEASE => self.reply(unique, &[]),
            request::FORGET | request::BATCH_FORGET | request::INTERRUPT => {}
            _ => self.refuse(unique, libc::ENOSYS),
        }
    }

    fn reply(&self, unique: u64, answer: &[u8]) {
        self.send(unique, 0, answer);
    }

    fn refuse(&self, unique: u64, errno: i32) {
        self.send(unique, -errno, &[]);
    }

    fn send(&self, unique: u64, error: i32, answer: &[u8]) {
        let mut message = ((16 + answer.len()) as u32).to_ne_bytes().to_vec();
        message.extend(error.to_ne_bytes());
        message.extend(unique.to_ne_bytes());
        message.extend(answer);
        match (&self.device).write(&message) {
            Ok(count) => assert_eq!(count, message.len()),
            // Nobody waits for it any more.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The version of the protocol, and no wishes.
fn init() -> Vec<u8> {
    let mut answer = vec![0; 64];
    for (at, number) in [(0, 7_u32), (4, 31), (20, 1 << 17)] {
        answer[at..at + 4].copy_from_slice(&number.to_ne_bytes());
    }
    answer
}

/// Number, size, blocks, times; parts of times, mode, links, owner, device, block size.
fn attributes(node: u64) -> Vec<u8> {
    let size = if node == ROOT { 0 } else { LENGTH };
    let mode = if node == ROOT { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
    let mut attributes = longs(&[node, size, 0, 0, 0, 0]);
    for number in [0, 0, 0, mode, 1, 0, 0, 0, 4096, 0] {
        attributes.extend(number.to_ne_bytes());
    }
    attributes
}

fn longs(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[test]
fn it_is_what_it_says() {
    let Some(slow) = Slow::mount() else { return };
    assert_eq!(fs::metadata(slow.path()).unwrap().len(), LENGTH);
    let path = slow.path();
    let reading = thread::spawn(move || {
        let mut buf = [0; 10];
        let count = File::open(path).unwrap().read(&mut buf).unwrap();
        (count, buf)
    });
    slow.wait_for_reads(1);
    assert!(!reading.is_finished());
    slow.answer();
    assert_eq!(reading.join().unwrap(), (10, [7; 10]));
}
