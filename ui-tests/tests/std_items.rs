//! Whether `gocoro::std` has what std has: each stable item of the modules that gocoro replaces in
//! part or in whole, with its signature and its trait impls.
//!
//! `std_items/` has the lists, and the script that makes them from std's documentation.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The toolchain whose documentation the lists are made from.
const TOOLCHAIN: &str = "rustc 1.95.";

/// The modules that the lists are about, one of which each list is called.
const LISTS: [&str; 8] = ["fs", "io", "net", "os", "process", "sync", "thread", "time"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What lines of the list leave out of gocoro, or say of an item that gocoro has in place of std's,
/// and no row of `map` names.
fn unnamed<'a>(list: &'a str, map: &str) -> Vec<&'a str> {
    let has_row = |names: &[&str]| {
        map.lines().any(|row| {
            let words: Vec<&str> = words(row).collect();
            names.iter().all(|name| words.contains(name))
        })
    };
    let is_named = |line: &&str| {
        let names = names(line);
        match line.starts_with("absent_") {
            true => has_row(&names),
            false => has_row(&names[names.len() - 1..]),
        }
    };
    let told = |line: &&str| line.starts_with("absent_") || line.starts_with("name!");
    list.lines().filter(told).filter(|line| !is_named(line)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric() && char != '_')
}

/// The types and traits in a line.
fn names(line: &str) -> Vec<&str> {
    let is_type = |word: &&str| word.len() > 1 && word.starts_with(char::is_uppercase);
    words(line).filter(is_type).collect()
}

#[test]
fn both_paths_have_each_item_of_std() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&output.stdout);
    if !version.starts_with(TOOLCHAIN) {
        println!("skipped: the lists are those of {TOOLCHAIN}x, and this is {}", version.trim());
        return;
    }
    let tests = trybuild::TestCases::new();
    tests.pass("std_items/both.rs");
    tests.compile_fail("std_items/wrong.rs");
}

#[test]
fn the_map_names_what_is_replaced_or_left_out() {
    let map = read("../gocoro/src/std_map.md");
    for list in LISTS {
        let list = read(&format!("std_items/{list}.txt"));
        let unnamed = unnamed(&list, &map);
        assert!(unnamed.is_empty(), "{}\n", unnamed.join("\n"));
    }
}

#[test]
fn what_the_map_does_not_name_is_found() {
    let list = "\
        name!(\"1.0.0\", std::fs::File);\n\
        absent_impl!(\"1.0.0\", [T] <T>, std::fs::File<T>: std::fs::Lose);\n\
        absent_impl!(\"1.0.0\", [], std::sync::Arc<std::fs::File>: std::io::Read);\n";
    assert_eq!(unnamed(list, "").len(), 3);
    assert_eq!(unnamed(list, "`Lose`\n`Files`\n`Read` for `Arc<File>`").len(), 1);
    assert_eq!(unnamed(list, "`Lose` of `File`\n`Read` for `Arc<File>`").len(), 0);
}

#[test]
fn each_list_is_compiled() {
    let both = read("std_items/both.rs");
    for list in LISTS {
        assert_eq!(both.matches(&format!("include!(\"{list}.txt\");")).count(), 2, "{list}");
        assert!(read(&format!("std_items/{list}.txt")).lines().count() > 15, "{list}");
    }
}
