//! Each check on texts it has to complain about, and on the nearest ones it must not.

use std::collections::HashSet;

use super::documents::*;
use super::waits::*;
use super::*;

fn at(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

/// A code map, among sections that have tables too.
const MAP: &str = "# A\n\n## Code map\n\nText.\n\n| modules | what |\n|---|---|\n\
    | `limits` | bounds of `park` |\n| `park` `hook` | x |\n| `join` `reactor` | x |\n\
    | `scheduler` | x |\n| `sync` `time` | x |\n| `net` | x |\n| `runtime` | x |\n\n\
    To come: `fs`.\n\n## B\n\n| `other` | x |\n";

fn layers(path: &str, text: &str) -> Vec<String> {
    layer_complaints(&at(path, text), &CodeMap::new(MAP))
}

#[test]
fn modules_in_another_order_than_the_map_are_seen() {
    let count =
        |text: &str| order_complaints(&at("runtime/src/lib.rs", text), &CodeMap::new(MAP)).len();
    let fine = "mod limits; #[a] mod hook; mod park; mod reactor; mod join; mod scheduler; mod time; \
                mod sync; mod net; mod runtime; mod tests; pub mod export { pub mod b { } }";
    assert_eq!(count(fine), 0);
    assert_eq!(count(&fine.replace("mod net;", "")), 1, "one that is gone");
    assert_eq!(count(&fine.replace("mod net;", "mod net; mod fs;")), 1, "one that is new");
    assert_eq!(
        count(&format!("mod net; {}", fine.replace("mod net;", ""))),
        8,
        "all that should stand before it"
    );
}

#[test]
fn imports_from_beside_or_above_are_seen_in_every_spelling() {
    for text in [
        "use crate::scheduler::Worker;",
        "use crate::{limits, net::{TcpStream}};",
        "use super::sync::Mutex;",
        "fn f() { let x = crate::time::sleep; }",
        "mod inner { use super::super::join::JoinHandle; }",
        "macro_rules! m { () => { $crate::net::f() } }",
        "use crate::JoinHandle;",
        "use crate::*;",
    ] {
        assert_eq!(layers("runtime/src/reactor.rs", text).len(), 1, "{text}");
    }
    let deep = "use super::super::join::X;";
    assert_eq!(layers("runtime/src/reactor/slot.rs", deep).len(), 1);
    assert_eq!(layers("runtime/src/novelty.rs", "").len(), 1);
}

#[test]
fn imports_from_below_and_from_inside_are_fine() {
    let fine = "//! crate::net\n use crate::{limits::A, park::park}; use super::park::park; \
                use self::slot::S; use crate::reactor::slot::S; const T: &str = \"crate::net\"; \
                mod tests { use super::*; use crate::runtime::Runtime; } mod m { use super::S; }";
    assert_eq!(layers("runtime/src/reactor/mod.rs", fine), [""; 0]);
    let sibling = "use super::slot::S; use super::super::park::park;";
    assert_eq!(layers("runtime/src/reactor/poll.rs", sibling), [""; 0]);
    assert_eq!(layers("runtime/src/lib.rs", "use crate::net::X;"), [""; 0]);
}

#[test]
fn unsafe_is_seen_outside_of_its_list_and_a_stale_list_too() {
    let table = "# A\n\n## Modules with unsafe code\n\n| module | what |\n|---|---|\n\
                 | `stack` | x |\n| `task/cell` | y |\n\n## B\n| `net` |\n";
    let text = "fn f() { unsafe { g() } }";
    let complaints = |path: &str| {
        let listed = [at("runtime/src/stack/a.rs", text), at("runtime/src/task/cell.rs", text)];
        let mut sources = Vec::from(listed);
        sources.push(at(path, text));
        unsafe_complaints(&sources, table).len()
    };
    assert_eq!(complaints("runtime/src/stack.rs"), 0);
    assert_eq!(complaints("runtime/src/task/cell/part.rs"), 0);
    assert_eq!(complaints("benches/src/lib.rs"), 0);
    for path in ["runtime/src/net.rs", "runtime/src/task/mod.rs", "runtime/src/stacks.rs"] {
        assert_eq!(complaints(path), 1, "{path}");
    }
    assert_eq!(complaints("gocoro/src/lib.rs"), 1);
    assert_eq!(complaints("examples/src/bin/hello.rs"), 1);
    assert_eq!(unsafe_complaints(&[], table).len(), 2, "two rows without any");
    let words = "// unsafe\n const S: &str = \"unsafe\"; type T = Token![unsafe];";
    assert_eq!(unsafe_lines(&at("gocoro-macros/src/a.rs", words)), [0; 0]);
}

#[test]
fn foreign_crates_are_seen_outside_of_their_home() {
    let count = |path: &str, text: &str| confined_complaints(&at(path, text)).len();
    assert_eq!(count("runtime/src/task/cell.rs", "use generator::Gn;"), 1);
    assert_eq!(count("runtime/src/net.rs", "fn f(t: mio::Token) {}"), 1);
    assert_eq!(count("gocoro/src/lib.rs", "extern crate crossbeam_deque as d;"), 1);
    assert_eq!(count("examples/src/bin/a.rs", "use gocoro_runtime::spawn;"), 1);
    assert_eq!(count("runtime/src/stack/engine/generator/mod.rs", "use generator::Gn;"), 0);
    assert_eq!(count("runtime/src/coroutine.rs", "let generator = self::generator::f();"), 0);
}

#[test]
fn unfinished_or_unlabelled_files_are_seen() {
    let count = |text: &str| {
        let (path, text) = ("runtime/src/a.rs".to_owned(), text.to_owned());
        text_complaints(&Source { path, text, tokens: TokenStream::new() }).len()
    };
    assert_eq!(count("//! A.\n"), 0);
    assert_eq!(count("// A.\n"), 1);
    let included = |text| text_complaints(&Source::new("examples/ported/a.rs", text)).len();
    assert_eq!((included("// A.\n"), included("fn main() {}\n")), (0, 1));
    assert_eq!(count(&"//! A.\n".repeat(LINES_MAX)), 0);
    assert_eq!(count(&"//! A.\n".repeat(LINES_MAX + 1)), 1);
    let wide = "a".repeat(COMMENT_WIDTH - 2);
    assert_eq!(count(&format!("//! A.\n//{wide}\n")), 0);
    assert_eq!(count(&format!("//! A.\n//{wide}a\n")), 1);
    assert_eq!(count(&format!("//! A.\n//{wide}|\n")), 0, "a table");
    let beside = Source::new("runtime/src/task.rs", "//! A.");
    assert_eq!(text_complaints(&beside).len(), 1, "its folder is there");
    for word in BANNED {
        assert_eq!(count(&format!("//! A.\n{word}\n")), 1, "{word}");
    }
}

#[test]
fn documents_that_drifted_apart_are_seen() {
    let readme = "# T\n```rust\nfn a() {}\n```\n";
    assert_eq!(readme_complaints(readme, "//! D\n//! ```\n//! fn a() {}\n//! ```\n"), [""; 0]);
    let hidden = "//! ```no_run\n//! # fn x() {}\n//! fn a() {}\n//! ```\n";
    assert_eq!(readme_complaints(readme, hidden), [""; 0]);
    assert_eq!(readme_complaints(readme, "//! ```\n//! fn b() {}\n//! ```\n").len(), 1);
    let code = |columns: usize| width_complaints(&format!("```\n{}\n```\n", "x".repeat(columns)));
    assert_eq!((code(80).len(), code(81).len()), (0, 1));
    assert_eq!(width_complaints(&"x".repeat(81)), [""; 0]);
    let exists = |target: &str| target == "a.md";
    let fine = "[a](a.md#b), [c](https://example.org/), [d](#d); gocoro";
    assert_eq!(link_complaints("x.md", fine, &exists), [""; 0]);
    assert_eq!(link_complaints("x.rs", "//! v[0](x)", &exists), [""; 0]);
    assert_eq!(link_complaints("x.md", "[b](b.md)", &exists).len(), 1);
    let own = concat!("repository = \"https:", "//example.org/gocoro\"");
    assert_eq!(link_complaints("Cargo.toml", own, &exists).len(), 1);
    let names = ["hello".to_owned(), "other".to_owned()];
    assert_eq!(example_complaints(&names, "run hello\n").len(), 1);
    assert_eq!(example_complaints(&names, "for p in examples/src/bin/*; do"), [""; 0]);
    let words = HashSet::from(["Task".to_owned()]);
    let exists = |named: &str| named == "a/b.rs" || named == "c/";
    let architecture = |text: &str| architecture_complaints(text, &words, &exists).len();
    assert_eq!(architecture(&"a\n".repeat(241)), 1);
    assert_eq!(architecture(&"a\n".repeat(240)), 0);
    let fine = "Types `Task`, `Task::f`, `park`, `go!`, `a = Other`, DONE; files `a/b.rs`, `c/`.";
    assert_eq!(architecture(fine), 0);
    assert_eq!(architecture("`Other`\n`Other<Task>`\n`a/c.rs`\n`d.md`\n`d/`"), 5);
}

#[test]
fn names_of_what_does_not_exist_are_seen() {
    let facade = "//! a future, fork, wait\npub mod task { pub use x::{Builder, spawn}; } pub mod sync { pub use x::Mutex; }";
    let count = |text: &str| name_complaints("a.rs", text, facade).len();
    let known = ["`task::spawn(…)`", "`gocoro::task::Builder::name`", "`gocoro::sync::Mutex`"];
    for text in known.iter().chain(&["`io::Error`", "`gocoro`", "`net`", "`std::net::UdpSocket`"]) {
        assert_eq!(count(text), 0, "{text}");
    }
    for text in ["write `future::wait(…)`", "a `task` and `gocoro::sync::Lock`", "`task::fork`"] {
        assert_eq!(count(text), 1, "{text}");
    }
    let link = |path: &str| count(&format!("[x](https://docs.rs/{0}/latest/{0}/{path})", "gocoro"));
    assert_eq!(link("task/fn.spawn.html"), 0);
    assert_eq!(link("blocking/fn.unblock.html"), 1);
}

/// Operations of every kind: a method, a function, a trait's method, one from a macro that passes
/// its type on to another, and a method of std's traits on a type with generics.
const WAITING: &str = "
    impl<F: Fn() -> u8> Plain<F> {
        /// A.
        ///
        /// # Parks
        ///
        /// While.
        pub fn take(&self) {}
        /// # Parks
        ///
        /// In a loop, once in a while for a moment, which is a cancel point.
        pub fn try_take(&self) {}
        /// # Parks
        fn own(&self) {}
        /// # Parks
        pub(crate) fn inner(&self) {}
        /// # Errors
        pub fn quick(&self) {}
    }
    /// # Parks
    pub fn copy() {}
    /// # Parks
    pub struct Plain<F>(F);
    pub trait Named {
        /// # Parks
        fn look_up(&self);
    }
    macro_rules! inner { ($ty:ident) => { impl std::io::Write for &$ty {
        fn write(&mut self) { w() } fn flush(&mut self) -> R { Ok(()) } } } }
    macro_rules! outer { ($ty:ident, $x:ident) => { $crate::io::inner!($ty); impl $ty {
        /// # Parks
        #[inline]
        pub fn peek(&self) {} } } }
    outer!(One, Other);
    outer! { Two, Other }
    macro_rules! many { ($x:literal $lock:ident; $($method:ident($($arg:ident: $ty:ty),*);)*) => {
        impl std::io::BufRead for $lock<'_> { $(fn $method(&mut self, $($arg: $ty),*) { m() })* }
    } }
    many! { \"x\" Lock; fill(); pull(byte: u8, buf: &mut Vec<u8>); consume(n: usize); }
    impl<'a, T: ?Sized + Into<Vec<u8>>> io::Read for Pipe<'a, T> where T: X { fn read() { r() } }
    impl fmt::Debug for Pipe<'_, u8> { fn fmt() { f() } }
    impl<S> Bound<S> where for<'b> &'b S: Read {
        /// # Parks
        pub fn wait(&self) {}
    }
    impl Iterator for Each { fn next(&mut self) { n() } }
    with_more! {
        /// # Parks
        pub fn make() {}
    }
    mod tests {
        /// # Parks
        pub fn f() {}
    }
";

#[test]
fn an_operation_that_waits_and_has_no_row_is_seen() {
    let row = |name: &str| format!("({name:?}, op!(x(), |s| s.{}())),", &name[name.len() - 4..]);
    let list = |names: &[&str]| {
        let rows: String = names.iter().map(|name| row(name)).collect();
        at("list.rs", &format!("const WAITS: &[X] = &[{rows}];"))
    };
    let all = [
        "Bound::wait",
        "Each::next",
        "io::make",
        "Plain::take",
        "io::copy",
        "One::peek",
        "Two::peek",
        "Pipe::read",
        "Lock::fill",
        "Lock::pull",
    ];
    let more = "(\"Named::look_up, late\", op!(x(), |s| s.look_up())), \
                (\"One::write\", op!(x(), |s| (&*s).write())), (\"Two::write\", |s| s.write()),";
    let sources = [at("runtime/src/io/a.rs", WAITING), at("runtime/src/sync/b.rs", WAITING)];
    let complaints = |names: &[&str], more: &str, exempt: &[(&str, &str)]| {
        let mut list = list(names);
        list.tokens.extend(format!("const MORE: &[X] = &[{more}];").parse::<TokenStream>());
        wait_complaints(&sources, &[&list], exempt)
    };
    assert_eq!(complaints(&all, more, &[]), [""; 0]);
    for without in 0..all.len() {
        let mut names = all.to_vec();
        let name = names.remove(without);
        let seen = complaints(&names, more, &[]);
        assert!(seen.len() == 1 && seen[0].contains(name), "{name}: {seen:?}");
        assert_eq!(complaints(&names, more, &[(name, "why")]), [""; 0]);
    }
    assert_eq!(complaints(&all, "", &[]).len(), 3, "of a trait, and of a macro inside a macro");
    let inside = more.replace("s.look_up()", "f()") + "]; fn f() { s.look_up() } const Y: X = [";
    assert_eq!(complaints(&all, &inside, &[]), [""; 0], "a row whose function calls it");
    let other = more.replace("s.look_up()", "s.look()");
    assert_eq!(complaints(&all, &other, &[]).len(), 1, "a row that calls something else");
    assert_eq!(complaints(&all[..8], more, &[("Lock::", "why")]), [""; 0]);
    for stale in ["One::peek", "Plain::try_take", "Plain::gone", "Lock::", "Gone::"] {
        assert_eq!(complaints(&all, more, &[(stale, "why")]).len(), 1, "{stale}");
    }
    let lonely = [at(
        "runtime/src/net/a.rs",
        "macro_rules! m { ($t:ident) => { impl $t {\n\
                   /// # Parks\n pub fn f() {} } } }",
    )];
    assert_eq!(wait_complaints(&lonely, &[&list(&[])], &[]).len(), 1, "a macro that nothing calls");
}
