//! What another process finds of this one: a table that says where the runtime keeps what.
//!
//! A program such as `gocoro ps` (`examples/reader`) reads tasks, waits and stacks of a process
//! that knows nothing of it, and in which no code runs for that: by `process_vm_readv`, at any
//! time, even while the process is stopped. All that it needs to know is in one static, which it
//! finds without symbols, so in a stripped program and in a library as well. CPython does the same
//! for its own tasks since 3.14.
//!
//! The process pays nothing for it but two stores when a worker begins, and one when it ends:
//! whatever is read stands in memory anyway.
//!
//! # How it is found
//!
//! The table is initialised data with a changeable part, so it lies in the writable data of the
//! program or library that gocoro was linked into, in a mapping of that file. It is aligned to
//! [`ALIGN`] bytes, begins with [`MAGIC`], and then has its own address, which bytes that only look
//! like it have not. That needs no symbol, no section and no file, so it works for whatever was
//! stripped, moved by the loader, deleted since, or linked several times. Each copy of gocoro in a
//! process has a table, and they need not be of one version.
//!
//! A link section of its own would be found by its name in the file. But the file may be another
//! one by now, or out of reach in a container.
//!
//! # What is in it
//!
//! All numbers are in the process's own byte order, and pointers have 8 bytes: of other processes
//! only the magic is to be believed.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 16 | [`MAGIC`] |
//! | 16 | 8 | the address of the table |
//! | 24 | 4 | the version of this layout: [`VERSION`] |
//! | 28 | 4 | how many bytes the table has |
//! | 32 | 16 | the version of gocoro, with zeros behind |
//! | 48 | 8 | the address of the mailboxes: pointers, of which those before the first null are valid |
//! | 56 | 4 | how many there can be |
//! | 60 | 4 | how many reasons follow |
//! | 64 | 4 | how many fields follow these |
//! | 68 | 4 | 1 once the fields are complete, which they are from the first runtime on |
//! | 72 | 48 each | the words of each reason, with zeros behind |
//! | then | 32 each | the fields: a name of 24 bytes, with zeros behind, and a number of 8 |
//!
//! A field is an offset, a number, or all bits set if it is not known here. A reader looks for the
//! fields that it needs by their names, so new ones need no new version. The version changes when
//! what is said here or below does.
//!
//! # How it is read
//!
//! - A mailbox (`mailbox.…`) has a worker if `mailbox.core` is not null. `mailbox.thread` is the
//!   kernel's number of its thread.
//! - A core (`core.…`) is a worker: the number of its runtime, which is never used again; how many
//!   tasks it has; the first of its live tasks, which are linked both ways by `task.previous` and
//!   `task.next`, the newest first; how many unstarted ones it has at most. `core.worker` leads to
//!   `worker.index`.
//! - A task (`task.…`, `word.…`, `run.…`) is live while its word has the phase `word.started` and,
//!   above `word.owner_shift`, the id of its worker's mailbox. `task.class` is the binary logarithm
//!   of its stack's size. `task.meta` is null, or leads to its name (a pointer and a length; null:
//!   it has none) and the id of the task that spawned it (zero: none, or not known).
//! - A task belongs to a scope or a group if `scope.kind`, at `vtable.scope` of what `task.vtable`
//!   leads to, is 0 or 1. The task has at `scope.shared` a pointer to what the scope and its tasks
//!   share, whose content lies `arc.content` behind that address. Content has at `scope.site` a
//!   pointer to the place at which the scope or group was created. Two tasks belong to the same one
//!   if they have the same content.
//! - `task.waits` leads to the innermost of the boundaries around a parked task's wait, or is null,
//!   and `boundary.outer` to the next. One whose `boundary.kind` is `boundary.is_shield` hides
//!   those further out. One that is `boundary.is_timeout` ends the wait at `boundary.deadline`, a
//!   time of the monotonic clock, unless that byte `boundary.expired` is set, or its nanoseconds
//!   are no fewer than a second has.
//! - A parked task has a note. If the task waits inside a coroutine, that is where `record.place`
//!   of its stack's record says, unless it is zero, or where `record.data` says, if the record is
//!   not its own `record.innermost`. Otherwise it is `task.depth` bytes below the record. If
//!   neither `record.place` nor the other two are known here, nor is the place. `note.since` is a
//!   time of the monotonic clock in nanoseconds. If its lowest bit is set there is a deadline.
//!   `note.means` is null, or leads to what can be said of `note.object` (`means.plain`,
//!   `plain.…`).
//! - The record of a suspended stack leads to the innermost frames: its `record.innermost` is the
//!   record of the stack that has them, or itself; the `record.innermost` of that one is the record
//!   that resumed it, and so on to the stack's own. With the engine `generator` each of these has
//!   its stack's saved registers, `record.sp` and `record.fp`; the code goes on at `record.pc`, or
//!   if there is no such field at the address to which the stack pointer points, with that taken
//!   off. The stack ends at the end of the page (`process.page_bytes`) in which its record lies.
//! - With the engine `corosensei`, which has a `record.link`, three words before the frames have
//!   the registers. Of the innermost stack they lie where the own record's `record.sp` says: the
//!   address of the code, a word, and the frame pointer. Of every other they lie where the link of
//!   the one that it has resumed says: the frame pointer, the address of the code, and a word.
//!   `record.link` is the address of a stack's link, below which are its frames, down to
//!   `record.lowest`. Words that lie elsewhere are those of a stack that is not gocoro's. If a walk
//!   of its frames comes to the code at `code.root`, then the frame pointer there is the address of
//!   its link.
//!
//! # What to beware of
//!
//! The process runs on meanwhile, so memory that was a task may be anything now. Whoever reads
//! checks: a task that was read is one of this worker if its word says so and its `task.previous`
//! is where the reader came from. What was read of a parked task was not torn if the task is the
//! same before and after it: see the example.
//!
//! # To grow
//!
//! - *Arms of a choice* are known to code alone. To say more than that there are some, each choice
//!   would have to write down what each of its arms waits for, which nobody needs otherwise.
//! - *How many children a scope or group waits for* is counted under a lock, in a structure of
//!   another crate.

mod learn;

use std::sync::Once;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

use super::Worker;
use crate::boundary::Boundary;
use crate::current::Core;
use crate::limits::WORKERS_MAX;
use crate::stack::Stack;
use crate::task::mailbox::{self, Mailbox};
use crate::task::word::Word;
use crate::task::{Header, Meta, Note, Plain, PlainScope, Reason, padded};

/// What the table begins with.
const MAGIC: [u8; 16] = *b"gocoro's table\r\n";

/// The version of the layout.
const VERSION: u32 = 1;

/// What the table's address is a multiple of.
const ALIGN: usize = 64;

/// A field whose number is not known here.
const UNKNOWN: u64 = u64::MAX;

/// A name, and an offset or number.
#[repr(C)]
struct Field {
    name: [u8; 24],
    value: AtomicU64,
}

/// The table: see the page of this module.
#[repr(C, align(64))]
struct Table {
    magic: [u8; 16],
    this: &'static Table,
    version: u32,
    bytes: u32,
    gocoro: [u8; 16],
    mailboxes: &'static AtomicPtr<Mailbox>,
    mailbox_count: u32,
    reason_count: u32,
    field_count: u32,
    is_complete: AtomicU32,
    reasons: [[u8; 48]; Reason::ALL.len()],
    fields: [Field; FIELD_COUNT],
}

/// The fields that are known when this is compiled.
const KNOWN: &[&[(&str, u64)]] = &[
    Mailbox::FIELDS,
    Core::FIELDS,
    Worker::FIELDS,
    Header::FIELDS,
    Word::FIELDS,
    Meta::FIELDS,
    PlainScope::FIELDS,
    Boundary::FIELDS,
    Note::FIELDS,
    Plain::FIELDS,
    Reason::FIELDS,
    Stack::FIELDS,
];

/// How many fields there are. Those that are learned come last.
const FIELD_COUNT: usize = {
    let mut count = learn::NAMES.len();
    let mut part = 0;
    while part < KNOWN.len() {
        count += KNOWN[part].len();
        part += 1;
    }
    count
};

static TABLE: Table = Table {
    magic: MAGIC,
    this: &TABLE,
    version: VERSION,
    bytes: size_of::<Table>() as u32,
    gocoro: padded(env!("CARGO_PKG_VERSION")),
    mailboxes: &mailbox::TABLE[0],
    mailbox_count: WORKERS_MAX as u32,
    reason_count: Reason::ALL.len() as u32,
    field_count: FIELD_COUNT as u32,
    is_complete: AtomicU32::new(0),
    reasons: {
        let mut reasons = [[0; 48]; Reason::ALL.len()];
        let mut number = 0;
        while number < reasons.len() {
            reasons[number] = padded(Reason::ALL[number].plain());
            number += 1;
        }
        reasons
    },
    fields: {
        let mut fields =
            [const { Field { name: [0; 24], value: AtomicU64::new(UNKNOWN) } }; FIELD_COUNT];
        let mut at = 0;
        let mut part = 0;
        while part < KNOWN.len() {
            let mut each = 0;
            while each < KNOWN[part].len() {
                let (name, value) = KNOWN[part][each];
                fields[at] = Field { name: padded(name), value: AtomicU64::new(value) };
                at += 1;
                each += 1;
            }
            part += 1;
        }
        let mut learned = 0;
        while learned < learn::NAMES.len() {
            fields[at].name = padded(learn::NAMES[learned]);
            at += 1;
            learned += 1;
        }
        fields
    },
};

const _: () = assert!(align_of::<Table>() == ALIGN);

/// Shows a worker, which is this thread's, to other processes.
pub(super) fn show(core: &Core) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let learned = &TABLE.fields[FIELD_COUNT - learn::NAMES.len()..];
        for (field, value) in learned.iter().zip(learn::values()) {
            field.value.store(value.unwrap_or(UNKNOWN), Relaxed);
        }
        TABLE.is_complete.store(1, Release);
    });
    core.mailbox.show(std::ptr::from_ref(core).cast());
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::mem::offset_of;

    use super::*;

    fn field(name: &str) -> u64 {
        let name: [u8; 24] = padded(name);
        let mut found = TABLE.fields.iter().filter(|field| field.name == name);
        let value = found.next().expect("a field of this name").value.load(Relaxed);
        assert!(found.next().is_none(), "two fields of one name");
        value
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        assert!(std::ptr::eq(TABLE.this, &raw const TABLE));
        assert_eq!(std::ptr::from_ref(&TABLE).addr() % ALIGN, 0);
        let offsets = [
            offset_of!(Table, this),
            offset_of!(Table, version),
            offset_of!(Table, bytes),
            offset_of!(Table, gocoro),
            offset_of!(Table, mailboxes),
            offset_of!(Table, mailbox_count),
            offset_of!(Table, reason_count),
            offset_of!(Table, field_count),
            offset_of!(Table, is_complete),
            offset_of!(Table, reasons),
        ];
        assert_eq!(offsets, [16, 24, 28, 32, 48, 56, 60, 64, 68, 72]);
        assert_eq!(size_of::<Field>(), 32);
        let fields = 72 + 48 * Reason::ALL.len();
        assert_eq!(offset_of!(Table, fields), fields.next_multiple_of(8));
        assert_eq!(fields % 8, 0, "a reader expects no gap there");
    }

    #[test]
    fn every_name_is_there_once() {
        for known in KNOWN.iter().flat_map(|part| part.iter()) {
            assert_eq!(field(known.0), known.1, "{}", known.0);
        }
        learn::NAMES.iter().for_each(|name| _ = field(name));
    }
}
