//! Open files.

mod convert;
mod lock;
mod read;
mod write;

use std::fs::{FileTimes, Metadata, Permissions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::handle::Handle;
use super::open_options::OpenOptions;

/// An open file; as [`std::fs::File`].
///
/// Everything std's has, on the value and on a reference, with std's errors. std's
/// [`FileExt`](std::os::unix::fs::FileExt) has its methods here: reads and writes at an offset.
///
/// # Which way the bytes go
///
/// In a task no call blocks the worker for longer than the kernel takes to copy at most 1 MiB, or
/// to begin a read-ahead:
///
/// | file | read | written |
/// |---|---|---|
/// | on a disk, where Linux has calls that never wait (ext4, XFS, Btrfs …) | from memory if it is there, else on the blocking pool | the same (XFS, Btrfs), or on the pool (ext4) |
/// | in memory (tmpfs, `memfd`) | directly | directly up to 64 KiB, else on the pool |
/// | on a network, FUSE or overlay file system; opened with `O_DIRECT` | on the pool | on the pool |
/// | named pipe, terminal, device, socket | once it is ready, as an [`io::pipe`](fn@crate::io::pipe) | the same |
///
/// On the way through the blocking pool a buffer is lent, not copied. A call there costs some ten
/// microseconds, one from memory well under one. What of a file is in memory decides anew each
/// time. If only the beginning of what was asked for is there, a `read` returns that.
///
/// A `read` or `write` of a task transfers at most 1 MiB. std's, and those of a plain thread that
/// nothing bounds, have no such limit.
///
/// # What cannot be cut short
///
/// A read or write on the blocking pool uses the caller's buffer, so it is waited for once it runs:
/// a cancel, a timeout or an [`io_deadline`](crate::time::io_deadline) that comes meanwhile takes
/// effect at the next wait. One that has not begun is withdrawn, and has done nothing. So it is
/// with all calls here but [`open`](File::open). A file that has no end and makes its readers wait,
/// such as `/proc/kmsg` or `trace_pipe` of tracefs, keeps them for as long as it likes, and a
/// thread of the pool with each; take [`Pollable`](crate::io::Pollable) for those. Files are also
/// read and written by destructors of a cancelled task, where sockets and pipes return an error.
///
/// # The position
///
/// The file's position is the kernel's, shared with clones and with whatever other process has the
/// open file. Tasks and threads that use it at the same time, through one `File` or its clones,
/// wait for each other, suspended. Someone else who reads or writes at the same position of the
/// same open file, through a descriptor of his own or in another process, as a child does that got
/// the file for its output, and waits for the disk, blocks the worker meanwhile: the kernel's lock
/// does not tell. Reads and writes at an offset do not have this.
///
/// # Named pipes with several readers or writers
///
/// The kernel has no call that never waits for a named pipe. It is asked whether a call would wait,
/// and then the call is made. Whoever takes in that moment what was there, or fills the room, be it
/// another process or another `File` of the same pipe, makes this call wait, and blocks the worker:
/// for as long as nobody writes, or reads. A pipe that several take from, such as the jobserver of
/// `make`, is opened with `O_NONBLOCK`, and read through [`Pollable`](crate::io::Pollable).
///
/// # Closing
///
/// Dropping a `File` closes it, right there. Errors are ignored, as in std:
/// [`sync_all`](File::sync_all) tells of them. On a network or FUSE file system a close may wait
/// for the server, and blocks the worker meanwhile. So does the last close of a large file that was
/// removed, whose blocks are freed then.
///
/// # Examples
///
/// ```
/// use gocoro::fs::File;
/// use gocoro::io::{self, Read, Seek, Write};
///
/// # let path = std::env::temp_dir().join(format!("gocoro-doc-file-{}", std::process::id()));
/// let mut file = File::options().read(true).write(true).create(true).open(&path)?;
/// file.write_all(b"hello")?;
/// file.rewind()?;
/// let mut text = String::new();
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # std::fs::remove_file(path)?;
/// # io::Result::Ok(())
/// ```
pub struct File {
    handle: Handle,
}

impl File {
    /// Opens a file to be read.
    ///
    /// # Parks
    ///
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    ///
    /// As [`OpenOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::File;
    /// use gocoro::io::Read;
    ///
    /// let mut bytes = [1; 4];
    /// File::open("/dev/zero")?.read_exact(&mut bytes)?;
    /// assert_eq!(bytes, [0; 4]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).open(path.as_ref())
    }

    /// Opens a file to be written. It is made if there is none, and emptied if there is one.
    ///
    /// # Parks
    ///
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    ///
    /// As [`OpenOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::File;
    /// use gocoro::io::Write;
    ///
    /// File::create("/dev/null")?.write_all(b"nothing of this is kept")?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path.as_ref())
    }

    /// Makes a file, to be read and written. Fails if there is one.
    ///
    /// # Parks
    ///
    /// As [`OpenOptions::open`].
    ///
    /// # Errors
    ///
    /// As [`OpenOptions::open`]: `AlreadyExists` if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::{fs::File, io::ErrorKind};
    ///
    /// assert_eq!(File::create_new("/dev/null").unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// ```
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path.as_ref())
    }

    /// Makes options of how a file is opened; as [`OpenOptions::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// let file = gocoro::fs::File::options().read(true).open("/dev/null")?;
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over what was opened on this thread, which may wait.
    pub(super) fn of_opened(file: std::fs::File) -> File {
        File { handle: Handle::of_opened(file) }
    }

    /// Writes all that the system has of the file in memory, and what is known about it, to the
    /// disk.
    ///
    /// # Parks
    ///
    /// Until the disk has it. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// What the system says: that a write which had seemed to succeed has failed, for one.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-sync-{}", std::process::id()));
    /// let file = gocoro::fs::File::create(&path)?;
    /// std::io::Write::write_all(&mut &file, b"kept")?;
    /// file.sync_all()?;
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn sync_all(&self) -> io::Result<()> {
        self.handle.work(|file| file.sync_all())
    }

    /// Writes all that the system has of the file in memory to the disk, and about it only what is
    /// needed to read it.
    ///
    /// # Parks
    ///
    /// As [`sync_all`](File::sync_all).
    ///
    /// # Errors
    ///
    /// As [`sync_all`](File::sync_all).
    pub fn sync_data(&self) -> io::Result<()> {
        self.handle.work(|file| file.sync_data())
    }

    /// Cuts the file to a length, or extends it by zeros.
    ///
    /// The position stays where it is.
    ///
    /// # Parks
    ///
    /// Until the file system has done it, which takes its time for a large file. On a plain thread
    /// it blocks the thread.
    ///
    /// # Errors
    ///
    /// If the file was not opened to be written, and what else the system says.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-len-{}", std::process::id()));
    /// let file = gocoro::fs::File::create(&path)?;
    /// file.set_len(10)?;
    /// assert_eq!(file.metadata()?.len(), 10);
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.handle.work(move |file| file.set_len(size))
    }

    /// Asks about the file: its length, its kind, its permissions, its times.
    ///
    /// # Parks
    ///
    /// Not on a file system of this machine, once it is known to be one, which it is of a file that
    /// a task has opened; else until the blocking pool has asked. On a plain thread it blocks the
    /// thread.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(gocoro::fs::File::open("/")?.metadata()?.is_dir());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.handle.ask(|file| file.metadata())
    }

    /// Makes another handle on the open file, with the same position.
    ///
    /// # Errors
    ///
    /// If the process has no descriptors left.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::File;
    /// use gocoro::io::{Read, Seek};
    ///
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-clone-{}", std::process::id()));
    /// # std::fs::write(&path, "ab")?;
    /// let mut file = File::open(&path)?;
    /// let mut clone = file.try_clone()?;
    /// file.read_exact(&mut [0])?;
    /// assert_eq!(clone.stream_position()?, 1);
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_clone(&self) -> io::Result<File> {
        Ok(File { handle: self.handle.try_clone()? })
    }

    /// Sets who may do what with the file.
    ///
    /// # Parks
    ///
    /// Until the file system has done it. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// If that is not permitted, and what else the system says.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-mode-{}", std::process::id()));
    /// let file = gocoro::fs::File::create(&path)?;
    /// let mut permissions = file.metadata()?.permissions();
    /// permissions.set_readonly(true);
    /// file.set_permissions(permissions)?;
    /// assert!(file.metadata()?.permissions().readonly());
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_permissions(&self, perm: Permissions) -> io::Result<()> {
        self.handle.work(move |file| file.set_permissions(perm))
    }

    /// Sets the file's times.
    ///
    /// # Parks
    ///
    /// Until the file system has done it. On a plain thread it blocks the thread.
    ///
    /// # Errors
    ///
    /// If that is not permitted, or a time is not one that the file system has.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::fs::{File, FileTimes};
    /// use std::time::SystemTime;
    ///
    /// # let path = std::env::temp_dir().join(format!("gocoro-doc-times-{}", std::process::id()));
    /// let file = File::create(&path)?;
    /// file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))?;
    /// assert_eq!(file.metadata()?.modified()?, SystemTime::UNIX_EPOCH);
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.handle.work(move |file| file.set_times(times))
    }

    /// Sets the time of the file's last change.
    ///
    /// # Parks
    ///
    /// As [`set_times`](File::set_times).
    ///
    /// # Errors
    ///
    /// As [`set_times`](File::set_times).
    #[inline]
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }
}
