//! Lesson: a recursive walk as an ordinary iterator.
//!
//! Recursion visits a tree in the fewest lines, but keeps its place on the stack, so it can only
//! call back. An iterator gives its consumer the reins, but has to keep its place in a stack of its
//! own making. `generate` puts the recursion on a stack of its own: `emit`, at any depth, hands out
//! an item and goes on when the next one is asked for.
//!
//! 1. `in_order` walks a tree in memory. Two walks go side by side, and stop at the first
//!    difference: `Iterator::eq` does that, as with any other iterator.
//! 2. `files` walks directories. It is the fallible form: `?` works in the middle of the recursion,
//!    the error is the last item, and `collect::<Result<_, _>>()` or `?` in a loop stops there.
//! 3. `files_and_errors` goes on after an error, and hands errors out as items.
//!
//! The walks use `gocoro::fs`: while the disk is asked, the task waits that asks the iterator, and
//! its worker runs others. Whoever stops early drops the iterator. That unwinds the walk, which
//! closes the directories that it has open at each depth.
//!
//! Run it: `cargo run -p gocoro-examples --bin tree_walk [PATH]`, which prints what is in there.
//! With `--self-test` it walks a tree that it makes, and ends.

use gocoro::coroutine::iter::{Emitter, generate, try_generate};
use gocoro::fs;
use gocoro::{go_main, io};
use std::env;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A search tree.
enum Tree {
    Leaf,
    Node(Box<Tree>, i32, Box<Tree>),
}

impl Tree {
    fn insert(self, new: i32) -> Tree {
        match self {
            Tree::Leaf => Tree::Node(Box::new(Tree::Leaf), new, Box::new(Tree::Leaf)),
            Tree::Node(left, value, right) if new < value => {
                Tree::Node(Box::new(left.insert(new)), value, right)
            }
            Tree::Node(left, value, right) => Tree::Node(left, value, Box::new(right.insert(new))),
        }
    }

    fn of(values: impl IntoIterator<Item = i32>) -> Rc<Tree> {
        Rc::new(values.into_iter().fold(Tree::Leaf, Tree::insert))
    }

    fn visit(&self, emitter: &Emitter<i32>) {
        if let Tree::Node(left, value, right) = self {
            left.visit(emitter);
            emitter.emit(*value);
            right.visit(emitter);
        }
    }
}

/// A tree's values in their order.
fn in_order(tree: &Rc<Tree>) -> impl Iterator<Item = i32> + use<> {
    let tree = tree.clone();
    generate(move |emitter| tree.visit(emitter))
}

/// All that is in a directory, each directory before what it contains. Links are not followed.
fn files(root: PathBuf) -> impl Iterator<Item = io::Result<PathBuf>> {
    fn visit(directory: &Path, emitter: &Emitter<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (path, is_dir) = (entry.path(), entry.file_type()?.is_dir());
            emitter.emit(path.clone());
            if is_dir {
                visit(&path, emitter)?;
            }
        }
        Ok(())
    }
    try_generate(move |emitter| visit(&root, emitter))
}

/// As `files`, but what cannot be read is left out, and an error in its place.
fn files_and_errors(root: PathBuf) -> impl Iterator<Item = Result<PathBuf, (PathBuf, io::Error)>> {
    type Found = Result<PathBuf, (PathBuf, io::Error)>;

    fn visit(directory: &Path, emitter: &Emitter<Found>) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let (path, is_dir) = (entry.path(), entry.file_type()?.is_dir());
            emitter.emit(Ok(path.clone()));
            if is_dir && let Err(e) = visit(&path, emitter) {
                emitter.emit(Err((path, e)));
            }
        }
        Ok(())
    }
    generate(move |emitter| {
        if let Err(e) = visit(&root, emitter) {
            emitter.emit(Err((root, e)));
        }
    })
}

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    /// Makes `width` directories of `width` directories, and so on, and one file in each.
    fn new(depth: usize, width: usize) -> io::Result<Scratch> {
        fn fill(path: &Path, depth: usize, width: usize) -> io::Result<()> {
            fs::create_dir(path)?;
            fs::write(path.join("file"), "something")?;
            let inner = if depth == 0 { 0 } else { width };
            (0..inner).try_for_each(|i| fill(&path.join(i.to_string()), depth - 1, width))
        }
        let scratch = Scratch(env::temp_dir().join(format!("tree_walk.{}", std::process::id())));
        fill(&scratch.0, depth, width)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How many directories this process has open.
fn directories_open() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = open.filter_map(|fd| std::fs::metadata(fd.path()).ok());
    targets.filter(std::fs::Metadata::is_dir).count()
}

fn walk_in_memory() {
    let tree = Tree::of([5, 2, 8, 1, 9, 3]);
    assert!(in_order(&tree).eq([1, 2, 3, 5, 8, 9]));
    // All that iterators have works: here, the last three pairs of neighbours.
    let pairs = in_order(&tree).zip(in_order(&tree).skip(1)).skip(2);
    assert_eq!(pairs.collect::<Vec<_>>(), [(3, 5), (5, 8), (8, 9)]);

    // Two trees of other shapes have the same values, a third one has not. Neither is flattened.
    let same = Tree::of([9, 8, 5, 3, 2, 1]);
    assert!(in_order(&tree).eq(in_order(&same)));
    let other = Tree::of([9, 8, 5, 4, 2, 1]);
    let differ = in_order(&tree).zip(in_order(&other)).position(|(a, b)| a != b);
    assert_eq!(differ, Some(2));

    // A walk that stops early gives the tree back.
    let mut walk = in_order(&tree);
    assert_eq!(walk.next(), Some(1));
    assert_eq!(Rc::strong_count(&tree), 2);
    drop(walk);
    assert_eq!(Rc::strong_count(&tree), 1);
}

fn walk_directories() -> io::Result<()> {
    let scratch = Scratch::new(3, 3)?;
    let root = || scratch.0.clone();
    let found = files(root()).collect::<io::Result<Vec<_>>>()?;
    // 40 files, in 40 directories, of which the first is not counted.
    assert_eq!(found.len(), 40 + 39);

    // A walk that is dropped where it has found something closes the directories it has open.
    let before = directories_open();
    let deep = |path: &PathBuf| path.strip_prefix(&scratch.0).unwrap().components().count() == 3;
    let mut walk = files(root());
    let first = walk.by_ref().flatten().find(deep).expect("three levels were made");
    assert_eq!(directories_open(), before + 3);
    drop(walk);
    assert_eq!(directories_open(), before);

    // Somebody removes a directory that the walk is about to enter. `files` ends there.
    let victim = first.parent().expect("it is in a directory").to_owned();
    let mut seen = 0;
    let mut walk = files(root()).inspect(|found| {
        seen += 1;
        if found.as_ref().is_ok_and(|path| *path == victim) {
            fs::remove_dir_all(&victim).expect("it was made by this program");
        }
    });
    let failed = walk.by_ref().find_map(Result::err).expect("the directory is gone");
    assert_eq!(failed.kind(), io::ErrorKind::NotFound);
    assert!(walk.next().is_none());
    drop(walk);
    println!("files: an error after {seen} of 79, and the end: {failed}");

    // The other walk goes on with the rest.
    let second = files(root()).flatten().find(|path| path.is_dir()).expect("there are others");
    let (mut count, mut errors) = (0, vec![]);
    for found in files_and_errors(root()) {
        match found {
            Ok(path) => {
                count += 1;
                if path == second {
                    fs::remove_dir_all(&second)?;
                }
            }
            Err(failed) => errors.push(failed),
        }
    }
    assert_eq!(errors.len(), 1);
    let (path, error) = &errors[0];
    assert_eq!(*path, second);
    assert!(count > 10, "it went on");
    println!("files_and_errors: {count}, and {}: {error}", path.display());

    // What is not there is an error, and not an empty walk.
    assert!(files(root().join("nothing")).next().is_some_and(|first| first.is_err()));
    Ok(())
}

#[go_main]
fn main() -> io::Result<()> {
    let path = env::args().nth(1).unwrap_or_else(|| ".".into());
    if path == "--self-test" {
        walk_in_memory();
        return walk_directories();
    }
    for found in files_and_errors(path.into()) {
        match found {
            Ok(path) => println!("{}", path.display()),
            Err((path, error)) => eprintln!("{}: {error}", path.display()),
        }
    }
    Ok(())
}
