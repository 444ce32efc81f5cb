//! What a parked task waits for, as far as its note says so to those who can call nothing.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::descriptor;
use crate::memory::{Bytes, Fault};
use crate::walk::Reader;

/// A wait.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// What is waited for, but for whoever it depends on.
    pub(crate) words: String,
    /// The task or thread that has to do something for the wait to end.
    pub(crate) whom: Option<Whom>,
    /// How long it has lasted, and how long it may last.
    pub(crate) age: Option<Duration>,
    pub(crate) left: Option<Duration>,
}

/// A task, or a plain thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Whom {
    Task { id: u64, name: Option<String> },
    Thread,
}

/// No such part, in what a type says of its objects.
const ABSENT: u32 = u32::MAX;

/// How many boundaries around a wait are looked at.
const BOUNDARIES_MAX: usize = 64;

/// Marks the time of a note that has a deadline.
const TIMED: u64 = 1;

/// The wait of a parked task, whose memory was read before. `None`: there is no reason of its
/// number.
pub(crate) fn read(reader: &Reader<'_>, head: &Bytes) -> Result<Option<Wait>, Fault> {
    let fields = reader.fields;
    let reason = head.byte(fields.task_reason).unwrap_or(u8::MAX);
    let Some(plain) = reader.table.reasons.get(usize::from(reason)) else { return Ok(None) };
    let mut wait = Wait { words: plain.clone(), whom: None, age: None, left: None };
    let Some(place) = place(reader, head)? else { return Ok(Some(wait)) };
    let last = fields.note_object.max(fields.note_means).max(fields.note_since);
    let bytes = last.saturating_add(8);
    let note = || reader.process.bytes(place, bytes.min(4096) as usize).map(Bytes);
    let before = note()?;
    let (Some(object), Some(means), Some(since)) = (
        before.word(fields.note_object),
        before.word(fields.note_means),
        before.word(fields.note_since),
    ) else {
        return Err(Fault::Nowhere);
    };
    wait.age = Some(now().saturating_sub(Duration::from_nanos(since & !TIMED)));
    if since & TIMED != 0 {
        wait.left = deadline(reader, place.wrapping_add(fields.note_deadline))?;
    }
    let expiry = expiry(reader, head)?;
    wait.left = wait.left.into_iter().chain(expiry).min();
    if means != 0 && u64::from(reason) != fields.reason_signal {
        let plain = means.wrapping_add(fields.means_plain);
        let plain = Bytes(reader.process.bytes(plain, fields.plain_bytes as usize)?);
        describe(reader, reason, &plain, object, &mut wait)?;
    }
    // What the note refers to is borrowed for as long as the wait lasts.
    let is_read = means != 0 || expiry.is_some();
    if is_read && note()? != before { Err(Fault::Nowhere) } else { Ok(Some(wait)) }
}

/// Where the note of a parked task is. `None`: it is not known.
fn place(reader: &Reader<'_>, head: &Bytes) -> Result<Option<u64>, Fault> {
    let fields = reader.fields;
    let (Some(record), Some(depth), Some(class)) = (
        head.word(fields.task_stack + fields.stack_record),
        head.half(fields.task_depth),
        head.byte(fields.task_class),
    ) else {
        return Ok(None);
    };
    if record == 0 {
        return Ok(None);
    }
    let word = |field| reader.process.word(record.wrapping_add(field));
    match (fields.record_place, fields.record_innermost, fields.record_data) {
        (Some(place), ..) => {
            let place = word(place)?;
            if place != 0 {
                return Ok(Some(place));
            }
        }
        (None, Some(innermost), Some(data)) => {
            if word(innermost)? != record {
                return word(data).map(Some);
            }
        }
        // Whether the task waits inside a coroutine is not known.
        _ => return Ok(None),
    }
    // The depth has as many bits as stacks of 4 GiB need.
    Ok((class <= 32).then(|| record.wrapping_sub(depth.into())))
}

/// How long it is until the first of the timeouts around the wait ends it. `None`: there is none,
/// or that is not known.
fn expiry(reader: &Reader<'_>, head: &Bytes) -> Result<Option<Duration>, Fault> {
    let fields = reader.fields;
    let (Some(waits), Some(kind), Some(at), Some(expired), Some(outer)) = (
        fields.task_waits,
        fields.boundary_kind,
        fields.boundary_deadline,
        fields.boundary_expired,
        fields.boundary_outer,
    ) else {
        return Ok(None);
    };
    let mut next = head.word(waits).ok_or(Fault::Nowhere)?;
    let mut first = None;
    // More than any program nests.
    for _ in 0..BOUNDARIES_MAX {
        if next == 0 {
            break;
        }
        let bytes = |offset: u64, count| reader.process.bytes(next.wrapping_add(offset), count);
        let number = Bytes(bytes(kind, 4)?).half(0).map(u64::from);
        if number == fields.boundary_is_shield {
            break;
        }
        if number == fields.boundary_is_timeout && bytes(expired, 1)? == [0] {
            first = first.into_iter().chain(deadline(reader, next.wrapping_add(at))?).min();
        }
        next = reader.process.word(next.wrapping_add(outer))?;
    }
    Ok(first)
}

/// How long it is to the time at this address.
fn deadline(reader: &Reader<'_>, at: u64) -> Result<Option<Duration>, Fault> {
    let fields = reader.fields;
    let (Some(seconds), Some(nanos)) = (fields.instant_seconds, fields.instant_nanoseconds) else {
        return Ok(None);
    };
    let time = Bytes(reader.process.bytes(at, 16)?);
    let time = time.word(seconds).zip(time.half(nanos).filter(|&nanos| nanos < 1_000_000_000));
    Ok(time.map(|(seconds, nanos)| Duration::new(seconds, nanos).saturating_sub(now())))
}

/// The monotonic clock, which all processes share.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every kernel has this clock").into()
}

/// Says what the object's type says of it.
fn describe(
    reader: &Reader<'_>,
    reason: u8,
    plain: &Bytes,
    mut object: u64,
    wait: &mut Wait,
) -> Result<(), Fault> {
    let (process, fields) = (reader.process, reader.fields);
    let part = |field: u64| plain.half(field).filter(|&offset| offset != ABSENT).map(u64::from);
    let place = |object: u64, field: u64| Some(object.wrapping_add(part(field)?));
    let text = |field| plain.text(field, fields.plain_text_bytes).ok_or(Fault::Nowhere);
    let mut is_other = [fields.reason_send, fields.reason_writable].contains(&reason.into());
    if let Some(at) = place(object, fields.plain_other_if) {
        is_other = process.bytes(at, 1)? != [0];
    }
    let mut words = text(if is_other { fields.plain_other } else { fields.plain_text })?;
    if words.is_empty() {
        return Ok(());
    }
    if let Some(at) = place(object, fields.plain_through) {
        object = process.word(at)?;
    }
    if part(fields.plain_address).is_some() {
        words += &format!(" at {object:#x}");
    }
    if let Some(at) = place(object, fields.plain_number) {
        let number = Bytes(process.bytes(at, 4)?).half(0).unwrap_or_default();
        words += &format!(" {number}");
    }
    if let Some(at) = place(object, fields.plain_name) {
        words += &format!(" {}", reader.text(at)?.unwrap_or_default());
    }
    if let Some(at) = place(object, fields.plain_task) {
        let head = reader.head(at)?;
        let id = head.word(fields.task_id).unwrap_or_default();
        let name = match head.word(fields.task_meta) {
            Some(meta @ 1..) => reader.text(meta.wrapping_add(fields.meta_name))?,
            _ => None,
        };
        wait.whom = Some(Whom::Task { id, name });
    }
    if let Some(at) = place(object, fields.plain_descriptor) {
        let number = Bytes(process.bytes(at, 4)?).half(0).unwrap_or_default();
        words = descriptor::words(process, number as i32, is_other, &words);
    }
    if let Some(at) = place(object, fields.plain_site) {
        let site = reader.site(process.word(at)?)?;
        // The column is of no use here.
        words += &format!(" {}", site.rsplit_once(':').map_or(&*site, |(place, _)| place));
    }
    if let Some(at) = place(object, fields.plain_holder) {
        let word = process.word(at)?;
        let bit =
            |number: u64| plain.half(fields.plain_holder_bits + 4 * number).unwrap_or_default();
        let (held, thread, shift) = (bit(0), bit(1), bit(2) & 63);
        if word & u64::from(held) != 0 {
            words += &format!(" {}", text(fields.plain_held)?);
            wait.whom = Some(match word & u64::from(thread) {
                0 => Whom::Task { id: word >> shift, name: None },
                _ => Whom::Thread,
            });
        }
    }
    wait.words = words;
    Ok(())
}
