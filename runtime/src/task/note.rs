//! The note: what a parked task waits for, on which object, and since when. It lies in the frame of
//! the park, on the task's own stack.
//!
//! # Who may read a note
//!
//! Only the thread of the task's worker, and only while the task is [`Run::Parked`](super::Run).
//! A parked task does not run before its own worker resumes it, on this same thread. So while the
//! worker's thread looks (between tasks, or inside another task of this worker) the frame of the
//! park stands, and so does every frame below it. What the note refers to is borrowed by one of
//! those frames, for as long as the wait lasts. Others ask the worker, through its mailbox.
//!
//! A task that runs, is queued or waits alone (`park/unwinding`) has no note: what lies at the
//! place of its last one may have been overwritten.
//!
//! # Where a note is
//!
//! A task has 128 bytes, all in use, so the note costs the task nothing: `depth`, which tells how
//! far below the stack's record the task suspended, is the distance of the note. The park knows
//! that number anyway. Only where the task waits inside a coroutine, on another stack than its own,
//! the note's address stands in the local data of the task's own stack meanwhile, in place of the
//! handle to suspend by. See `Stack::suspend` and `Stack::place`.
//!
//! A park writes the object's reference and a time, and nothing else: four to five instructions.
//! Words are made by [`Described`] when somebody asks. A round in which two tasks park and wake
//! each other takes 431 instructions, and took 423 without notes. In time no difference was to be
//! seen.
//!
//! Locks do not know where they were created, for that would cost each of them a word. They are
//! told apart by their addresses, and those with a holder name that. Channels, which are allocated,
//! do know.
//!
//! # Since when
//!
//! A wait is said to have begun when the worker's turn began: a turn reads the kernel's coarse
//! clock once, and no park reads a clock. So a wait seems longer than it is, by at most the time
//! that the worker had run tasks in that turn ([`TURN_MAX`](crate::limits::TURN_MAX) unless a task
//! computes for longer) and a tick of the kernel (1 to 10 ms).
//!
//! # Open
//!
//! - A plain thread that waits in one of gocoro's operations has no note: nobody could read it
//!   without a lock, for the thread may go on at any time.
//! - Tasks whose stack is larger than 4 GiB may have waits that are not found: `depth` has 32 bits.
//!   Their reason is known, for it stands in the task.

use std::fmt;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of};
use std::panic::Location;
use std::time::Instant;

use super::{Header, Plain, Reason};
use crate::clock::Coarse;

/// What a wait is for: why, and on what.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) reason: Reason,
    pub(crate) on: On<'a>,
}

/// An object that is waited for, or none. This is a `dyn Described` whose table is made here: that
/// of a trait object has functions only, and another process can call none.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct On<'a> {
    /// Not written if there is no object.
    object: MaybeUninit<*const ()>,
    means: Option<&'static Means>,
    of: PhantomData<&'a ()>,
}

/// What a type of objects says of them.
#[repr(C)]
struct Means {
    plain: Plain,
    in_words: unsafe fn(*const (), Reason, &mut Words),
}

impl From<Reason> for Wanted<'_> {
    #[inline(always)]
    fn from(reason: Reason) -> Self {
        Wanted { reason, on: On::NOTHING }
    }
}

impl Reason {
    /// A wait for this reason on this object.
    #[inline(always)]
    pub(crate) fn on<D: Legible>(self, object: &D) -> Wanted<'_> {
        Wanted { reason: self, on: On::this(object) }
    }
}

impl<'a> On<'a> {
    /// No object.
    pub(crate) const NOTHING: On<'static> =
        On { object: MaybeUninit::uninit(), means: None, of: PhantomData };

    #[inline(always)]
    fn this<D: Legible>(object: &'a D) -> On<'a> {
        let means = const { &Means { plain: D::PLAIN, in_words: in_words::<D> } };
        let object = MaybeUninit::new(std::ptr::from_ref(object).cast());
        On { object, means: Some(means), of: PhantomData }
    }
}

/// Has the object speak.
///
/// # Safety
///
/// `object` is a `D`, which stays for this call.
unsafe fn in_words<D: Described>(object: *const (), reason: Reason, words: &mut Words) {
    // SAFETY: the caller's promise.
    unsafe { &*object.cast::<D>() }.in_words(reason, words);
}

/// What can be waited for, and says so in words.
pub(crate) trait Described {
    /// Writes what somebody waits for who waits for this, as in `recv on a channel created at
    /// src/a.rs:10`. The wait was begun with `reason`.
    ///
    /// This is called while the wait lasts, on the thread of the worker that has the waiting task,
    /// and so while others may use the object. It runs nobody else's code, neither waits nor
    /// yields, and takes none but the short locks of `lock`.
    fn in_words(&self, reason: Reason, words: &mut Words);
}

/// What others may read of an object that is waited for, who cannot have it speak.
pub(crate) trait Legible: Described {
    /// See [`Plain`].
    const PLAIN: Plain;
}

/// What a parked task waits for, as the park leaves it on the task's stack.
///
/// Each store of a park counts, so a wait without a deadline does not say that it has none: see
/// [`TimedNote`].
#[repr(C)]
pub(crate) struct Note<'a> {
    on: On<'a>,
    since: Coarse,
}

/// The note of a wait with a deadline. Its `note` comes first, and is marked.
#[repr(C)]
pub(crate) struct TimedNote<'a> {
    note: Note<'a>,
    deadline: Instant,
}

impl<'a> Note<'a> {
    #[inline(always)]
    pub(crate) fn new(on: On<'a>, since: Coarse) -> Note<'a> {
        Note { on, since }
    }

    /// What a note says, read from its address: the object, since when, and the deadline.
    ///
    /// # Safety
    ///
    /// A `Note` or a [`TimedNote`] is there, and stays there for `'a`.
    pub(crate) unsafe fn read(place: usize) -> (On<'a>, Coarse, Option<Instant>) {
        // SAFETY: a `TimedNote` begins with a `Note`, so there is one either way.
        let note = unsafe { &*std::ptr::with_exposed_provenance::<Note<'a>>(place) };
        if !note.since.is_marked() {
            return (note.on, note.since, None);
        }
        // SAFETY: only a `TimedNote` is marked.
        let timed = unsafe { &*std::ptr::with_exposed_provenance::<TimedNote<'a>>(place) };
        (note.on, note.since, Some(timed.deadline))
    }

    /// Where the parts of a note lie, for other processes.
    pub(crate) const FIELDS: &'static [(&'static str, u64)] = &[
        ("note.object", (offset_of!(Note<'_>, on) + offset_of!(On<'_>, object)) as u64),
        ("note.means", (offset_of!(Note<'_>, on) + offset_of!(On<'_>, means)) as u64),
        ("note.since", offset_of!(Note<'_>, since) as u64),
        ("note.deadline", offset_of!(TimedNote<'_>, deadline) as u64),
        ("means.plain", offset_of!(Means, plain) as u64),
    ];
}

impl<'a> TimedNote<'a> {
    pub(crate) fn new(on: On<'a>, since: Coarse, deadline: Instant) -> TimedNote<'a> {
        TimedNote { note: Note { on, since: since.marked() }, deadline }
    }
}

/// A description, and the task or thread on which the wait depends, if that is known.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Words {
    text: String,
    whom: Option<Whom>,
}

/// Whoever has to do something for a wait to end. It comes last in the description.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Whom {
    Task {
        id: u64,
        name: Option<String>,
    },
    /// A plain thread, by its mark.
    Thread(usize),
}

impl Words {
    pub(crate) fn say(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = fmt::Write::write_fmt(&mut self.text, text);
    }

    /// Writes `what` and where it was created.
    pub(crate) fn created(&mut self, what: &str, at: &Location<'_>) {
        self.say(format_args!("{what} created at {}:{}", at.file(), at.line()));
    }

    /// Writes `what` and the address of that object, by which two waits on one object are seen to
    /// be that.
    pub(crate) fn at<T: ?Sized>(&mut self, what: &str, object: &T) {
        let address = std::ptr::from_ref(object).cast::<()>();
        self.say(format_args!("{what} at {address:p}"));
    }

    /// Ends the description with the name of a task.
    pub(crate) fn task(&mut self, task: &Header) {
        self.whom = Some(Whom::Task { id: task.id, name: task.name().map(String::from) });
    }

    /// Ends the description with whoever it is, whose name is found later.
    pub(crate) fn whom(&mut self, whom: Whom) {
        self.whom = Some(whom);
    }

    /// Whoever has to do something for the wait to end, to be given a name.
    pub(crate) fn depends_on(&mut self) -> Option<&mut Whom> {
        self.whom.as_mut()
    }

    /// Whoever has to do something for the wait to end.
    pub(crate) fn whom_depended_on(&self) -> Option<&Whom> {
        self.whom.as_ref()
    }

    /// Describes a wait.
    pub(crate) fn of(reason: Reason, on: On<'_>) -> Words {
        let mut words = Words::default();
        match on.means {
            // SAFETY: `On::this` has written the object with these means, which are its type's, and
            // the object is borrowed for as long as `on` is.
            Some(means) => unsafe {
                (means.in_words)(on.object.assume_init(), reason, &mut words);
            },
            None => words.say(format_args!("{}", reason.plain())),
        }
        words
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.whom.as_ref().map_or(Ok(()), |whom| whom.fmt(f))
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whom::Task { name: Some(name), .. } => write!(f, "task '{name}'"),
            Whom::Task { id, name: None } => write!(f, "task {id}"),
            Whom::Thread(_) => f.write_str("a plain thread"),
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl fmt::Debug for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note").field("since", &self.since).finish_non_exhaustive()
    }
}

/// A task whose end is waited for.
impl Legible for Header {
    const PLAIN: Plain = Plain::of("join of").task(0);
}

impl Described for Header {
    fn in_words(&self, _: Reason, words: &mut Words) {
        words.say(format_args!("join of "));
        words.task(self);
    }
}
