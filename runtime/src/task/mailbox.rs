//! A worker's address: where other threads reach it.
//!
//! Mailboxes are never freed, only used again by later workers: a thread that was slow between
//! pushing and notifying touches memory that is still a mailbox, and at worst wakes its new owner
//! for nothing. A worker keeps its mailbox until no link is on its way to it (see the contract
//! page), so no link ever reaches the wrong owner.

use std::fmt;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Header;
use super::inbox::{Drained, Inbox, Notify};
use crate::limits::WORKERS_MAX;
use crate::lock::Lock;

/// What ends a worker's sleep.
pub(crate) trait Notifier: Send + Sync {
    fn notify(&self);
}

/// What a worker is told besides wakes.
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
}

static TABLE: [AtomicPtr<Mailbox>; WORKERS_MAX] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; WORKERS_MAX];

struct Free {
    made: usize,
    free: Vec<&'static Mailbox>,
}

static FREE: Mutex<Free> = Mutex::new(Free { made: 0, free: Vec::new() });

impl Mailbox {
    /// A mailbox for a new worker; an error if there are too many workers.
    pub(crate) fn acquire(notifier: Arc<dyn Notifier>) -> std::io::Result<&'static Mailbox> {
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
                }));
                TABLE[usize::from(id)]
                    .store(std::ptr::from_ref(mailbox).cast_mut(), Ordering::Release);
                mailbox
            }
        };
        *mailbox.notifier.lock() = Some(notifier);
        Ok(mailbox)
    }

    /// Gives the mailbox back: no link is on its way, and no message will come.
    pub(crate) fn release(&'static self) {
        // Taken first, and dropped when no lock is held.
        let last = (self.notifier.lock().take(), self.take_messages());
        drop(last);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).free.push(self);
    }

    /// The mailbox with this id, which a worker had at some time.
    pub(crate) fn of(id: u16) -> &'static Mailbox {
        let mailbox = TABLE[usize::from(id)].load(Ordering::Acquire);
        // SAFETY: ids come from mailboxes, which are in the table from before their first use on,
        // and are never freed.
        unsafe { &*mailbox }
    }

    /// The owner's number.
    #[inline(always)]
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    /// Pushes the link of a task that this worker owns.
    ///
    /// # Safety
    ///
    /// The caller was told to by a transition of the task's word (`Asked::Push`).
    pub(crate) unsafe fn push(&self, task: *const Header) {
        // SAFETY: a task whose link is under way is kept alive by its owner until it is drained.
        if unsafe { self.inbox.push(task) } == Notify::Yes {
            self.notify();
        }
    }

    /// Leaves a message.
    pub(crate) fn send(&self, message: Box<dyn Message>) {
        self.messages.lock().push(message);
        self.poke();
    }

    /// Makes the worker look around once.
    pub(crate) fn poke(&self) {
        if self.inbox.poke() == Notify::Yes {
            self.notify();
        }
    }

    fn notify(&self) {
        // Cloned, so that no lock is held across the system call.
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

    /// Announces that the owner sleeps; `false` if something has come. By the owner.
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

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).finish_non_exhaustive()
    }
}
