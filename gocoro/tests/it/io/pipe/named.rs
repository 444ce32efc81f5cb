//! Named pipes. The kernel has no calls for them that never wait, as an older one has none for any
//! pipe: so it is asked first.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{env, ffi, process};

use gocoro::go;
use gocoro::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use gocoro::time::timeout;

use super::{ATOMIC, assert_blocking, carry, pattern, whole_records};
use crate::support::{SOON, on_workers, settle};
use crate::tcp::{both, kind, matrix};

/// Both ends of a named pipe, whose name is gone again.
fn fifo() -> io::Result<(PipeReader, PipeWriter)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("gocoro-it-fifo-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed));
    let path = env::temp_dir().join(name);
    let name = ffi::CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: a string that ends with a null byte.
    if unsafe { libc::mkfifo(name.as_ptr(), 0o600) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Each side's opening waits until somebody has the other side.
    let both = File::options().read(true).write(true).open(&path)?;
    let (reader, writer) = (File::open(&path), File::options().write(true).open(&path));
    drop(both);
    fs::remove_file(path)?;
    Ok((OwnedFd::from(reader?).into(), OwnedFd::from(writer?).into()))
}

#[test]
fn much_goes_through() {
    matrix(|peer| {
        let (reader, writer) = fifo()?;
        carry(reader, writer, peer)
    });
}

#[test]
fn small_writes_stay_whole() {
    both(|| {
        for size in [ATOMIC, 1000] {
            let (reader, writer) = fifo()?;
            whole_records(reader, writer, size)?;
        }
        Ok(())
    });
}

#[test]
fn it_waits_and_ends_as_any_pipe() {
    both(|| {
        let (mut reader, mut writer) = fifo()?;
        assert!(timeout(SOON, || reader.read(&mut [0; 8])).is_err());
        // A long write takes a part of what there is room for, and does not wait for more.
        assert_eq!(writer.write(&pattern(1 << 20))?, ATOMIC);
        while timeout(SOON, || writer.write(&[0; 1 << 16])).is_ok() {}
        assert!(reader.read(&mut [0; 8])? > 0);
        assert_blocking(&reader);
        assert_blocking(&writer);
        drop(reader);
        assert_eq!(kind(writer.write(b"x")), ErrorKind::BrokenPipe);
        let (mut reader, writer) = fifo()?;
        drop(writer);
        assert_eq!(reader.read(&mut [0; 8])?, 0);
        Ok(())
    });
}

/// A reader that another one had taken the bytes from would hold its worker, and the writer with
/// it.
#[test]
fn readers_do_not_block_each_other() {
    on_workers(|workers| {
        let (reader, mut writer) = fifo().unwrap();
        let shared = Arc::new(reader);
        let reading: Vec<_> = (0..2 * workers)
            .map(|number| {
                let own = (number % 2 == 0).then(|| shared.try_clone().unwrap());
                go!(clone(shared) => {
                    let mut reader: &PipeReader = own.as_ref().unwrap_or(&shared);
                    let mut count = 0;
                    while reader.read(&mut [0]).unwrap() == 1 {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        settle();
        for _ in 0..3000 {
            writer.write_all(&[1]).unwrap();
        }
        drop(writer);
        assert_eq!(reading.into_iter().map(|task| task.wait()).sum::<i32>(), 3000);
    });
}
