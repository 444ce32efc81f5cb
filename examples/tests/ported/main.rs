//! The programs of `ported`: on std and on gocoro they do the same.

mod children;
mod files;
mod filters;
mod net;
mod process;
mod threads;

use process::Process;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq)]
struct World {
    binary: &'static str,
    /// The number of gocoro's workers, which the standard library does not have.
    workers: &'static str,
}

const STD: World = World { binary: env!("CARGO_BIN_EXE_ported_std"), workers: "" };
const ONE_WORKER: World = World { binary: env!("CARGO_BIN_EXE_ported_gocoro"), workers: "1" };
const FOUR_WORKERS: World = World { workers: "4", ..ONE_WORKER };

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("ported-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A place to run a program in: one of the worlds, and a folder of its own.
struct Place {
    world: World,
    folder: Folder,
}

impl Place {
    fn start(&self, program: &str, args: &[&str]) -> Process {
        Process::start(&mut self.command(program, args))
    }

    /// Runs a program to its end.
    fn run(&self, program: &str, args: &[&str], stdin: impl Into<Vec<u8>>) -> process::Ended {
        let mut process = self.start(program, args);
        process.feed(stdin);
        process.end()
    }
}

/// Plays a scene in each world, and asserts that what comes of it is the same. Returns it.
fn same<T: Debug + PartialEq>(scene: impl Fn(&Place) -> T) -> T {
    let play = |world| scene(&Place { world, folder: Folder::new() });
    let expected = play(STD);
    for world in [ONE_WORKER, FOUR_WORKERS] {
        let found = play(world);
        assert!(expected == found, "{world:?}: {found:#?}\n\nbut on std: {expected:#?}");
    }
    expected
}
