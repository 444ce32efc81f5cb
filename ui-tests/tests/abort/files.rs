//! Files are opened, read and written although nothing can be thrown at those who wait.

use std::env;
use std::path::Path;
use std::time::{Duration, Instant};

use gocoro::fs::{self, File};
use gocoro::io::{self, ErrorKind, prelude::*};
use gocoro::process::Command;
use gocoro::time::io_deadline;
use gocoro::{blocking, channel, go, go_main, task, thread};

fn read_write() -> fs::OpenOptions {
    File::options().read(true).write(true).clone()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(5)
}

fn late<T>(call: impl FnOnce() -> io::Result<T>) {
    assert_eq!(io_deadline(soon(), call).err().unwrap().kind(), ErrorKind::TimedOut);
}

/// On a disk, and where only a thread of the pool can read.
fn disk(path: &Path) {
    let mut file = read_write().create(true).truncate(true).open(path).unwrap();
    file.write_all(&[7; 3 << 20]).unwrap();
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    assert_eq!(file.read_to_end(&mut bytes).unwrap(), 3 << 20);
    assert!(bytes.iter().all(|byte| *byte == 7));
    assert_eq!(fs::metadata(path).unwrap().len(), 3 << 20);
    assert!(fs::read_to_string("/proc/self/limits").unwrap().contains("open files"));
    fs::remove_file(path).unwrap();
    assert_eq!(File::open(path).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(blocking::unblock(|| 5), 5);
}

fn fifo(path: &Path) {
    // Whoever opens one side waits for the other; both together wait for nobody.
    late(|| File::open(path));
    let both = read_write().open(path).unwrap();
    let (mut reader, mut writer) = (File::open(path).unwrap(), File::create(path).unwrap());
    drop(both);
    late(|| reader.read(&mut [0]));
    let reading = go!({ io::read_to_string(reader) });
    writer.write_all(b"text").unwrap();
    drop(writer);
    assert_eq!(reading.wait().unwrap(), "text");
}

fn locks(path: &Path) {
    let (held, other) = (File::create(path).unwrap(), File::open(path).unwrap());
    held.lock().unwrap();
    late(|| other.lock());
    drop(held);
    other.lock().unwrap();
}

fn all(folder: &Path) {
    disk(&folder.join("file"));
    fifo(&folder.join("fifo"));
    locks(&folder.join("lock"));
}

/// A cancel is a flag: the call that it finds goes on to its end, and so do those that follow.
fn cancelled(folder: &Path) {
    let (fifo, file) = (folder.join("other"), folder.join("file"));
    let (begun, has_begun) = channel::bounded(1);
    let theirs = fifo.clone();
    let reads = go!({
        begun.send(()).unwrap();
        let text = fs::read_to_string(theirs).unwrap();
        assert!(task::is_cancelled());
        disk(&file);
        text
    });
    has_begun.recv().unwrap();
    // Its open waits, or is about to.
    reads.cancel();
    fs::write(&fifo, "to the end").unwrap();
    println!("{}", reads.wait());
}

struct Told;

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("unwound");
    }
}

// A grace that nobody would wait for.
#[go_main(grace = "60m")]
fn main() {
    // A thread that nobody joins ends with the process, as one of std's.
    let (begun, has_begun) = channel::bounded(1);
    thread::spawn(move || {
        let _told = Told;
        begun.send(()).unwrap();
        thread::park();
    });
    has_begun.recv().unwrap();

    let folder = env::temp_dir().join(format!("gocoro-abort-files-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    for name in ["fifo", "other"] {
        assert!(Command::new("mkfifo").arg(folder.join(name)).status().unwrap().success());
    }
    all(&folder);
    let theirs = folder.clone();
    let plain = std::thread::spawn(move || all(&theirs));
    blocking::unblock(|| plain.join()).unwrap();
    cancelled(&folder);
    assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
    fs::remove_dir_all(&folder).unwrap();
}
