//! Named pipes and terminals, opened as files: they are waited for as pipes are.

use std::fs as std_fs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr;
use std::thread;
use std::time::Instant;

use gocoro::blocking::stats;
use gocoro::fs::File;
use gocoro::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, Write};
use gocoro::task::{self, Cancelled};
use gocoro::time::{io_deadline, timeout};
use gocoro::{go, net::unix::UnixStream};

use super::{Fifo, Folder, with_pool_of};
use crate::support::{SOON, assert_cancelled, on_drop, on_workers, settle, until, with_workers};
use crate::tcp::both;

/// Both ends, of which neither had to wait for the other.
pub(crate) fn ends() -> io::Result<(File, File)> {
    let fifo = Fifo::new();
    let path = fifo.path();
    let _both = File::options().read(true).write(true).open(path)?;
    Ok((File::open(path)?, File::options().write(true).open(path)?))
}

#[test]
fn each_side_opens_when_the_other_does() {
    on_workers(|_| {
        let folder = Folder::new();
        let path = folder.fifo("fifo");
        let theirs = path.clone();
        let reading = go!({ io::read_to_string(File::open(theirs)?) });
        settle();
        assert!(!reading.is_finished());
        File::create(path).unwrap().write_all(b"hello").unwrap();
        assert_eq!(reading.wait().unwrap(), "hello");
    });
}

#[test]
fn it_waits_and_ends_as_any_pipe() {
    both(|| {
        let (mut reader, mut writer) = ends()?;
        assert!(timeout(SOON, || reader.read(&mut [0; 8])).is_err());
        let late = io_deadline(Instant::now() + SOON, || reader.read(&mut [0; 8]));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        writer.write_all(b"ab")?;
        assert_eq!(reader.read(&mut [0; 8])?, 2);
        let mut written = 0;
        while let Ok(count) = timeout(SOON, || writer.write(&[0; 1 << 16])) {
            written += count?;
        }
        assert_eq!(reader.stream_position().unwrap_err().raw_os_error(), Some(libc::ESPIPE));
        assert_eq!(reader.metadata()?.len(), 0);
        drop(writer);
        let mut rest = Vec::new();
        assert_eq!(reader.read_to_end(&mut rest)?, written);
        assert_eq!(reader.read(&mut [0; 8])?, 0);

        let (reader, mut writer) = ends()?;
        drop(reader);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

/// Reader and writer are tasks of one worker, which neither blocks.
#[test]
fn much_goes_through_on_one_worker() {
    with_workers(1).run(|| {
        let (mut reader, mut writer) = ends().unwrap();
        let writing = go!({
            for _ in 0..100 {
                writer.write_all(&[7; 10_000]).unwrap();
            }
        });
        let mut bytes = Vec::new();
        assert_eq!(reader.read_to_end(&mut bytes).unwrap(), 1_000_000);
        writing.wait();
    });
}

/// What was read before the cut is handed over, and nothing that was not.
#[test]
fn a_read_to_the_end_that_is_cut_keeps_what_it_has() {
    both(|| {
        let (mut reader, mut writer) = ends()?;
        writer.write_all(b"abc")?;
        let mut bytes = b"_".to_vec();
        while bytes == b"_" {
            assert!(timeout(SOON, || reader.read_to_end(&mut bytes)).is_err());
        }
        assert_eq!(bytes, b"_abc");
        Ok(())
    });
}

/// Who asks for that mode is told what std tells.
#[test]
fn in_non_blocking_mode_it_says_what_would_wait() {
    both(|| {
        let folder = Folder::new();
        let path = folder.fifo("fifo");
        let flags = libc::O_NONBLOCK;
        let mut reader = File::options().read(true).custom_flags(flags).open(&path)?;
        // Nobody has opened it for writing, and so it is at its end.
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        let no_reader = File::options().write(true).custom_flags(flags).open(folder.fifo("other"));
        assert_eq!(no_reader.unwrap_err().raw_os_error(), Some(libc::ENXIO));
        let mut writer = File::options().write(true).custom_flags(flags).open(&path)?;
        assert_eq!(reader.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        while writer.write(&[0; 4096]).is_ok() {}
        assert_eq!(writer.write(&[0; 4096]).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn in_a_destructor_of_a_cancelled_task_it_fails() {
    on_workers(|_| {
        let (mut reader, _writer) = ends().unwrap();
        let (tell, told) = gocoro::channel::bounded(1);
        let task = go!({
            let _guard = on_drop(move || tell.send(reader.read(&mut [0; 8])).unwrap());
            task::current().cancel();
            task::park();
        });
        let error = told.recv().unwrap().unwrap_err();
        assert!(error.get_ref().unwrap().is::<Cancelled>(), "{error}");
        assert_cancelled(task);
    });
}

fn open_descriptors() -> usize {
    std_fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Opens the pipe's other side, for whoever still opens this one, and lets go of it.
fn let_open(path: &Path) {
    drop(std_fs::File::options().read(true).write(true).open(path).unwrap());
}

/// The pool goes on with it, and closes what it has opened.
#[test]
fn an_opening_that_is_cut_short_leaves_nothing_open() {
    let test = "fs::fifo::an_opening_that_is_cut_short_leaves_nothing_open";
    with_pool_of(4, test, || {
        on_workers(|_| {
            let folder = Folder::new();
            let path = folder.fifo("fifo");
            let before = open_descriptors();
            let busy = || stats().threads - stats().idle;
            let cut: [fn(&Path); 2] = [
                |path| assert!(timeout(10 * SOON, || File::open(path)).is_err()),
                |path| {
                    let late = io_deadline(Instant::now() + 10 * SOON, || File::open(path));
                    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
                },
            ];
            for (number, cut) in cut.into_iter().enumerate() {
                // One that is cut short in the queue is withdrawn, and opens nothing.
                while busy() == number {
                    let path = path.clone();
                    go!({ cut(&path) }).wait();
                }
            }
            let theirs = path.clone();
            let cancelled = go!({ File::open(theirs) });
            until(|| busy() == 3);
            cancelled.cancel();
            assert_cancelled(cancelled);
            until(|| {
                let_open(&path);
                let now = stats();
                now.threads == now.idle
            });
            assert_eq!(open_descriptors(), before);
        });
    });
}

/// A terminal and the side of it that an emulator has.
fn terminal() -> (File, File) {
    let (mut emulator, mut terminal) = (0, 0);
    // SAFETY: there is room for both descriptors, and null stands for what is not asked for.
    let result = unsafe {
        libc::openpty(
            &raw mut emulator,
            &raw mut terminal,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    // SAFETY: the call has just made both descriptors.
    let [emulator, terminal] = [emulator, terminal].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    (emulator.into(), terminal.into())
}

#[test]
fn a_terminal_is_read_by_the_line() {
    both(|| {
        let (mut emulator, terminal) = terminal();
        assert!(terminal.is_terminal());
        assert!(timeout(SOON, || (&terminal).read(&mut [0; 8])).is_err());
        emulator.write_all(b"hel")?;
        assert!(timeout(SOON, || (&terminal).read(&mut [0; 8])).is_err());
        emulator.write_all(b"lo\nworld\n")?;
        let mut lines = BufReader::new(&terminal).lines();
        assert_eq!(lines.next().unwrap()?, "hello");
        assert_eq!(lines.next().unwrap()?, "world");
        (&terminal).write_all(b"answer")?;
        let mut echoed = [0; 14 + 4 + 6];
        emulator.read_exact(&mut echoed[..13 + 6])?;
        Ok(())
    });
}

#[test]
fn a_socket_is_waited_for_as_well() {
    on_workers(|_| {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut file = File::from(OwnedFd::from(one));
        let reading = go!({
            let mut buf = [0; 2];
            file.read_exact(&mut buf).map(|()| (buf, file))
        });
        settle();
        other.write_all(b"ab").unwrap();
        let (buf, file) = reading.wait().unwrap();
        assert_eq!(&buf, b"ab");
        // A plain thread, too.
        let mut file = thread::spawn(move || {
            let mut file = file;
            assert!(timeout(SOON, || file.read(&mut buf.clone())).is_err());
            file
        })
        .join()
        .unwrap();
        drop(other);
        assert_eq!(file.read(&mut [0; 8]).unwrap(), 0);
    });
}
