//! Readiness of descriptors: the only place that names `mio`.
//!
//! Each worker has a [`Driver`] with its own poll. A descriptor is registered once with each worker
//! that waits on it, edge-triggered and for both directions, at the first wait; its slot holds the
//! lists of the tasks that wait. All of a slot is touched by the driver's thread alone, whose tasks
//! they are, so an event queues them directly. Plain threads use `poll(2)`.
//!
//! Those who poll leave wakers, in a place that a descriptor's slots share (`pollers`).

mod arm;
mod attempt;
mod ends;
mod poll_io;
mod polled;
pub(crate) mod pollers;
mod name;
mod source;
mod thread;
mod watch;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

use self::pollers::Pollers;
use crate::current::{self, Core};
use crate::limits::EVENTS_MAX;
use crate::task::mailbox::{Mailbox, Message, Notifier};
use crate::waiters::{List, Listed, Node};
use crate::wake;

pub use arm::{Readiness, ReadyArm};
pub(crate) use attempt::{Pauses, pause};
pub(crate) use ends::{Reads, Writes, poll_read, poll_write};
pub use poll_io::{PollRead, PollWrite};
pub(crate) use source::{Direction, Source, cut_short, timed_out};
pub(crate) use thread::is_ready;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use thread::is_shut;

/// The driver's own event, which ends its sleep.
const WAKER: Token = Token(usize::MAX);

/// A worker's part of the reactor. Its thread's alone, but for what [`Remote`] shows.
pub(crate) struct Driver {
    poll: RefCell<Poll>,
    events: RefCell<Events>,
    slots: RefCell<Slab<Slot>>,
    uses: Cell<Generation>,
    turns: Cell<u64>,
    remote: Arc<Remote>,
}

/// What other threads may reach of a driver. Sources keep it, longer than there is a driver.
pub(crate) struct Remote {
    /// A second descriptor of the poll; `None` once the driver has ended.
    registry: Mutex<Option<Registry>>,
    ended: AtomicBool,
    mailbox: OnceLock<&'static Mailbox>,
    id: u64,
}

/// One descriptor, as one worker waits on it. It fills one cache line, also as an entry of a slab,
/// which marks vacant ones by the zero that `generation` never is.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slot {
    /// Tells this use of the slot from earlier ones, whose events may still come.
    generation: Generation,
    read: Side,
    write: Side,
    /// Where those leave their wakers who poll in tasks of the driver's worker.
    pollers: Option<Arc<Pollers>>,
}

/// One direction of a descriptor.
#[derive(Default)]
pub(crate) struct Side {
    /// Tasks of the driver's worker. The list is taken out while it is used, and put back.
    waiters: Cell<List<()>>,
    /// The last transfer was short: the kernel has no more until the next event.
    used_up: Cell<bool>,
    /// The event said closed or failed, which stays so: nothing is ever used up again.
    ended: Cell<bool>,
}

impl Side {
    /// Acts on an event: queues the tasks that wait for it.
    fn ready(&self, core: &Core, ended: bool) {
        self.used_up.set(false);
        if ended {
            self.ended.set(true);
        }
        let mut waiters = self.waiters.take();
        while let Some(node) = waiters.claim_node() {
            // SAFETY: those who wait are tasks of this worker, which is not running any of them: so
            // the waiter is there, and its task is alive.
            wake::queue_last(core, unsafe { &*node.task() });
        }
        self.waiters.set(waiters);
    }

    /// Links the node of a task of the driver's worker.
    ///
    /// # Safety
    ///
    /// As [`List::push_back`].
    unsafe fn link(&self, node: &Node<()>) {
        let mut waiters = self.waiters.take();
        // SAFETY: the caller's promise.
        unsafe { waiters.push_back(node) };
        self.waiters.set(waiters);
    }

    /// Takes a node out that was linked here; `false`: it has been taken out before.
    fn unlink(&self, node: &Node<()>) -> bool {
        let mut waiters = self.waiters.take();
        // SAFETY: the node was linked to this list.
        let linked = unsafe { waiters.remove(node) };
        self.waiters.set(waiters);
        linked
    }
}

impl Slot {
    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }
}

/// A direction of a descriptor that is registered with this thread's driver.
#[derive(Clone, Copy)]
pub(super) struct Registered {
    driver: &'static Driver,
    index: usize,
    direction: Direction,
}

impl Registered {
    /// Hands the side to `f`, which neither waits nor registers anything.
    fn side<R>(self, f: impl FnOnce(&Side) -> R) -> R {
        f(self.driver.slots.borrow()[self.index].side(self.direction))
    }

    /// Has the driver's events call the wakers that are left with `pollers`.
    fn tell(self, pollers: &Arc<Pollers>) {
        let place = &mut self.driver.slots.borrow_mut()[self.index].pollers;
        if place.is_none() {
            *place = Some(pollers.clone());
        }
    }
}

impl Listed<()> for Registered {
    fn remove(&self, node: &Node<()>) -> bool {
        self.side(|side| side.unlink(node))
    }
}

impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side").field("used_up", &self.used_up).finish_non_exhaustive()
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("id", &self.remote.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("id", &self.id).finish_non_exhaustive()
    }
}

struct WakerNotifier(Waker);

impl Notifier for WakerNotifier {
    fn notify(&self) {
        // The kernel refuses this only when the counter is full, which means: already notified.
        let _ = self.0.wake();
    }
}

impl Driver {
    /// A driver with its poll, and what notifies it.
    pub(crate) fn new() -> io::Result<(Driver, Arc<dyn Notifier>)> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let poll = Poll::new()?;
        let notifier = Arc::new(WakerNotifier(Waker::new(poll.registry(), WAKER)?));
        let remote = Arc::new(Remote {
            registry: Mutex::new(Some(poll.registry().try_clone()?)),
            ended: AtomicBool::new(false),
            mailbox: OnceLock::new(),
            id: NEXT.fetch_add(1, Ordering::Relaxed),
        });
        let driver = Driver {
            poll: RefCell::new(poll),
            events: RefCell::new(Events::with_capacity(EVENTS_MAX)),
            slots: RefCell::new(Slab::new()),
            uses: Cell::new(Generation::MIN),
            turns: Cell::new(0),
            remote,
        };
        Ok((driver, notifier))
    }

    /// Makes the driver the one of this worker.
    pub(crate) fn attach(&self, core: &Core) {
        let _ = self.remote.mailbox.set(core.mailbox);
        core.reactor.set(std::ptr::from_ref(self).cast());
    }

    /// Waits for events up to `timeout` (`None`: until notified), and wakes those they concern.
    pub(crate) fn turn(&self, core: &Core, timeout: Option<Duration>) -> io::Result<()> {
        self.turns.set(self.turns.get() + 1);
        core.counters.polls.set(self.turns.get());
        let mut due = Vec::new();
        {
            let mut events = self.events.borrow_mut();
            match self.poll.borrow_mut().poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let slots = self.slots.borrow();
            for event in events.iter() {
                if event.token() == WAKER {
                    continue;
                }
                let Some((index, generation)) = unpack(event.token()) else {
                    continue;
                };
                let Some(slot) = slots.get(index).filter(|slot| slot.generation == generation)
                else {
                    continue;
                };
                core.counters.events.count();
                let concerns = Concerns::of(event);
                if concerns.read {
                    slot.read.ready(core, concerns.read_ended);
                }
                if concerns.write {
                    slot.write.ready(core, concerns.write_ended);
                }
                if let Some(pollers) = &slot.pollers {
                    pollers.take_concerned(&concerns, &mut due);
                }
            }
        }
        // Now that nothing of the driver is borrowed, for they may do anything with it.
        if !due.is_empty() {
            pollers::call(due);
        }
        Ok(())
    }

    /// How often events were taken from the poll.
    fn turns(&self) -> u64 {
        self.turns.get()
    }

    fn register(&self, fd: RawFd) -> io::Result<(usize, Generation)> {
        let generation = self.uses.get();
        let next = generation.get() % GENERATION_MAX + 1;
        self.uses.set(Generation::new(next).unwrap_or(Generation::MIN));
        let mut slots = self.slots.borrow_mut();
        let entry = slots.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        // A read stops short at TCP's urgent mark, with more behind it and no further edge: such a
        // descriptor is never taken for used up.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let interest = interest | Interest::PRIORITY;
        let poll = self.poll.borrow();
        poll.registry().register(&mut SourceFd(&fd), pack(index, generation)?, interest)?;
        let (read, write) = (Side::default(), Side::default());
        entry.insert(Slot { generation, read, write, pollers: None });
        Ok((index, generation))
    }

    fn free(&self, index: usize, generation: Generation) {
        let mut slots = self.slots.borrow_mut();
        if slots.get(index).is_some_and(|slot| slot.generation == generation) {
            slots.remove(index);
        }
    }

    /// How many descriptors are registered here.
    pub(crate) fn len(&self) -> usize {
        self.slots.borrow().len()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.remote.ended.store(true, Ordering::Release);
        *self.remote.registry() = None;
        // No further event comes from here. Whoever has polled in a task of this worker, and polls
        // elsewhere from now on, is watched there from its next poll.
        let mut due = Vec::new();
        for (_, slot) in self.slots.take() {
            if let Some(pollers) = slot.pollers {
                pollers.take(Direction::Read, &mut due);
                pollers.take(Direction::Write, &mut due);
            }
        }
        pollers::call(due);
    }
}

/// The sides of a descriptor that an event concerns.
struct Concerns {
    read: bool,
    /// Closed, failed, or with urgent bytes.
    read_ended: bool,
    write: bool,
    write_ended: bool,
}

impl Concerns {
    #[inline(always)]
    fn of(event: &Event) -> Concerns {
        let failed = event.is_error();
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let urgent = event.is_priority();
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let urgent = false;
        let read_ended = event.is_read_closed() || failed || urgent;
        let write_ended = event.is_write_closed() || failed;
        Concerns {
            read: event.is_readable() || read_ended,
            read_ended,
            write: event.is_writable() || write_ended,
            write_ended,
        }
    }
}

impl Remote {
    fn registry(&self) -> MutexGuard<'_, Option<Registry>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Takes a descriptor out of the poll, from any thread, before it is closed.
    fn forget(&self, fd: RawFd, index: usize, generation: Generation) {
        // An error means that it is no longer there.
        if let Some(driver) = driver().filter(|driver| driver.remote.id == self.id) {
            let _ = driver.poll.borrow().registry().deregister(&mut SourceFd(&fd));
            return driver.free(index, generation);
        }
        {
            let registry = self.registry();
            let Some(registry) = &*registry else { return };
            let _ = registry.deregister(&mut SourceFd(&fd));
        }
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.send(Box::new(Freed { driver: self.id, index, generation }));
        }
    }
}

/// Tells a driver that a slot of it is free.
struct Freed {
    driver: u64,
    index: usize,
    generation: Generation,
}

impl Message for Freed {
    fn deliver(self: Box<Self>) {
        // The mailbox may have a new owner by now.
        if let Some(driver) = driver().filter(|driver| driver.remote.id == self.driver) {
            driver.free(self.index, self.generation);
        }
    }
}

/// The driver of this thread's worker.
fn driver() -> Option<&'static Driver> {
    let driver = current::core()?.reactor.get().cast::<Driver>();
    // SAFETY: set by `attach`; the worker keeps its driver as long as its core is current.
    unsafe { driver.as_ref() }
}

type Generation = NonZeroU32;

/// So that no token is the [`WAKER`]'s.
const GENERATION_MAX: u32 = u32::MAX >> 1;

const _: () = assert!(size_of::<Slot>() == 64 && size_of::<Option<Slot>>() == 64);

fn pack(index: usize, generation: Generation) -> io::Result<Token> {
    let index = u32::try_from(index)
        .map_err(|_| io::Error::other("more descriptors than a worker can wait on"))?;
    Ok(Token(((generation.get() as usize) << 32) | index as usize))
}

fn unpack(token: Token) -> Option<(usize, Generation)> {
    let generation = u32::try_from(token.0 >> 32).ok().and_then(Generation::new)?;
    Some((token.0 & u32::MAX as usize, generation))
}
