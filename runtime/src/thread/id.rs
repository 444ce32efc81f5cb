//! Who a task or a plain thread is.

use std::fmt;
use std::thread;

use crate::task::{Task, TaskId};

/// What is added to a task's number where a [`ThreadId`] is printed, so that no plain thread, whose
/// numbers std counts from one, is printed alike: more than a process makes threads in its life.
const TASKS_FROM: u64 = 1_000_000_000_000;

/// A handle to a task or a plain thread. As [`std::thread::Thread`].
///
/// It is what [`current`](super::current) and [`JoinHandle::thread`](super::JoinHandle::thread)
/// give.
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let waits = thread::Builder::new().name("waits".into()).spawn(thread::park).unwrap();
/// assert_eq!(waits.thread().name(), Some("waits"));
/// waits.thread().unpark();
/// waits.join().unwrap();
/// ```
#[derive(Clone)]
pub struct Thread {
    who: Who,
}

#[derive(Clone)]
enum Who {
    Task(Task),
    Plain(thread::Thread),
}

impl Thread {
    pub(super) fn of_task(task: Task) -> Thread {
        Thread { who: Who::Task(task) }
    }

    pub(super) fn of_thread(thread: thread::Thread) -> Thread {
        Thread { who: Who::Plain(thread) }
    }

    /// Gives the token that [`park`](super::park) waits for: to the task, or to the plain thread,
    /// whose `std::thread::park` waits for the same one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gocoro::thread;
    ///
    /// thread::current().unpark();
    /// thread::park(); // the token is there
    /// ```
    #[inline]
    pub fn unpark(&self) {
        match &self.who {
            Who::Task(task) => task.unpark(),
            Who::Plain(thread) => thread.unpark(),
        }
    }

    /// The id of the task or thread.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId {
            number: match &self.who {
                Who::Task(task) => Number::Task(task.id()),
                Who::Plain(thread) => Number::Plain(thread.id()),
            },
        }
    }

    /// The name that the task or thread was given. The program's first thread is called `main`, and
    /// so is the task that `#[go_main]` runs.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.who {
            Who::Task(task) => task.name(),
            Who::Plain(thread) => thread.name(),
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// Identifies a task or a plain thread among all that there are while the process lives. As
/// [`std::thread::ThreadId`].
///
/// An id is never used again, and no task has that of a plain thread. Printed by `{:?}`, it is
/// `ThreadId(` and a number, as std's is; the numbers of tasks begin beyond 10¹².
///
/// # Examples
///
/// ```
/// use gocoro::thread;
///
/// let other = thread::spawn(|| thread::current().id());
/// let (seen, told) = (other.thread().id(), other.join().unwrap());
/// assert_eq!(seen, told);
/// assert_ne!(seen, thread::current().id());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadId {
    number: Number,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Number {
    Task(TaskId),
    Plain(thread::ThreadId),
}

impl fmt::Debug for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Number::Task(id) => f.debug_tuple("ThreadId").field(&(TASKS_FROM + id.get())).finish(),
            Number::Plain(id) => id.fmt(f),
        }
    }
}
