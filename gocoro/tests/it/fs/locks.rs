//! Locks on files, between open files of one process, which the system treats as it treats those
//! of several.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use gocoro::fs::{File, TryLockError};
use gocoro::io::{self, ErrorKind};
use gocoro::task;
use gocoro::time::{io_deadline, sleep, timeout};
use gocoro::{go, task::JoinHandle};

use super::{Folder, each};
use crate::support::{NEVER, SOON, assert_cancelled, on_drop, on_workers, until};

fn would_block(result: Result<(), TryLockError>) -> bool {
    matches!(result, Err(TryLockError::WouldBlock))
}

#[test]
fn one_alone_or_several_together() {
    each(|path| {
        let (one, other) = (File::create(&path)?, File::open(&path)?);
        one.lock()?;
        assert!(would_block(other.try_lock()) && would_block(other.try_lock_shared()));
        assert_eq!(io::Error::from(other.try_lock().unwrap_err()).kind(), ErrorKind::WouldBlock);
        one.unlock()?;
        other.lock_shared()?;
        one.try_lock_shared()?;
        // From shared to alone only when the others are gone.
        assert!(would_block(one.try_lock()));
        other.unlock()?;
        one.try_lock()?;
        assert!(would_block(other.try_lock_shared()));
        one.unlock()?;
        one.unlock()?;
        Ok(())
    });
}

/// It ends with the last of them.
#[test]
fn clones_hold_it_together() {
    each(|path| {
        let (one, other) = (File::create(&path)?, File::open(&path)?);
        let clone = one.try_clone()?;
        one.lock()?;
        clone.try_lock()?;
        drop(one);
        assert!(would_block(other.try_lock()));
        drop(clone);
        other.try_lock()?;
        Ok(())
    });
}

/// A task that waits for a lock which `path` has, and says when it has got it.
fn waiting(folder: &Folder) -> (File, JoinHandle<io::Result<File>>) {
    let path = folder.file("file", "");
    let holder = File::open(&path).unwrap();
    holder.lock().unwrap();
    let waits = go!({
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    });
    (holder, waits)
}

#[test]
fn who_waits_is_suspended_and_gets_it_in_the_end() {
    on_workers(|_| {
        let folder = Folder::new();
        let (holder, waits) = waiting(&folder);
        // Others run meanwhile, on its worker too.
        for _ in 0..20 {
            sleep(Duration::from_millis(1));
            assert!(!waits.is_finished());
        }
        drop(holder);
        let file = waits.wait().unwrap();
        assert!(would_block(File::open(folder.join("file")).unwrap().try_lock()));
        drop(file);
    });
}

#[test]
fn a_thread_waits_for_a_task() {
    let folder = Folder::new();
    let path = folder.file("file", "");
    let holder = File::open(&path).unwrap();
    holder.lock_shared().unwrap();
    let (tell, told) = mpsc::channel();
    let bound = path.clone();
    let threads = [
        std::thread::spawn(move || File::open(path).unwrap().lock()),
        // One that time bounds cannot leave it to the system.
        std::thread::spawn(move || {
            tell.send(()).unwrap();
            timeout(NEVER, || File::open(bound).unwrap().lock_shared()).unwrap()
        }),
    ];
    told.recv().unwrap();
    go!({ drop(holder) }).wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
}

/// The lock is free for others at once, whoever had asked for it.
#[test]
fn cut_short_it_leaves_no_lock_behind() {
    on_workers(|_| {
        let folder = Folder::new();
        let path = folder.file("file", "");
        let holder = File::open(&path).unwrap();
        holder.lock().unwrap();
        let file = std::sync::Arc::new(File::open(&path).unwrap());
        for _ in 0..2 {
            assert!(timeout(SOON, || file.lock()).is_err());
            let late = io_deadline(Instant::now() + SOON, || file.lock_shared());
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let cancelled = go!(clone(file) => { file.lock() });
            sleep(SOON);
            cancelled.cancel();
            assert_cancelled(cancelled);
        }
        holder.unlock().unwrap();
        // `file` is open still.
        File::open(&path).unwrap().try_lock().unwrap();
        drop(file);
    });
}

/// Files are waited for where sockets and pipes fail.
#[test]
fn in_a_destructor_of_a_cancelled_task_it_is_waited_for() {
    on_workers(|_| {
        let folder = Folder::new();
        let path = folder.file("file", "");
        let holder = File::open(&path).unwrap();
        holder.lock().unwrap();
        let (tell, told) = gocoro::channel::bounded(2);
        let task = go!({
            let _guard = on_drop(move || {
                tell.send(false).unwrap();
                File::open(path).unwrap().lock().unwrap();
                tell.send(true).unwrap();
            });
            task::current().cancel();
            task::park();
        });
        until(|| told.try_recv() == Ok(false));
        sleep(SOON);
        assert!(told.try_recv().is_err());
        drop(holder);
        assert!(told.recv().unwrap());
        assert_cancelled(task);
    });
}
