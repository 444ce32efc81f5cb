//! Each function that takes paths does to any kind of file what std's does, and says what std's
//! says: both are called on trees that are alike, and results and trees are compared.

use std::fs::{self as std_fs, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{self as std_unix, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use gocoro::fs::{self, unix};
use gocoro::time::timeout;

use super::Folder;
use crate::support::{Colour, NEVER};

type OnOne = fn(&Path) -> io::Result<String>;
type OnTwo = fn(&Path, &Path) -> io::Result<String>;

/// Calls that take one path: their names, std's, gocoro's.
macro_rules! on_one {
    ($($module:ident $std:ident $name:ident($($argument:expr),*) -> $show:expr;)*) => {
        &[$((
            stringify!($name),
            |path| $std::$name(path $(, $argument)*).map($show),
            |path| $module::$name(path $(, $argument)*).map($show),
        )),*]
    };
}

/// As [`on_one`], of two paths.
macro_rules! on_two {
    ($($module:ident $std:ident $name:ident -> $show:expr;)*) => {
        &[$((
            stringify!($name),
            |from, to| $std::$name(from, to).map($show),
            |from, to| $module::$name(from, to).map($show),
        )),*]
    };
}

const ON_ONE: &[(&str, OnOne, OnOne)] = on_one! {
    fs std_fs metadata() -> what;
    fs std_fs symlink_metadata() -> what;
    fs std_fs exists() -> |answer| answer.to_string();
    fs std_fs canonicalize() -> shown;
    fs std_fs read_link() -> shown;
    fs std_fs read() -> |bytes| format!("{bytes:?}");
    fs std_fs read_to_string() -> |text| text;
    fs std_fs write("new") -> done;
    fs std_fs write(vec![0xff; 100_000]) -> done;
    fs std_fs remove_file() -> done;
    fs std_fs set_permissions(Permissions::from_mode(0o510)) -> done;
    fs std_fs create_dir() -> done;
    fs std_fs create_dir_all() -> done;
    fs std_fs remove_dir() -> done;
    fs std_fs remove_dir_all() -> done;
    unix std_unix chown(None, None) -> done;
    unix std_unix chown(Some(own_uid()), Some(own_gid())) -> done;
    unix std_unix lchown(Some(own_uid()), None) -> done;
};

/// Where the second path names what is made. `chroot` would take the test program along.
#[expect(deprecated, reason = "std has it, too")]
const ON_TWO: &[(&str, OnTwo, OnTwo)] = on_two! {
    fs std_fs rename -> done;
    fs std_fs copy -> |bytes| bytes.to_string();
    fs std_fs hard_link -> done;
    fs std_fs soft_link -> done;
    unix std_unix symlink -> done;
};

/// The names in a tree, some of which nothing has.
const NAMES: &[&str] = &[
    "file",
    "full",
    "link",
    "dangling",
    "none",
    "empty",
    "dirlink",
    "file/below",
    "read-only",
    "not-text",
    "loop",
    "none/below",
    "full/inside",
    "./full/../file",
    "new/and/deep",
    "a null \0 byte",
    "",
];

/// How many of the names take part where each meets each.
const PAIRED: usize = 8;

fn own_uid() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { libc::getuid() }
}

fn own_gid() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { libc::getgid() }
}

fn done((): ()) -> String {
    String::new()
}

fn shown(path: PathBuf) -> String {
    path.display().to_string()
}

/// What does not differ between two trees.
fn what(metadata: Metadata) -> String {
    let length = if metadata.is_dir() { 0 } else { metadata.len() };
    format!("{:?} {length} {:o}", metadata.file_type(), metadata.permissions().mode())
}

fn tree() -> Folder {
    let tree = Folder::quick();
    tree.file("file", "seven bytes");
    tree.file("read-only", "");
    std_fs::set_permissions(tree.join("read-only"), Permissions::from_mode(0o400)).unwrap();
    std_fs::write(tree.join("not-text"), [0xff, 0xfe]).unwrap();
    std_fs::create_dir(tree.join("empty")).unwrap();
    std_fs::create_dir(tree.join("full")).unwrap();
    tree.file("full/inside", "x");
    for (says, name) in
        [("file", "link"), ("nowhere", "dangling"), ("full", "dirlink"), ("loop", "loop")]
    {
        symlink(says, tree.join(name)).unwrap();
    }
    tree
}

/// All that there is below a directory.
fn listing(dir: &Path, found: &mut Vec<String>) {
    for entry in std_fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let contents = match metadata.file_type() {
            kind if kind.is_symlink() => shown(std_fs::read_link(&path).unwrap()),
            kind if kind.is_file() => format!("{:?}", std_fs::read(&path).unwrap()),
            _ => String::new(),
        };
        found.push(format!("{} {} {contents}", path.display(), what(metadata.clone())));
        if metadata.is_dir() {
            listing(&path, found);
        }
    }
}

/// What a call returned, and the tree after it, without the tree's own path.
fn outcome(call: &dyn Fn(&Folder) -> io::Result<String>) -> String {
    let tree = tree();
    let result = call(&tree).map_err(|error| (error.kind(), error.raw_os_error()));
    let mut found = vec![];
    listing(tree.path(), &mut found);
    found.sort();
    format!("{result:?}\n{}", found.join("\n")).replace(tree.path().to_str().unwrap(), "…")
}

/// No name stands for the empty path, any other one for something in the tree.
fn path(tree: &Folder, name: &str) -> PathBuf {
    if name.is_empty() { PathBuf::new() } else { tree.join(name) }
}

#[track_caller]
fn compare(
    of: &str,
    std: &dyn Fn(&Folder) -> io::Result<String>,
    ours: &dyn Fn(&Folder) -> io::Result<String>,
) {
    assert_eq!(outcome(ours), outcome(std), "{of}");
}

fn all() {
    for (call, std, ours) in ON_ONE {
        for name in NAMES {
            let of = format!("{call} of {name:?}");
            compare(&of, &|tree| std(&path(tree, name)), &|tree| ours(&path(tree, name)));
        }
    }
    for (call, std, ours) in ON_TWO {
        for from in &NAMES[..PAIRED] {
            for to in &NAMES[..PAIRED] {
                let of = format!("{call} from {from:?} to {to:?}");
                let on = |call: &OnTwo, tree: &Folder| call(&path(tree, from), &path(tree, to));
                compare(&of, &|tree| on(std, tree), &|tree| on(ours, tree));
            }
        }
    }
}

#[test]
fn in_tasks() {
    Colour::Task.run(1, all);
}

#[test]
fn on_plain_threads() {
    Colour::Thread.run(0, all);
    // A bound has the pool make the calls of threads, too.
    Colour::Thread.run(0, || timeout(NEVER, all).unwrap());
}
