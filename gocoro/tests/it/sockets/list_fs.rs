//! The list's part about files: each entry makes an operation that a full blocking pool keeps
//! waiting for ever, with all that it needs inside.

use std::io::{self, ErrorKind, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::SystemTime;

use gocoro::fs::{self, DirBuilder, DirEntry, File, FileTimes, Permissions, ReadDir, unix};

use super::list::{Make, Op};
use crate::fs::Folder;

/// An operation in a directory, `$in`, in which there is a file.
macro_rules! op {
    (|$in:ident| $op:expr) => {
        || {
            let folder = folder();
            Ok(Box::new(move || {
                let $in = |name: &str| -> PathBuf { folder.join(name) };
                $op.map(drop)
            }))
        }
    };
}

/// An operation on a file.
macro_rules! on_file {
    (|$file:ident| $op:expr) => {
        || {
            let (file, folder) = file()?;
            Ok(Box::new(move || {
                let (_, $file) = (&folder, &file);
                $op.map(drop)
            }))
        }
    };
}

pub(super) const QUEUED: &[(&str, Make)] = &[
    ("fs::metadata", op!(|at| fs::metadata(at("file")))),
    ("fs::symlink_metadata", op!(|at| fs::symlink_metadata(at("link")))),
    ("fs::exists", op!(|at| fs::exists(at("file")))),
    ("fs::canonicalize", op!(|at| fs::canonicalize(at("link")))),
    ("fs::read_link", op!(|at| fs::read_link(at("link")))),
    ("fs::rename", op!(|at| fs::rename(at("file"), at("new")))),
    ("fs::remove_file", op!(|at| fs::remove_file(at("file")))),
    ("fs::hard_link", op!(|at| fs::hard_link(at("file"), at("new")))),
    ("fs::soft_link", soft_link),
    (
        "fs::set_permissions",
        op!(|at| fs::set_permissions(at("file"), Permissions::from_mode(0o600))),
    ),
    ("fs::read", op!(|at| fs::read(at("file")))),
    ("fs::read_to_string", op!(|at| fs::read_to_string(at("file")))),
    ("fs::write", op!(|at| fs::write(at("new"), [7; 100]))),
    ("fs::copy", op!(|at| fs::copy(at("file"), at("new")))),
    ("fs::create_dir", op!(|at| fs::create_dir(at("new")))),
    ("fs::create_dir_all", op!(|at| fs::create_dir_all(at("new/and/deep")))),
    ("DirBuilder::create", op!(|at| DirBuilder::new().create(at("new")))),
    ("fs::remove_dir", op!(|at| fs::remove_dir(at("empty")))),
    ("fs::remove_dir_all", op!(|at| fs::remove_dir_all(at("empty")))),
    ("fs::read_dir", op!(|at| fs::read_dir(at("empty")))),
    ("ReadDir::next", next_entry),
    ("DirEntry::metadata", metadata_of_entry),
    ("fs::symlink", op!(|at| unix::symlink("file", at("new")))),
    ("fs::chown", op!(|at| unix::chown(at("file"), None, None))),
    ("fs::lchown", op!(|at| unix::lchown(at("link"), None, None))),
    ("fs::fchown", fchown),
    ("fs::chroot", op!(|at| refused_chroot(unix::chroot(at("none"))))),
    ("File::open", op!(|at| File::open(at("file")))),
    ("File::create", op!(|at| File::create(at("new")))),
    ("File::create_new", op!(|at| File::create_new(at("new")))),
    ("File::sync_all", on_file!(|file| file.sync_all())),
    ("File::sync_data", on_file!(|file| file.sync_data())),
    ("File::set_len", on_file!(|file| file.set_len(1))),
    ("File::metadata", on_file!(|file| file.metadata())),
    ("File::set_permissions", on_file!(|file| file.set_permissions(Permissions::from_mode(0o600)))),
    ("File::set_times", on_file!(|file| file.set_times(FileTimes::new()))),
    ("File::set_modified", on_file!(|file| file.set_modified(SystemTime::UNIX_EPOCH))),
    ("File::try_lock", on_file!(|file| Ok(file.try_lock()?))),
    ("File::try_lock_shared", on_file!(|file| Ok(file.try_lock_shared()?))),
    ("File::unlock", on_file!(|file| file.unlock())),
    ("File::seek", on_file!(|file| (&*file).seek(SeekFrom::End(0)))),
    ("File::write", on_file!(|file| (&*file).write(b"x"))),
    ("File::write_vectored", on_file!(|file| (&*file).write_vectored(&[IoSlice::new(b"x")]))),
];

/// A file of which it is not known where it lies, and whose writes wait for the disk.
fn file() -> io::Result<(File, Folder)> {
    let folder = folder();
    let mut options = std::fs::File::options();
    let file = options.write(true).custom_flags(libc::O_DSYNC).open(folder.join("file"))?;
    Ok((file.into(), folder))
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("file", "seven");
    std::fs::create_dir(folder.join("empty")).unwrap();
    std::os::unix::fs::symlink("file", folder.join("link")).unwrap();
    folder
}

fn soft_link() -> io::Result<Op> {
    let folder = folder();
    Ok(Box::new(move || {
        #[expect(deprecated, reason = "std has it, too")]
        fs::soft_link("file", folder.join("new"))
    }))
}

/// On a plain thread, which reads no more than it is asked for, nothing is read ahead.
fn entries() -> io::Result<(ReadDir, Folder)> {
    let folder = folder();
    Ok((fs::read_dir(folder.path())?, folder))
}

/// Takes the entries by `&mut`.
fn next_entry() -> io::Result<Op> {
    let (mut entries, folder) = entries()?;
    Ok(Box::new(move || {
        let _ = &folder;
        entries.next().expect("there is an entry").map(drop)
    }))
}

fn metadata_of_entry() -> io::Result<Op> {
    let (mut entries, folder) = entries()?;
    let entry: DirEntry = entries.next().expect("there is an entry")?;
    Ok(Box::new(move || {
        let _ = &folder;
        entry.metadata().map(drop)
    }))
}

fn fchown() -> io::Result<Op> {
    let folder = folder();
    let file = std::fs::File::open(folder.join("file"))?;
    Ok(Box::new(move || {
        let _ = &folder;
        unix::fchown(&file, None, None)
    }))
}

/// Where there is no directory, nobody may change the root to it.
fn refused_chroot(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
