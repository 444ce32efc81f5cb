//! Directories are made and removed as std documents, and entries are what std's are.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fs as std_fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt, PermissionsExt, symlink};
use std::panic::{RefUnwindSafe, UnwindSafe};

use gocoro::fs::{self, DirBuilder, DirEntry, ReadDir};
use gocoro::{go, io, task};

use super::Folder;
use crate::support::{in_both_colours, on_workers};

#[test]
fn the_types_are_as_free_as_those_of_std() {
    fn as_of_std<T: Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
    as_of_std::<ReadDir>();
    as_of_std::<DirEntry>();
    as_of_std::<DirBuilder>();
}

#[test]
fn entries_say_what_those_of_std_say() {
    in_both_colours(|| {
        let folder = Folder::quick();
        folder.file("file", "seven");
        folder.fifo("fifo");
        std_fs::create_dir(folder.join("dir")).unwrap();
        symlink("file", folder.join("link")).unwrap();
        let mut known = HashMap::new();
        for entry in std_fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            known.insert(entry.file_name(), entry);
        }
        let mut entries = fs::read_dir(folder.path()).unwrap();
        let path = folder.path();
        assert_eq!(format!("{entries:?}"), format!("{:?}", std_fs::read_dir(path).unwrap()));
        for entry in &mut entries {
            let entry = entry.unwrap();
            let std = known.remove(&entry.file_name()).unwrap();
            assert_eq!(entry.path(), std.path());
            assert_eq!(entry.ino(), std.ino());
            assert_eq!(entry.file_type().unwrap(), std.file_type().unwrap());
            let metadata = entry.metadata().unwrap();
            assert_eq!(metadata.ino(), entry.ino());
            assert_eq!(metadata.len(), std.metadata().unwrap().len());
            assert_eq!(format!("{entry:?}"), format!("{std:?}"));
        }
        assert!(known.is_empty());
        for _ in 0..3 {
            assert!(entries.next().is_none());
        }
    });
}

/// A path that has no directory, or no end, is taken as it was given.
#[test]
fn paths_of_entries_begin_as_the_directory_was_given() {
    in_both_colours(|| {
        let folder = Folder::quick();
        folder.file("file", "");
        for given in [folder.join("."), folder.join(""), folder.join("../").join(folder.path())] {
            let entry = fs::read_dir(&given).unwrap().next().unwrap().unwrap();
            assert_eq!(entry.path().as_os_str(), given.join("file").as_os_str());
        }
        let entry = fs::read_dir(".").unwrap().next().unwrap().unwrap();
        assert!(entry.path().starts_with("."));
    });
}

#[test]
fn what_is_no_readable_directory_is_an_error() {
    in_both_colours(|| {
        let folder = Folder::quick();
        let file = folder.file("file", "");
        let kind = |path| fs::read_dir(path).map(drop).unwrap_err().kind();
        assert_eq!(kind(folder.join("none")), ErrorKind::NotFound);
        assert_eq!(kind(file), ErrorKind::NotADirectory);
        assert_eq!(kind("null \0".into()), ErrorKind::InvalidInput);
    });
}

#[test]
fn an_entry_outlives_its_directory_and_its_file() {
    in_both_colours(|| {
        let folder = Folder::quick();
        folder.file("file", "");
        let entry = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let moved = folder.join("moved");
        std_fs::create_dir(&moved).unwrap();
        // It is looked for in the directory that was read, wherever that is.
        assert!(entry.metadata().unwrap().is_file());
        std_fs::remove_file(folder.join("file")).unwrap();
        assert_eq!(entry.metadata().unwrap_err().kind(), ErrorKind::NotFound);
        // What the directory said is known.
        assert!(entry.file_type().unwrap().is_file());
        assert_eq!(entry.file_name(), "file");
    });
}

#[test]
fn builders_make_directories_as_they_are_told() {
    in_both_colours(|| {
        let folder = Folder::quick();
        let mode = |path| std_fs::metadata(folder.join(path)).unwrap().mode() & 0o7777;
        let mut builder = DirBuilder::new();
        let mut std = std_fs::DirBuilder::new();
        assert_eq!(format!("{builder:?}"), format!("{std:?}"));
        builder.create(folder.join("plain")).unwrap();
        std.create(folder.join("std")).unwrap();
        assert_eq!(mode("plain"), mode("std"));
        assert_eq!(
            builder.create(folder.join("plain")).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(builder.create(folder.join("a/b")).unwrap_err().kind(), ErrorKind::NotFound);
        builder.recursive(true).mode(0o700);
        std.recursive(true).mode(0o700);
        assert_eq!(format!("{builder:?}"), format!("{std:?}"));
        builder.create(folder.join("a/b/c")).unwrap();
        builder.create(folder.join("a/b/c")).unwrap();
        for made in ["a", "a/b", "a/b/c"] {
            assert_eq!(mode(made), 0o700);
        }
        folder.file("a/file", "");
        let error = builder.create(folder.join("a/file")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    });
}

#[test]
fn whoever_makes_the_same_directories_at_once_succeeds() {
    on_workers(|_| {
        let folder = Folder::quick();
        for round in 0..20 {
            let path = folder.join(format!("{round}/a/b/c/d/e"));
            task::scope(|s| {
                let all: Vec<_> = (0..20).map(|_| s.spawn(|| fs::create_dir_all(&path))).collect();
                all.into_iter().for_each(|one| one.wait().unwrap());
            });
            assert!(path.is_dir());
        }
    });
}

#[test]
fn links_are_removed_and_not_followed() {
    in_both_colours(|| {
        let folder = Folder::quick();
        let kept = folder.join("kept");
        std_fs::create_dir(&kept).unwrap();
        folder.file("kept/file", "");
        std_fs::create_dir_all(folder.join("tree/deep")).unwrap();
        symlink(&kept, folder.join("tree/link")).unwrap();
        symlink("..", folder.join("tree/deep/up")).unwrap();
        symlink("nowhere", folder.join("tree/deep/dangling")).unwrap();
        fs::remove_dir_all(folder.join("tree")).unwrap();
        assert_eq!(folder.names(), ["kept"]);
        assert!(kept.join("file").exists());
        // A link itself is no directory, and goes as std says.
        symlink(&kept, folder.join("link")).unwrap();
        let result = fs::remove_dir_all(folder.join("link")).map_err(|error| error.kind());
        symlink(&kept, folder.join("other")).unwrap();
        let std = std_fs::remove_dir_all(folder.join("other")).map_err(|error| error.kind());
        assert_eq!(result, std);
        assert!(kept.join("file").exists());
    });
}

#[test]
fn deep_and_broad_trees_are_removed() {
    in_both_colours(|| {
        let folder = Folder::quick();
        let deep = folder.join("tree").join("d/".repeat(300));
        fs::create_dir_all(&deep).unwrap();
        for number in 0..1000 {
            std_fs::write(folder.join("tree/d/d").join(number.to_string()), "").unwrap();
        }
        std_fs::set_permissions(&deep, std_fs::Permissions::from_mode(0o700)).unwrap();
        fs::remove_dir_all(folder.join("tree")).unwrap();
        assert_eq!(folder.names(), [""; 0]);
        let error = fs::remove_dir_all(folder.join("tree")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// A walk of tasks, one for each directory.
#[test]
fn directories_are_read_side_by_side() {
    fn count(path: std::path::PathBuf) -> io::Result<usize> {
        let mut below = vec![];
        let mut files = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => below.push(go!(count(entry.path()))),
                false => files += 1,
            }
        }
        for part in below {
            files += part.wait()?;
        }
        Ok(files)
    }
    on_workers(|_| {
        let folder = Folder::quick();
        for a in 0..6 {
            for b in 0..6 {
                let dir = folder.join(format!("{a}/{b}"));
                std_fs::create_dir_all(&dir).unwrap();
                (0..6).for_each(|c| std_fs::write(dir.join(c.to_string()), "").unwrap());
            }
        }
        assert_eq!(count(folder.path().to_owned()).unwrap(), 6 * 6 * 6);
    });
}
