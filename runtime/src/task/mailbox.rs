//! A worker's address, at which other threads reach it.
//!
//! Mailboxes are never freed, only used again by later workers. So a thread that was slow between
//! pushing and notifying touches memory that is still a mailbox, and at worst wakes the mailbox's
//! new owner for nothing. A worker keeps its mailbox until no link is on its way to it (see
//! "complete" on the contract page), so no link ever reaches the wrong owner.

use std::fmt;
use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::inbox::{Drained, Inbox, Notify};
use super::word::Asked;
use super::{Header, TaskRef};
use crate::limits::{MESSAGES_MAX, WORKERS_MAX};
use crate::lock::Lock;

/// Ends a worker's sleep, from any thread.
pub(crate) trait Notifier: Send + Sync {
    fn notify(&self);
}

/// What a worker can be told besides the requests in its tasks' words.
pub(crate) trait Message: Send {
    /// Runs on the worker's thread, between tasks.
    fn deliver(self: Box<Self>);
}

/// The address of a worker.
pub(crate) struct Mailbox {
    id: u16,
    inbox: Inbox<Header>,
    messages: Lock<Vec<Box<dyn Message>>>,
    notifier: Lock<Option<Arc<dyn Notifier>>>,
    /// The worker's core, which other processes read: see the table in the scheduler. Null while no
    /// worker has this mailbox.
    core: AtomicPtr<()>,
    /// The kernel's number of the worker's thread; zero: it is not known.
    thread: AtomicU32,
    /// Whether the worker is one of gocoro's own, which is left out of what is said of the program.
    /// It changes under the lock of `FREE`.
    is_internal: AtomicBool,
}

/// All mailboxes that were ever made, by id. Others are null.
pub(crate) static TABLE: [AtomicPtr<Mailbox>; WORKERS_MAX] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; WORKERS_MAX];

/// The mailboxes that no worker has.
struct Free {
    /// How many mailboxes were ever made; also the next id.
    made: usize,
    free: Vec<&'static Mailbox>,
}

static FREE: Mutex<Free> = Mutex::new(Free { made: 0, free: Vec::new() });

impl Mailbox {
    /// Where the parts lie, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("mailbox.bytes", size_of::<Mailbox>() as u64),
        ("mailbox.id", offset_of!(Mailbox, id) as u64),
        ("mailbox.core", offset_of!(Mailbox, core) as u64),
        ("mailbox.thread", offset_of!(Mailbox, thread) as u64),
    ];

    /// Shows this worker, which has the mailbox, to other processes until the mailbox is released.
    /// By the worker's thread.
    pub(crate) fn show(&self, core: *const ()) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the call has no arguments, and cannot fail.
        self.thread.store(unsafe { libc::gettid() } as u32, Ordering::Relaxed);
        self.core.store(core.cast_mut(), Ordering::Release);
    }

    /// A mailbox for a new worker. An error if `WORKERS_MAX` workers are alive.
    pub(crate) fn acquire(
        notifier: Arc<dyn Notifier>,
        is_internal: bool,
    ) -> std::io::Result<&'static Mailbox> {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let mailbox = match free.free.pop() {
            Some(mailbox) => mailbox,
            None if free.made == WORKERS_MAX => {
                return Err(std::io::Error::other(format!(
                    "{WORKERS_MAX} workers are alive; end a runtime before starting another"
                )));
            }
            None => {
                let id = free.made as u16;
                free.made += 1;
                let mailbox: &'static Mailbox = Box::leak(Box::new(Mailbox {
                    id,
                    inbox: Inbox::new(),
                    messages: Lock::new(Vec::new()),
                    notifier: Lock::new(None),
                    core: AtomicPtr::default(),
                    thread: AtomicU32::new(0),
                    is_internal: AtomicBool::new(false),
                }));
                TABLE[usize::from(id)]
                    .store(std::ptr::from_ref(mailbox).cast_mut(), Ordering::Release);
                mailbox
            }
        };
        mailbox.is_internal.store(is_internal, Ordering::Relaxed);
        *mailbox.notifier.lock() = Some(notifier);
        Ok(mailbox)
    }

    /// Gives the mailbox back, for a later worker. The caller's worker has no task left, so no link
    /// is on its way here; and nobody sends messages to that worker any more.
    pub(crate) fn release(&'static self) {
        self.core.store(std::ptr::null_mut(), Ordering::Release);
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let last = (self.notifier.lock().take(), self.take_messages());
        free.free.push(self);
        drop(free);
        // Dropped when no lock is held, for what is dropped here may run any destructor.
        drop(last);
    }

    /// Leaves a message for each worker of the program for whose mailbox `make` makes one. Each of
    /// them is delivered, or dropped with the worker's end. Returns how many messages were left,
    /// and how many were not, for workers that have not taken the many that they have already.
    pub(crate) fn send_to_all(
        mut make: impl FnMut(u16) -> Option<Box<dyn Message>>,
    ) -> (usize, usize) {
        // While the lock is held, nobody's mailbox changes hands: a message in one that is free
        // would wait for the next owner.
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut has_owner = vec![true; free.made];
        for mailbox in &free.free {
            has_owner[usize::from(mailbox.id)] = false;
        }
        let (mut left, mut flooded) = (0, 0);
        for (id, _) in (0..).zip(has_owner).filter(|(_, has_owner)| *has_owner) {
            let mailbox = Mailbox::of(id);
            if mailbox.is_internal() {
                continue;
            }
            let Some(message) = make(id) else { continue };
            if mailbox.messages.lock().len() < MESSAGES_MAX {
                mailbox.send(message);
                left += 1;
            } else {
                flooded += 1;
            }
        }
        (left, flooded)
    }

    /// The mailbox with this id, which the caller has from a mailbox or from a task's word.
    pub(crate) fn of(id: u16) -> &'static Mailbox {
        let mailbox = TABLE[usize::from(id)].load(Ordering::Acquire);
        // SAFETY: `id` is that of a mailbox, for the caller has it from one; `acquire` stored the
        // mailbox in the table before anybody could see its id, and it is never freed.
        unsafe { &*mailbox }
    }

    /// The mailbox's id, by which a task's word names its owner.
    #[inline(always)]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// Whether the worker is one of gocoro's own.
    pub(crate) fn is_internal(&self) -> bool {
        self.is_internal.load(Ordering::Relaxed)
    }

    /// Pushes the link of a task that this worker owns.
    ///
    /// # Safety
    ///
    /// A transition of the task's word told the caller to push the link here (`Asked::Push`), and
    /// the caller does so once.
    pub(crate) unsafe fn push(&self, task: *const Header) {
        // SAFETY: `Asked::Push` gives the right to push this link to one caller, and the task's
        // owner keeps the task alive until it has drained the link.
        if unsafe { self.inbox.push(task) } == Notify::Yes {
            self.notify();
        }
    }

    /// Leaves a message, which the worker delivers between tasks.
    pub(crate) fn send(&self, message: Box<dyn Message>) {
        self.messages.lock().push(message);
        self.poke();
    }

    /// Makes the worker look once for what was left for it, here or elsewhere.
    pub(crate) fn poke(&self) {
        if self.inbox.poke() == Notify::Yes {
            self.notify();
        }
    }

    fn notify(&self) {
        // The notifier is cloned, so that no lock is held across its system call.
        let notifier = self.notifier.lock().clone();
        if let Some(notifier) = notifier {
            notifier.notify();
        }
    }

    /// Whether a drain would find anything. By the owner.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Announces that the owner sleeps. `false`: something has come, and has to be drained first.
    /// By the owner.
    pub(crate) fn announce_sleep(&self) -> bool {
        self.inbox.announce_sleep()
    }

    /// Empties the inbox. By the owner.
    pub(crate) fn drain(&self) -> Drained<Header> {
        self.inbox.drain()
    }

    /// Takes the messages. By the owner.
    pub(crate) fn take_messages(&self) -> Vec<Box<dyn Message>> {
        std::mem::take(&mut *self.messages.lock())
    }
}

/// Pushes a task's link to its owner's inbox, if the request that was made of the task says so.
pub(crate) fn push_if_asked(task: &TaskRef, asked: Asked) {
    if let Asked::Push(owner) = asked {
        // SAFETY: a transition of this task's word returned `Asked::Push(owner)`, which is consumed
        // here.
        unsafe { Mailbox::of(owner).push(task.as_ptr()) };
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).finish_non_exhaustive()
    }
}
