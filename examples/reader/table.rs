//! The table in which a gocoro says where it keeps what. The page of the runtime's module
//! `scheduler::table` says how it is found and read.

use std::collections::HashMap;

use crate::failure::Failure;
use crate::maps::{Mapping, mappings};
use crate::memory::{Bytes, Fault, Process, clean};

const MAGIC: &[u8; 16] = b"gocoro's table\r\n";

/// The version of the table that this reader knows.
const VERSION: u32 = 1;

/// What a table's address is a multiple of.
const ALIGN: usize = 64;

/// Bytes of a table before its reasons.
const HEAD_BYTES: usize = 72;

/// Bytes of a reason, of a field, and of a field's name.
const REASON_BYTES: usize = 48;
const FIELD_BYTES: usize = 32;
const NAME_BYTES: u64 = 24;

/// Ten times what a table has.
const TABLE_BYTES_MAX: u32 = 64 * 1024;

/// How much of a process's memory is looked through at once.
const CHUNK: usize = 1 << 20;

/// Larger ones are not a program's data.
const DATA_BYTES_MAX: u64 = 4 << 30;

/// The most that is read of a thing whose size the table says.
const THING_BYTES_MAX: u64 = 64 * 1024;

macro_rules! fields {
    ($($field:ident $name:literal)*; $($maybe:ident $known:literal)*) => {
        /// Offsets and numbers, of which the names are those of the table.
        #[derive(Debug)]
        pub(crate) struct Fields {
            $(pub(crate) $field: u64,)*
            $(pub(crate) $maybe: Option<u64>,)*
        }

        impl Fields {
            fn new(all: &HashMap<String, u64>) -> Result<Self, String> {
                let known = |name: &str| all.get(name).copied().filter(|&value| value != u64::MAX);
                let needed = |name: &str| known(name).ok_or_else(|| format!("it lacks '{name}'"));
                Ok(Self { $($field: needed($name)?,)* $($maybe: known($known),)* })
            }
        }
    };
}

fields! {
    mailbox_bytes "mailbox.bytes"
    mailbox_id "mailbox.id"
    mailbox_core "mailbox.core"
    mailbox_thread "mailbox.thread"
    core_bytes "core.bytes"
    core_runtime "core.runtime"
    core_live "core.live"
    core_live_count "core.live_count"
    core_unstarted "core.unstarted"
    core_worker "core.worker"
    worker_index "worker.index"
    task_bytes "task.bytes"
    task_word "task.word"
    task_run "task.run"
    task_reason "task.reason"
    task_class "task.class"
    task_depth "task.depth"
    task_stack "task.stack"
    task_daemon "task.daemon"
    task_previous "task.previous"
    task_next "task.next"
    task_id "task.id"
    task_spawned_at "task.spawned_at"
    task_meta "task.meta"
    stack_record "stack.record"
    run_queued "run.queued"
    run_running "run.running"
    run_parked "run.parked"
    word_phase_mask "word.phase_mask"
    word_started "word.started"
    word_cancelled "word.cancelled"
    word_owner_shift "word.owner_shift"
    meta_name "meta.name"
    meta_parent "meta.parent"
    note_object "note.object"
    note_means "note.means"
    note_since "note.since"
    note_deadline "note.deadline"
    means_plain "means.plain"
    plain_bytes "plain.bytes"
    plain_text_bytes "plain.text_bytes"
    plain_text "plain.text"
    plain_other "plain.other"
    plain_other_if "plain.other_if"
    plain_through "plain.through"
    plain_address "plain.address"
    plain_number "plain.number"
    plain_name "plain.name"
    plain_task "plain.task"
    plain_descriptor "plain.descriptor"
    plain_site "plain.site"
    plain_holder "plain.holder"
    plain_holder_bits "plain.holder_bits"
    plain_held "plain.held"
    reason_send "reason.send"
    reason_writable "reason.writable"
    reason_signal "reason.signal";
    location_file "location.file"
    location_file_bytes "location.file_bytes"
    location_line "location.line"
    location_column "location.column"
    instant_seconds "instant.seconds"
    instant_nanoseconds "instant.nanoseconds"
    text_start "text.start"
    text_bytes "text.bytes"
    record_sp "record.sp"
    record_fp "record.fp"
    record_pc "record.pc"
    record_innermost "record.innermost"
    record_data "record.data"
    record_place "record.place"
    record_link "record.link"
    record_lowest "record.lowest"
    code_root "code.root"
    page_bytes "process.page_bytes"
    task_vtable "task.vtable"
    vtable_scope "vtable.scope"
    scope_kind "scope.kind"
    scope_shared "scope.shared"
    scope_site "scope.site"
    arc_content "arc.content"
    task_waits "task.waits"
    boundary_kind "boundary.kind"
    boundary_deadline "boundary.deadline"
    boundary_expired "boundary.expired"
    boundary_outer "boundary.outer"
    boundary_is_shield "boundary.is_shield"
    boundary_is_timeout "boundary.is_timeout"
}

/// One gocoro of a process.
#[derive(Debug)]
pub(crate) struct Table {
    /// The version of that gocoro.
    pub(crate) gocoro: String,
    /// The program or library that it is in.
    pub(crate) file: String,
    pub(crate) mailboxes: u64,
    pub(crate) mailbox_count: usize,
    pub(crate) reasons: Vec<String>,
    /// `None`: it has had no runtime, and has nothing to show.
    pub(crate) fields: Option<Fields>,
}

/// The tables of a process: one for each gocoro that is linked into it. Those that cannot be read
/// come as failures.
pub(crate) fn tables(process: &Process) -> Result<Vec<Result<Table, Failure>>, Failure> {
    let mut found = Vec::new();
    for mapping in mappings(process)? {
        let is_data =
            mapping.is_writable && mapping.is_private && !mapping.path.starts_with("/dev/");
        if is_data && mapping.end - mapping.start <= DATA_BYTES_MAX {
            search(process, &mapping, &mut found)?;
        }
    }
    if found.is_empty() {
        return Err(match process.is_alive() {
            true => Failure::NoGocoro { process: process.number, name: process.name.clone() },
            false => Failure::Ended(process.number),
        });
    }
    Ok(found)
}

fn search(
    process: &Process,
    mapping: &Mapping,
    found: &mut Vec<Result<Table, Failure>>,
) -> Result<(), Failure> {
    let mut bytes = vec![0; CHUNK];
    let mut at = mapping.start;
    while at < mapping.end {
        let count = CHUNK.min((mapping.end - at) as usize);
        match process.read(at, &mut bytes[..count]) {
            Ok(()) => {}
            Err(Fault::Failed(failure)) => return Err(failure),
            // Part of a file that has become shorter.
            Err(Fault::Nowhere) => return Ok(()),
        }
        for (number, place) in bytes[..count].chunks_exact(ALIGN).enumerate() {
            let address = at + (number * ALIGN) as u64;
            if place.starts_with(MAGIC) && place[16..24] == address.to_ne_bytes() {
                found.push(Table::read(process, address, mapping));
            }
        }
        at += count as u64;
    }
    Ok(())
}

impl Table {
    fn read(process: &Process, address: u64, mapping: &Mapping) -> Result<Self, Failure> {
        let head =
            Bytes(process.bytes(address, HEAD_BYTES).map_err(|fault| vanished(process, fault))?);
        let version = head.half(24).unwrap_or_default();
        let gocoro = head.text(32, 16).unwrap_or_else(|| clean(&head.0[32..48]));
        let other = |why: String| Failure::OtherTable {
            process: process.number,
            gocoro: gocoro.clone(),
            version,
            why,
        };
        if version != VERSION {
            return Err(other(format!("it knows version {VERSION}")));
        }
        let number = |offset| head.half(offset).unwrap_or_default();
        let (bytes, reasons, fields) = (number(28), number(60) as usize, number(64) as usize);
        let fields_at = reasons.saturating_mul(REASON_BYTES).saturating_add(HEAD_BYTES);
        let needed = fields.saturating_mul(FIELD_BYTES).saturating_add(fields_at);
        if bytes > TABLE_BYTES_MAX || needed > bytes as usize {
            return Err(other(String::from("its size is impossible")));
        }
        let whole = process.bytes(address, bytes as usize);
        let whole = Bytes(whole.map_err(|fault| vanished(process, fault))?);
        let reasons = (0..reasons).map(|number| {
            whole.text((HEAD_BYTES + number * REASON_BYTES) as u64, REASON_BYTES as u64)
        });
        let reasons = reasons.collect::<Option<Vec<_>>>();
        let fields = (0..fields).map(|number| {
            let at = (fields_at + number * FIELD_BYTES) as u64;
            Some((whole.text(at, NAME_BYTES)?, whole.word(at + NAME_BYTES)?))
        });
        let fields = fields.collect::<Option<HashMap<_, _>>>();
        let (Some(reasons), Some(fields)) = (reasons, fields) else {
            return Err(other(String::from("its texts are none")));
        };
        let is_complete = whole.half(68) == Some(1);
        let fields = match is_complete {
            true => Some(Fields::new(&fields).map_err(other)?),
            false => None,
        };
        if let Some(fields) = &fields {
            fields.check().map_err(other)?;
        }
        let gocoro = gocoro.clone();
        Ok(Self {
            gocoro,
            file: mapping.path.clone(),
            mailboxes: whole.word(48).unwrap_or_default(),
            mailbox_count: (number(56) as usize).min(THING_BYTES_MAX as usize),
            reasons,
            fields,
        })
    }
}

impl Fields {
    /// Where a task's scope is found: the offsets of the task's operations, of the scope among
    /// them, of the scope's kind, of the pointer to what it shares and of its place, and what lies
    /// before that. `None`: this gocoro does not say.
    pub(crate) fn scope(&self) -> Option<[u64; 6]> {
        let [vtable, scope] = [self.task_vtable?, self.vtable_scope?];
        Some([
            vtable,
            scope,
            self.scope_kind?,
            self.scope_shared?,
            self.scope_site?,
            self.arc_content?,
        ])
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [self.mailbox_bytes, self.core_bytes, self.task_bytes, self.plain_bytes];
        match sizes.iter().all(|&bytes| bytes <= THING_BYTES_MAX) {
            true => Ok(()),
            false => Err(String::from("its sizes are impossible")),
        }
    }
}

fn vanished(process: &Process, fault: Fault) -> Failure {
    match fault {
        Fault::Failed(failure) => failure,
        Fault::Nowhere => Failure::Ended(process.number),
    }
}
