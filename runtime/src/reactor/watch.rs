//! The thread that watches descriptors for those who poll outside of tasks.
//!
//! A poll outside of a task has no worker whose driver could watch for it. A runtime may end, and a
//! worker may be busy with a task that never waits. So one thread of the process, started by the
//! first such poll, watches for all of them, and does nothing else but call wakers.
//!
//! It also looks again, now and then, for those who wait for what no event tells of.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

use super::pollers::{self, Pollers};
use super::{Concerns, Direction};
use crate::census::Internal;
use crate::clock;
use crate::limits::{EVENTS_MAX, SHUT_LOOK};
use crate::unwind::AbortIfPanic;

/// What the thread watches.
struct Watch {
    registry: Registry,
    /// By token. An entry may be another's by the time that an event comes: its wakers are then
    /// called for nothing. The lock is held while an entry and its descriptor are registered.
    entries: Mutex<Slab<Arc<Pollers>>>,
    /// Whose wakers are called after a while.
    looks: Mutex<Vec<Arc<Pollers>>>,
    /// Ends the thread's sleep, for the first of them.
    waker: Waker,
    /// The process that has the thread: a forked child has none.
    process: u32,
}

/// The token of the watch's own event.
const WAKER: Token = Token(usize::MAX);

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

    fn looks(&self) -> MutexGuard<'_, Vec<Arc<Pollers>>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut poll: Poll) -> ! {
        let _abort = AbortIfPanic("the thread that watches descriptors");
        // Whoever polls outside of tasks has a thread that is counted.
        let _internal = Internal::new();
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut due = Vec::new();
        let mut look_at = None;
        loop {
            let left = look_at.map(|at: Instant| at.saturating_duration_since(clock::now()));
            match poll.poll(&mut events, left) {
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
            if look_at.is_some_and(|at| at <= clock::now()) {
                look_at = None;
                for pollers in std::mem::take(&mut *self.looks()) {
                    // Before the wakers are taken: whoever leaves another one later asks again.
                    pollers.looks.store(false, Ordering::SeqCst);
                    pollers.take(Direction::Write, &mut due);
                    pollers::call(due.drain(..));
                }
            }
            if look_at.is_none() && !self.looks().is_empty() {
                look_at = clock::after(SHUT_LOOK);
            }
        }
    }
}

/// Has the wakers that are left to write called after a while, once.
///
/// # Errors
///
/// What the system says if it starts no thread.
pub(super) fn look_again(pollers: &Arc<Pollers>) -> io::Result<()> {
    let watch = watch()?;
    if !pollers.looks.swap(true, Ordering::SeqCst) {
        let mut looks = watch.looks();
        looks.push(pollers.clone());
        let is_first = looks.len() == 1;
        drop(looks);
        if is_first {
            watch.waker.wake()?;
        }
    }
    Ok(())
}

/// The watch, whose thread is started if there is none.
fn watch() -> io::Result<&'static Watch> {
    let watch = match WATCH.get() {
        Some(watch) => watch,
        None => start()?,
    };
    if watch.process != std::process::id() {
        return Err(io::Error::other(
            "a forked child has no thread that watches descriptors for polls: call exec",
        ));
    }
    Ok(watch)
}

fn start() -> io::Result<&'static Watch> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if WATCH.get().is_none() {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKER)?;
        // The thread waits until what it watches is set.
        let main = move || WATCH.wait().run(poll);
        thread::Builder::new().name("gocoro-watch".into()).spawn(main)?;
        let (entries, looks) = (Mutex::default(), Mutex::default());
        let process = std::process::id();
        let _ = WATCH.set(Watch { registry, entries, looks, waker, process });
    }
    Ok(WATCH.get().expect("set just now"))
}
