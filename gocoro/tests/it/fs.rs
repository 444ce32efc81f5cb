//! Files and directories do what std documents, in tasks and on plain threads.

mod cached;
mod dir;
mod entries;
mod faults;
pub(crate) mod fifo;
mod file;
mod like_std;
mod locks;
mod many;
mod path;
mod position;
mod saturated;
pub(crate) mod slow;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{env, fs, io, process};

use crate::support::{Colour, scenario, this_program};

/// A directory of a test's own, which goes with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        // The system's own directory may be a link.
        Folder::inside(&env::temp_dir().canonicalize().unwrap())
    }

    fn inside(parent: &Path) -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gocoro-it-folder-{}-{}", process::id(), NEXT.fetch_add(1, Relaxed));
        let path = parent.join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// A directory in memory, where there is a place for it.
    fn in_memory() -> Option<Folder> {
        let place = Path::new("/dev/shm");
        place.is_dir().then(|| Folder::inside(place))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }

    /// Creates a file with these contents.
    pub(crate) fn file(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Creates a pipe with a name.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.join(name);
        let text = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the text lives, and ends in a null byte.
        assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
        path
    }

    /// The names that are in it, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pipe with a name, which goes with it. Whoever is about to open it gets through then.
pub(crate) struct Fifo {
    path: PathBuf,
    _folder: Folder,
}

impl Fifo {
    pub(crate) fn new() -> Fifo {
        let folder = Folder::new();
        Fifo { path: folder.fifo("fifo"), _folder: folder }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // Both sides are there until the name is gone.
        let _both = fs::File::options().read(true).write(true).open(&self.path).unwrap();
        fs::remove_file(&self.path).unwrap();
    }
}

/// Runs `scenario` in a task and on a thread, with the path of a file that is not there yet: on a
/// disk, and in memory.
#[track_caller]
fn each(scenario: fn(PathBuf) -> io::Result<()>) {
    for colour in [Colour::Task, Colour::Thread] {
        for folder in [Some(Folder::new()), Folder::in_memory()].into_iter().flatten() {
            println!("{}", folder.path().display());
            colour.run(2, move || scenario(folder.join("file")).unwrap());
        }
    }
}

/// Runs `child` in a process of its own, whose blocking pool has so many threads at most.
#[track_caller]
pub(crate) fn with_pool_of(threads: u32, test: &str, child: fn()) {
    if let Some(scenario) = scenario() {
        return if scenario == test {
            child()
        };
    }
    let mut command = this_program(&[test, "--exact"], test);
    let seen = command.env("GOCORO_BLOCKING_THREADS", threads.to_string()).output().unwrap();
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(seen.status.success(), "{text}\n{}", String::from_utf8_lossy(&seen.stderr));
    assert!(text.contains("1 passed; 0 failed"), "{text}");
}
