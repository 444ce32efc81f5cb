//! Where `generator`'s record of a suspended coroutine has what tells of its frames: for processes
//! that read this one.
//!
//! `generator` says nothing of this. The offsets below are those of 0.8.11 and 0.8.12, and are
//! looked at, on a coroutine that is suspended, before anybody is told of them.

use std::sync::OnceLock;

use super::Coroutine;
use super::layout::read;
use crate::stack::RECORD_FIELDS;

/// The parts of a record, by their offsets.
struct Offsets {
    /// The saved stack pointer.
    sp: usize,
    /// The saved frame pointer.
    fp: usize,
    /// Where the code goes on. `None`: at the address that the stack pointer points to.
    pc: Option<usize>,
    /// In a record that is suspended: the record of the coroutine with the innermost frames, which
    /// is itself unless the task waits inside another coroutine. In that one: who resumed it.
    innermost: usize,
    /// The local data.
    data: usize,
}

#[cfg(all(target_arch = "x86_64", unix))]
const OFFSETS: Option<Offsets> =
    Some(Offsets { sp: 8, fp: 16, pc: None, innermost: 72, data: 120 });

#[cfg(all(target_arch = "aarch64", unix))]
const OFFSETS: Option<Offsets> =
    Some(Offsets { sp: 96, fp: 80, pc: Some(88), innermost: 264, data: 312 });

#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), unix)))]
const OFFSETS: Option<Offsets> = None;

/// Whether the offsets were found to be right.
static RIGHT: OnceLock<bool> = OnceLock::new();

/// How far below a coroutine's local the switch may lie that the coroutine calls.
const CALL_BYTES: usize = 4096;

/// Looks at the record of a coroutine that is suspended, and lies in its stack's top page. `here`
/// is the address of a local of the function that has suspended it.
pub(super) fn look(stack: &Coroutine, here: usize) {
    let Some(offsets) = OFFSETS else { return };
    let record = stack.record();
    let sp = read(record + offsets.sp);
    let mark = (&raw const RIGHT).cast_mut().cast();
    let mut generator = stack.generator();
    let before = generator.get_local_data();
    generator.set_local_data(mark);
    let is_data = read(record + offsets.data) == mark.addr();
    generator.set_local_data(before);
    let is_sp = (here.saturating_sub(CALL_BYTES)..here + CALL_BYTES).contains(&sp);
    let is_own = read(record + offsets.innermost) == record;
    let _ = RIGHT.set(is_sp && is_data && is_own);
}

/// The offsets of the stack pointer, the frame pointer, the code, the innermost record and the
/// local data. `None`: not known here, or there is none, as of all that only the other engine has.
pub(in crate::stack) fn record_fields() -> [Option<u64>; RECORD_FIELDS.len()] {
    let Some(offsets) = OFFSETS.filter(|_| RIGHT.get() == Some(&true)) else {
        return [None; RECORD_FIELDS.len()];
    };
    let Offsets { sp, fp, pc, innermost, data } = offsets;
    let known = [Some(sp), Some(fp), pc, Some(innermost), Some(data)];
    let known = known.map(|offset| Some(offset? as u64));
    std::array::from_fn(|field| known.get(field).copied().flatten())
}

#[cfg(all(test, not(loom), any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    #[test]
    fn the_record_of_this_generator_is_known() {
        assert!(super::super::prepare().is_ok());
        assert_eq!(RIGHT.get(), Some(&true));
    }
}
