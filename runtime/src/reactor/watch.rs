//! The thread that watches descriptors for those who poll outside of tasks.
//!
//! A poll outside of a task has no worker whose driver could watch for it. A runtime may end, and a
//! worker may be busy with a task that never waits. So one thread of the process, started by the
//! first such poll, watches for all of them, and does nothing else but call wakers.

use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

use super::Concerns;
use super::pollers::{self, Pollers};
use crate::limits::EVENTS_MAX;
use crate::unwind::AbortIfPanic;

/// What the thread watches.
struct Watch {
    registry: Registry,
    /// By token. An entry may be another's by the time that an event comes: its wakers are then
    /// called for nothing. The lock is held while an entry and its descriptor are registered.
    entries: Mutex<Slab<Arc<Pollers>>>,
    /// The process that has the thread: a forked child has none.
    process: u32,
}

static WATCH: OnceLock<Watch> = OnceLock::new();

/// Where a descriptor is among those that the thread watches.
#[derive(Debug, Default)]
pub(super) struct Place(OnceLock<usize>);

impl Place {
    /// Has the thread watch the descriptor, from now until [`Place::leave`].
    ///
    /// # Errors
    ///
    /// What the system says if it starts no thread, or cannot watch the descriptor.
    pub(super) fn enter(&self, fd: RawFd, pollers: &Arc<Pollers>) -> io::Result<()> {
        if self.0.get().is_some() {
            return Ok(());
        }
        let watch = watch()?;
        let mut entries = watch.entries();
        if self.0.get().is_none() {
            let entry = entries.vacant_entry();
            let (key, interest) = (entry.key(), Interest::READABLE | Interest::WRITABLE);
            watch.registry.register(&mut SourceFd(&fd), Token(key), interest)?;
            entry.insert(pollers.clone());
            let _ = self.0.set(key);
        }
        Ok(())
    }

    /// Ends the watch, before the descriptor is closed.
    pub(super) fn leave(&mut self, fd: RawFd) {
        if let Some(key) = self.0.take()
            && let Some(watch) = WATCH.get()
        {
            // An error means that it is no longer there.
            let _ = watch.registry.deregister(&mut SourceFd(&fd));
            let entry = watch.entries().try_remove(key);
            drop(entry);
        }
    }
}

impl Watch {
    fn entries(&self) -> MutexGuard<'_, Slab<Arc<Pollers>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut poll: Poll) -> ! {
        let _abort = AbortIfPanic("the thread that watches descriptors");
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut due = Vec::new();
        loop {
            match poll.poll(&mut events, None) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    panic!("the system does not say which descriptors are ready: {error}")
                }
                _ => {}
            }
            for event in events.iter() {
                let pollers = self.entries().get(event.token().0).cloned();
                if let Some(pollers) = pollers {
                    let concerns = Concerns::of(event);
                    pollers.take_concerned(&concerns, &mut due);
                    pollers::call(due.drain(..));
                }
            }
        }
    }
}

/// The watch, whose thread is started if there is none.
fn watch() -> io::Result<&'static Watch> {
    static STARTING: Mutex<()> = Mutex::new(());
    let process = std::process::id();
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if WATCH.get().is_none() {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        // The thread waits until what it watches is set.
        let main = move || WATCH.wait().run(poll);
        thread::Builder::new().name("gocoro-watch".into()).spawn(main)?;
        let _ = WATCH.set(Watch { registry, entries: Mutex::default(), process });
    }
    let watch = WATCH.get().expect("set just now");
    if watch.process != process {
        return Err(io::Error::other(
            "a forked child has no thread that watches descriptors for polls: call exec",
        ));
    }
    Ok(watch)
}
