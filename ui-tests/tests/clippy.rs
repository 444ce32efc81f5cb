//! The list of what blocks a worker, which users copy into their `clippy.toml`: it parses, what it
//! names as a replacement exists, and clippy warns of each entry.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

/// Compiles each path, and keeps its name.
macro_rules! existing {
    ($($first:ident $(:: $next:ident)+;)+) => {
        #[allow(unused_imports)]
        mod existing {
            $(use $first $(:: $next)+ as _;)+
        }

        const EXISTING: &[&str] = &[$(concat!(stringify!($first), $("::", stringify!($next)),+)),+];
    };
}

existing! {
    gocoro::fs::DirBuilder;
    gocoro::fs::File;
    gocoro::fs::OpenOptions;
    gocoro::fs::canonicalize;
    gocoro::fs::copy;
    gocoro::fs::create_dir;
    gocoro::fs::create_dir_all;
    gocoro::fs::exists;
    gocoro::fs::hard_link;
    gocoro::fs::metadata;
    gocoro::fs::read;
    gocoro::fs::read_dir;
    gocoro::fs::read_link;
    gocoro::fs::read_to_string;
    gocoro::fs::remove_dir;
    gocoro::fs::remove_dir_all;
    gocoro::fs::remove_file;
    gocoro::fs::rename;
    gocoro::fs::set_permissions;
    gocoro::fs::symlink_metadata;
    gocoro::fs::unix::chown;
    gocoro::fs::unix::fchown;
    gocoro::fs::unix::lchown;
    gocoro::fs::unix::symlink;
    gocoro::fs::write;
    gocoro::io::pipe;
    gocoro::io::stdin;
    gocoro::net::TcpListener;
    gocoro::net::TcpStream;
    gocoro::net::UdpSocket;
    gocoro::net::unix::UnixDatagram;
    gocoro::net::unix::UnixListener;
    gocoro::net::unix::UnixStream;
    gocoro::sync::Barrier;
    gocoro::sync::Condvar;
    gocoro::sync::LazyLock;
    gocoro::sync::Mutex;
    gocoro::sync::Once;
    gocoro::sync::OnceLock;
    gocoro::sync::RwLock;
    gocoro::sync::mpsc::channel;
    gocoro::sync::mpsc::sync_channel;
    gocoro::task::park;
    gocoro::task::park_timeout;
    gocoro::task::scope;
    gocoro::task::yield_now;
    gocoro::time::sleep;
}

/// Uses everything that the list disallows.
const BLOCKING: &str = r#"#![allow(unused_imports)]
use std::fs::{self, DirBuilder as _, File as _, OpenOptions as _};
use std::net::{TcpListener as _, TcpStream as _, UdpSocket as _};
use std::os::unix::net::{UnixDatagram as _, UnixListener as _, UnixStream as _};
use std::os::unix::fs as unix;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Barrier as _, Condvar as _, LazyLock as _, Mutex as _, Once as _, OnceLock as _};
use std::sync::{RwLock as _, mpsc};
use std::thread::{self, JoinHandle};

fn main() {
    let _ = (thread::sleep, thread::park, thread::park_timeout, thread::yield_now);
    thread::scope(|_| ());
    let _ = (fs::canonicalize::<&str>, fs::create_dir::<&str>, fs::create_dir_all::<&str>);
    let _ = (fs::exists::<&str>, fs::metadata::<&str>, fs::symlink_metadata::<&str>);
    let _ = (fs::read::<&str>, fs::read_dir::<&str>, fs::read_to_string::<&str>);
    let _ = (fs::remove_dir::<&str>, fs::remove_dir_all::<&str>, fs::remove_file::<&str>);
    let _ = (fs::read_link::<&str>,);
    let _ = (fs::copy::<&str, &str>, fs::hard_link::<&str, &str>, fs::rename::<&str, &str>);
    let _ = (fs::write::<&str, &str>, fs::set_permissions::<&str>);
    let _ = (Path::exists, Path::is_dir, Path::is_file, Path::metadata, Path::read_dir);
    let _ = (Path::canonicalize, Path::is_symlink, Path::read_link, Path::symlink_metadata);
    let _ = (Path::try_exists, unix::chown::<&str>, unix::lchown::<&str>);
    let _ = (unix::fchown::<std::io::Stdin>, unix::symlink::<&str, &str>);
    let _ = JoinHandle::<()>::join;
    let _ = (mpsc::channel::<()>, mpsc::sync_channel::<()>, std::io::pipe, std::io::stdin);
    let _ = (Child::wait, Child::wait_with_output, Command::output, Command::spawn);
    let _ = Command::status;
}
"#;

const LISTS: [&str; 2] = ["disallowed-methods", "disallowed-types"];

fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gocoro/clippy-snippet.toml");
    fs::read_to_string(path).expect("the list is there")
}

/// The strings under this key of all entries.
fn all(key: &str) -> BTreeSet<String> {
    let table: Table = text().parse().expect("it is TOML");
    assert_eq!(table.keys().collect::<Vec<_>>(), LISTS);
    let entries = LISTS.iter().flat_map(|list| table[*list].as_array().expect("a list"));
    entries
        .filter_map(|entry| entry.get(key))
        .map(|value| value.as_str().map(str::to_owned).expect("a string"))
        .collect()
}

#[test]
fn replacements_exist_and_reasons_are_given() {
    let expected: BTreeSet<String> = EXISTING.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(all("replacement"), expected);
    let table: Table = text().parse().expect("it is TOML");
    let has_reason = |entry: &Value| entry.get("reason").is_some();
    for list in LISTS {
        assert!(table[list].as_array().expect("a list").iter().all(has_reason));
    }
}

#[test]
fn the_readme_shows_a_part_of_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("there is a README");
    let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let shown = blocks.filter(|block| block.contains("disallowed")).collect::<String>();
    let shown: Table = shown.parse().expect("it is TOML");
    let table: Table = text().parse().expect("it is TOML");
    for list in LISTS {
        let listed = table[list].as_array().expect("a list");
        let shown = shown[list].as_array().expect("a list");
        assert!(shown.iter().all(|entry| listed.contains(entry)), "{shown:?}");
    }
}

#[test]
fn clippy_warns_of_each() {
    let cargo = || Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if !cargo().args(["clippy", "--version"]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no clippy");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clippy");
    fs::create_dir_all(folder.join("src")).expect("a folder for the program");
    let manifest = "[package]\nname = \"blocking\"\nedition = \"2024\"\n[workspace]\n";
    let files = [("Cargo.toml", manifest), ("clippy.toml", &text()), ("src/main.rs", BLOCKING)];
    for (file, text) in files {
        fs::write(folder.join(file), text).expect("a file of the program");
    }
    let output = cargo()
        .args(["clippy", "--quiet", "--message-format", "short", "--target-dir", "target"])
        .current_dir(&folder)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("clippy runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let paths = all("path");
    for path in &paths {
        assert!(said.contains(&format!("`{path}`")), "not of `{path}`:\n{said}");
    }
    // Such as a path that does not exist.
    assert_eq!(said.lines().count(), paths.len(), "{said}");
}
