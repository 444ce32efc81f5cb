// mirror: makes a folder like another one.
//
//     mirror [-d] [-n] SOURCE TARGET
//
// -d  also removes what is not in the source
// -n  only tells what there is to do
//
// A file is copied if the target has none of its length and time of change. Permissions and times
// go with it, and links are made anew. Copies are made by several threads.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Remove(PathBuf),
    MakeFolder(PathBuf),
    Link(PathBuf, PathBuf),
    Copy(PathBuf, PathBuf),
}

impl Action {
    fn perform(&self) -> io::Result<()> {
        match self {
            Self::Remove(path) => match fs::symlink_metadata(path)?.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            },
            Self::MakeFolder(path) => fs::create_dir(path),
            Self::Link(to, path) => symlink(to, path),
            Self::Copy(from, to) => {
                fs::copy(from, to)?;
                let times = FileTimes::new().set_modified(fs::metadata(from)?.modified()?);
                File::open(to)?.set_times(times)
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove(path) => write!(f, "remove {}", path.display()),
            Self::MakeFolder(path) => write!(f, "folder {}", path.display()),
            Self::Link(to, path) => write!(f, "link {} to {}", path.display(), to.display()),
            Self::Copy(_, path) => write!(f, "copy {}", path.display()),
        }
    }
}

fn existing(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[derive(Default)]
struct Plan {
    remove_extra: bool,
    actions: Vec<Action>,
    failures: Vec<String>,
}

impl Plan {
    /// Notes what there is to do for a path. Returns an error that concerns this path alone.
    fn path(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = fs::symlink_metadata(from)?;
        let mut target = existing(to)?;
        let differ = |target: &Metadata| target.file_type() != source.file_type();
        let other_link = source.is_symlink() && fs::read_link(from).ok() != fs::read_link(to).ok();
        if target.as_ref().is_some_and(differ) || (target.is_some() && other_link) {
            self.actions.push(Action::Remove(to.to_owned()));
            target = None;
        }
        if source.is_dir() {
            if target.is_none() {
                self.actions.push(Action::MakeFolder(to.to_owned()));
            }
            let wanted = names(from)?;
            if let (Some(_), true) = (&target, self.remove_extra) {
                for extra in names(to)?.difference(&wanted) {
                    self.actions.push(Action::Remove(to.join(extra)));
                }
            }
            for name in wanted {
                let (from, to) = (from.join(&name), to.join(&name));
                if let Err(e) = self.path(&from, &to) {
                    self.failures.push(format!("{}: {e}", from.display()));
                }
            }
        } else if source.is_symlink() {
            if target.is_none() {
                self.actions.push(Action::Link(fs::read_link(from)?, to.to_owned()));
            }
        } else if !source.is_file() {
            return Err(io::Error::new(ErrorKind::Unsupported, "no file, folder or link"));
        } else if !target.is_some_and(|target| {
            target.len() == source.len() && target.modified().ok() == source.modified().ok()
        }) {
            self.actions.push(Action::Copy(from.to_owned(), to.to_owned()));
        }
        Ok(())
    }
}

/// Performs actions: all that are no copies first, for the copies need their folders.
fn perform(actions: Vec<Action>) -> Vec<String> {
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    let (copies, others): (Vec<_>, Vec<_>) =
        actions.into_iter().partition(|action| matches!(action, Action::Copy(..)));
    let copies = Arc::new(Mutex::new(copies.into_iter()));
    let prepared = Arc::new(Barrier::new(workers + 1));
    let (failures, failed) = mpsc::channel();
    for _ in 0..workers {
        let (copies, prepared) = (Arc::clone(&copies), Arc::clone(&prepared));
        let failures = failures.clone();
        thread::spawn(move || {
            prepared.wait();
            let next = || copies.lock().unwrap().next();
            while let Some(copy) = next() {
                if let Err(e) = copy.perform() {
                    let _ = failures.send(format!("{copy}: {e}"));
                }
            }
        });
    }
    for action in others {
        if let Err(e) = action.perform() {
            let _ = failures.send(format!("{action}: {e}"));
        }
    }
    prepared.wait();
    drop(failures); // and the last thread that ends drops the last of its clones
    failed.iter().collect()
}

fn main() -> ExitCode {
    let (mut plan, mut dry, mut paths) = (Plan::default(), false, Vec::new());
    for arg in env::args_os().skip(1) {
        match arg.to_str() {
            Some("-d") => plan.remove_extra = true,
            Some("-n") => dry = true,
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    let [source, target] = &paths[..] else {
        eprintln!("usage: mirror [-d] [-n] SOURCE TARGET");
        return ExitCode::from(2);
    };
    if let Err(e) = plan.path(source, target) {
        plan.failures.push(format!("{}: {e}", source.display()));
    }
    plan.actions.iter().for_each(|action| println!("{action}"));
    let mut failures = plan.failures;
    if !dry {
        failures.extend(perform(plan.actions));
    }
    failures.sort();
    failures.iter().for_each(|failure| eprintln!("mirror: {failure}"));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
