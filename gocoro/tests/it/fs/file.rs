//! `File` and `OpenOptions` do what std documents, in tasks and on plain threads, on a disk and in
//! memory.

use std::fs as std_fs;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use gocoro::fs::{File, FileTimes, OpenOptions, Permissions};
use gocoro::io::{self, ErrorKind, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};

use super::{Folder, each};

/// The most that one call of a task's transfers.
const MOST: usize = 1 << 20;

/// Bytes that differ from their neighbours near and far.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn read_write(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path)
}

/// All combinations of options, for a file that is there and for one that is not.
#[test]
fn it_opens_what_std_opens() {
    fn shown<F: Write>(result: io::Result<F>, path: &Path) -> String {
        let written = result.map(|mut file| file.write(b"x").map_err(|error| error.kind()));
        let result = written.map_err(|error| (error.kind(), error.raw_os_error()));
        format!("{result:?}, {:?}", std_fs::read(path).ok())
    }
    each(|path| {
        for options in 0..64 {
            let has = |bit: u32| options & (1 << bit) != 0;
            for is_there in [false, true] {
                let prepare = || match is_there {
                    true => std_fs::write(&path, "old").unwrap(),
                    false => drop(std_fs::remove_file(&path)),
                };
                prepare();
                let mut of_std = std_fs::OpenOptions::new();
                of_std.read(has(0)).write(has(1)).append(has(2));
                of_std.truncate(has(3)).create(has(4)).create_new(has(5));
                let expected = shown(of_std.open(&path), &path);
                prepare();
                let mut options = OpenOptions::new();
                options.read(has(0)).write(has(1)).append(has(2));
                options.truncate(has(3)).create(has(4)).create_new(has(5));
                assert_eq!(format!("{options:?}"), format!("{of_std:?}"));
                assert_eq!(shown(options.clone().open(&path), &path), expected, "{options:?}");
            }
        }
        Ok(())
    });
}

#[test]
fn the_short_forms_open_as_stds() {
    each(|path| {
        assert_eq!(kind(File::open(&path)), ErrorKind::NotFound);
        let mut file = File::create(&path)?;
        file.write_all(b"one")?;
        assert_eq!(
            kind(file.read(&mut [0])),
            kind((&std_fs::File::create("/dev/null")?).read(&mut [0]))
        );
        assert_eq!(kind(File::create_new(&path)), ErrorKind::AlreadyExists);
        assert_eq!(std_fs::read(&path)?, b"one");
        drop(File::create(&path)?);
        assert_eq!(std_fs::read(&path)?, b"");
        std_fs::remove_file(&path)?;
        let mut file = File::create_new(&path)?;
        file.write_all(b"two")?;
        file.rewind()?;
        assert_eq!(io::read_to_string(&file)?, "two");
        assert!(File::open(&path)?.write(b"x").is_err());
        Ok(())
    });
}

#[test]
fn modes_and_flags_of_the_system_are_heeded() {
    each(|path| {
        let file = File::options().write(true).create_new(true).mode(0o640).open(&path)?;
        assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o640);
        let link = path.with_extension("link");
        std::os::unix::fs::symlink(&path, &link)?;
        let refused = File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(&link);
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ELOOP));
        std_fs::remove_file(link)
    });
}

#[test]
fn it_reads_writes_and_seeks() {
    each(|path| {
        let mut file = read_write(&path)?;
        assert_eq!(file.write(b"hello world")?, 11);
        assert_eq!(file.stream_position()?, 11);
        assert_eq!(file.seek(SeekFrom::Start(6))?, 6);
        let mut buf = [0; 32];
        assert_eq!(file.read(&mut buf)?, 5);
        assert_eq!(&buf[..5], b"world");
        assert_eq!((file.read(&mut buf)?, file.read(&mut [])?), (0, 0));
        assert_eq!(file.seek(SeekFrom::End(-5))?, 6);
        assert_eq!(file.seek(SeekFrom::Current(-6))?, 0);
        assert_eq!(kind(file.seek(SeekFrom::Current(-1))), ErrorKind::InvalidInput);
        assert_eq!(kind(file.seek(SeekFrom::Start(u64::MAX))), ErrorKind::InvalidInput);
        // A reference will do, and what lies beyond the end is filled.
        (&file).seek(SeekFrom::Start(13))?;
        (&file).write_all(b"!")?;
        (&file).flush()?;
        (&file).rewind()?;
        assert_eq!(io::read_to_string(&file)?, "hello world\0\0!");
        Ok(())
    });
}

#[test]
fn what_is_appended_comes_last() {
    each(|path| {
        std_fs::write(&path, "a")?;
        let mut one = File::options().append(true).open(&path)?;
        let mut other = File::options().append(true).read(true).open(&path)?;
        other.rewind()?;
        for text in ["b", "d"] {
            one.write_all(text.as_bytes())?;
            other.write_all(&[text.as_bytes()[0] + 1])?;
        }
        assert_eq!(std_fs::read_to_string(&path)?, "abcde");
        Ok(())
    });
}

#[test]
fn several_buffers_are_one() {
    each(|path| {
        let mut file = read_write(&path)?;
        let bufs = [&b""[..], b"he", b"", b"llo"].map(IoSlice::new);
        assert_eq!(file.write_vectored(&bufs)?, 5);
        assert_eq!((file.write_vectored(&[])?, file.write_vectored(&bufs[..1])?), (0, 0));
        file.rewind()?;
        let (mut none, mut two, mut nine) = ([], [0; 2], [0; 9]);
        let mut bufs = [&mut none[..], &mut two, &mut nine].map(IoSliceMut::new);
        assert_eq!(file.read_vectored(&mut bufs)?, 5);
        assert_eq!((&two, &nine[..3]), (b"he", &b"llo"[..]));
        assert_eq!(file.read_vectored(&mut [])?, 0);
        Ok(())
    });
}

/// A call of a task's stops at a bound, and nothing is lost or doubled.
#[test]
fn long_transfers_arrive_whole() {
    each(|path| {
        let long = pattern(2 * MOST + 5);
        let mut file = read_write(&path)?;
        let is_task = gocoro::task::try_current().is_some();
        let most = if is_task { MOST } else { long.len() };
        assert_eq!(file.write(&long)?, most);
        file.write_all(&long[most..])?;
        file.rewind()?;
        let mut whole = Vec::new();
        assert_eq!(file.read_to_end(&mut whole)?, long.len());
        assert!(whole == long);

        file.rewind()?;
        let bufs = [&[], &long[..], &[1]].map(IoSlice::new);
        let all = if is_task { most } else { most + 1 };
        assert_eq!(file.write_vectored(&bufs)?, all);
        assert_eq!(file.stream_position()?, all as u64);
        file.rewind()?;
        let mut again = vec![0; long.len()];
        let mut filled = 0;
        while filled < again.len() {
            let mut bufs = [IoSliceMut::new(&mut []), IoSliceMut::new(&mut again[filled..])];
            filled += file.read_vectored(&mut bufs)?;
        }
        assert!(again == long);
        assert!(file.read_at(&mut again, 0)? <= most);
        Ok(())
    });
}

/// One call of a task's transfers no more than the bound, and what it left is there for the next.
#[test]
fn a_single_call_of_a_task_has_a_bound() {
    each(|path| {
        let in_memory = path.starts_with("/dev/shm");
        let long = pattern(4 * MOST);
        std_fs::write(&path, &long)?;
        let mut file = File::options().read(true).write(true).open(&path)?;
        let is_task = gocoro::task::try_current().is_some();
        let most = if is_task { MOST } else { long.len() };
        // On a disk it may be less: what can be done without waiting.
        let is_right = |count| count == most || (0 < count && count < most && !in_memory);
        let mut whole = vec![0; long.len()];
        let count = file.read(&mut whole)?;
        assert!(is_right(count), "{count}");
        assert_eq!(file.stream_position()?, count as u64);
        file.read_exact(&mut whole[count..])?;
        assert!(whole == long);
        assert_eq!(file.read(&mut whole)?, 0);

        let other: Vec<u8> = long.iter().map(|byte| !byte).collect();
        file.rewind()?;
        let count = file.write(&other)?;
        assert!(is_right(count), "{count}");
        assert_eq!(file.stream_position()?, count as u64);
        let now = std_fs::read(&path)?;
        assert!(now[..count] == other[..count] && now[count..] == long[count..]);
        file.set_len(0)?;
        let count = file.write_at(&other, 0)?;
        assert!(is_right(count), "{count}");
        assert_eq!(file.metadata()?.len(), count as u64);
        Ok(())
    });
}

#[test]
fn all_is_read_into_no_more_memory_than_it_takes() {
    each(|path| {
        std_fs::write(&path, pattern(10_000))?;
        let mut file = File::open(&path)?;
        let mut bytes = Vec::new();
        assert_eq!(file.read_to_end(&mut bytes)?, 10_000);
        assert_eq!(bytes.capacity(), 10_000);
        assert_eq!(file.read_to_end(&mut bytes)?, 0);

        // What is there stays in front.
        file.seek(SeekFrom::End(-3))?;
        let mut bytes = b"ab".to_vec();
        assert_eq!(file.read_to_end(&mut bytes)?, 3);
        assert_eq!(bytes[..2], *b"ab");
        assert_eq!(bytes[2..], pattern(10_000)[9_997..]);

        let mut nothing = Vec::new();
        assert_eq!(File::open("/dev/null")?.read_to_end(&mut nothing)?, 0);
        drop(File::create(&path)?);
        assert_eq!(File::open(&path)?.read_to_end(&mut nothing)?, 0);
        assert_eq!(nothing.capacity(), 0);
        Ok(())
    });
}

#[test]
fn text_is_read_as_text_or_not_at_all() {
    each(|path| {
        std_fs::write(&path, "größer")?;
        let mut file = File::open(&path)?;
        let mut text = String::new();
        assert_eq!(file.read_to_string(&mut text)?, 8);
        file.rewind()?;
        assert_eq!(file.read_to_string(&mut text)?, 8);
        assert_eq!(text, "größergrößer");
        for begin in ["", "kept"] {
            let mut text = begin.to_owned();
            file.seek(SeekFrom::Start(3))?; // in the middle of a letter
            let error = file.read_to_string(&mut text).unwrap_err();
            let of_std = (&b"\xB6"[..]).read_to_string(&mut String::new()).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (of_std.kind(), of_std.to_string()));
            assert_eq!(text, begin);
        }
        Ok(())
    });
}

/// Its length is not told beforehand, and it cannot be read from memory without a wait.
#[test]
fn a_file_of_the_kernels_is_read_whole() {
    each(|_| {
        let status = io::read_to_string(File::open("/proc/self/limits")?)?;
        assert_eq!(status, std_fs::read_to_string("/proc/self/limits")?);
        let mut file = File::open("/proc/self/limits")?;
        let mut buf = [0; 5];
        file.read_exact(&mut buf)?;
        assert_eq!(&buf, b"Limit");
        assert_eq!(file.stream_position()?, 5);
        Ok(())
    });
}

#[test]
fn at_an_offset_the_position_does_not_count() {
    each(|path| {
        let mut file = read_write(&path)?;
        file.write_all(b"0123456789")?;
        let mut buf = [0; 4];
        assert_eq!(file.read_at(&mut buf, 8)?, 2);
        assert_eq!(file.read_at(&mut buf, 10)?, 0);
        file.read_exact_at(&mut buf, 3)?;
        assert_eq!(&buf, b"3456");
        assert_eq!(kind(file.read_exact_at(&mut buf, 8)), ErrorKind::UnexpectedEof);
        assert_eq!(file.write_at(b"x", 12)?, 1);
        file.write_all_at(b"ab", 0)?;
        assert_eq!(file.stream_position()?, 10);
        assert_eq!(std_fs::read(&path)?, b"ab23456789\0\0x");
        for offset in [u64::MAX, 1 << 63] {
            assert_eq!(kind(file.read_at(&mut buf, offset)), ErrorKind::InvalidInput);
            assert_eq!(kind(file.write_at(&buf, offset)), ErrorKind::InvalidInput);
        }
        Ok(())
    });
}

#[test]
fn what_is_known_about_it_is_told_and_changed() {
    each(|path| {
        let file = read_write(&path)?;
        file.set_len(10)?;
        assert_eq!(file.metadata()?.len(), 10);
        file.set_len(4)?;
        assert_eq!(std_fs::read(&path)?, [0; 4]);
        file.set_permissions(Permissions::from_mode(0o600))?;
        assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o600);
        let (then, later) = (Duration::from_secs(1_000), Duration::from_secs(2_000));
        let (then, later) = (SystemTime::UNIX_EPOCH + then, SystemTime::UNIX_EPOCH + later);
        file.set_times(FileTimes::new().set_accessed(then).set_modified(later))?;
        assert_eq!((file.metadata()?.accessed()?, file.metadata()?.modified()?), (then, later));
        file.set_modified(then)?;
        assert_eq!(file.metadata()?.modified()?, then);
        file.sync_data()?;
        file.sync_all()?;
        assert!(file.metadata()?.is_file());
        assert_eq!(kind(File::open(&path)?.set_len(0)), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn a_clone_shares_the_position() {
    each(|path| {
        std_fs::write(&path, "abc")?;
        let mut file = File::open(&path)?;
        let mut clone = file.try_clone()?;
        assert_ne!(file.as_raw_fd(), clone.as_raw_fd());
        let mut byte = [0];
        for expected in [b"a", b"b"] {
            clone.read_exact(&mut byte)?;
            assert_eq!(&byte, expected);
            mem::swap(&mut file, &mut clone);
        }
        drop(clone);
        assert_eq!(io::read_to_string(file)?, "c");
        Ok(())
    });
}

#[test]
fn a_directory_opens_and_cannot_be_read() {
    each(|path| {
        let folder = File::open(path.parent().unwrap())?;
        assert!(folder.metadata()?.is_dir());
        folder.sync_all()?;
        for _ in 0..2 {
            assert_eq!(kind((&folder).read(&mut [0; 8])), ErrorKind::IsADirectory);
        }
        Ok(())
    });
}

#[test]
fn devices_are_read_and_written() {
    each(|_| {
        let mut buf = [1; 100];
        File::open("/dev/zero")?.read_exact(&mut buf)?;
        assert_eq!(buf, [0; 100]);
        File::open("/dev/urandom")?.read_exact(&mut buf)?;
        assert_ne!(buf, [0; 100]);
        assert_eq!(File::open("/dev/zero")?.read_at(&mut buf, 7)?, 100);
        let mut null = File::create("/dev/null")?;
        null.write_all(&[0; 3 * MOST])?;
        assert_eq!(null.seek(SeekFrom::End(0))?, 0);
        let full = File::options().write(true).open("/dev/full")?;
        assert_eq!(kind((&full).write(b"x")), ErrorKind::StorageFull);
        Ok(())
    });
}

#[test]
fn it_comes_from_others_and_becomes_others() {
    each(|path| {
        let of_std = std_fs::File::create(&path)?;
        let shown = format!("{of_std:?}");
        let mut file = File::from(of_std);
        assert_eq!(format!("{file:?}"), shown);
        file.write_all(b"1")?;
        let mut file = File::from(OwnedFd::from(file));
        file.write_all(b"2")?;
        let raw = file.into_raw_fd();
        // SAFETY: the descriptor was just given up.
        let mut file = unsafe { File::from_raw_fd(raw) };
        assert_eq!((file.as_raw_fd(), file.as_fd().as_raw_fd()), (raw, raw));
        assert!(!file.is_terminal() && !IsTerminal::is_terminal(&file));
        file.write_all(b"3")?;
        let child = Command::new("echo").arg("4").stdout(Stdio::from(file)).status()?;
        assert!(child.success());
        assert_eq!(std_fs::read_to_string(&path)?, "1234\n");

        let mut text = String::new();
        std_fs::File::from(File::open(&path)?).read_to_string(&mut text)?;
        assert_eq!(text, "1234\n");
        Ok(())
    });
}

/// What std's type promises to the compiler.
#[test]
fn it_goes_wherever_stds_does() {
    fn has_all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + std::fmt::Debug>() {}
    has_all::<File>();
    has_all::<OpenOptions>();
}

/// Nothing of an open file is left when it has been dropped, wherever it came from.
#[test]
fn dropped_is_closed() {
    each(|path| {
        let fd = File::create(&path)?.into_raw_fd();
        // SAFETY: the descriptor was just given up.
        drop(unsafe { File::from_raw_fd(fd) });
        let link = std_fs::read_link(format!("/proc/self/fd/{fd}"));
        assert!(link.is_err() || link.unwrap() != path);
        Ok(())
    });
}

/// The children of `Folder` are left out of what the other tests see.
#[test]
fn a_file_outlives_its_name() {
    let folder = Folder::new();
    let path: PathBuf = folder.file("file", "still here");
    let mut file = File::open(&path).unwrap();
    drop(folder);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
    assert!(!path.exists());
}
