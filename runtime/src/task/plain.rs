//! What of an object that a task waits for can be read without running any code of the program:
//! from another process, which sees bytes and cannot call
//! [`Described::in_words`](super::Described::in_words).
//!
//! A [`Plain`] is a constant of the object's type. A note refers to it beside the function that
//! makes words (`Means` in `note`), so it costs a wait nothing. The table in the scheduler says
//! where its parts lie.

use std::mem::offset_of;

/// No such part.
const ABSENT: u32 = u32::MAX;

const TEXT_BYTES: usize = 48;

/// Words for an object, and the offsets of what completes them: in this order the object's address,
/// a number, a name, a task, a descriptor, a place in the program, and the holder. An object whose
/// `text` is empty has no words of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Plain {
    text: [u8; TEXT_BYTES],
    /// In place of `text` if the wait is to send or to write, or if the byte at `other_if` is not
    /// zero.
    other: [u8; TEXT_BYTES],
    other_if: u32,
    /// The object that is meant is the one to which the reference at this offset refers. The
    /// offsets below are in that one.
    through: u32,
    /// Zero, or absent: whether the address is said.
    address: u32,
    /// A `u32`.
    number: u32,
    /// A `&'static str`.
    name: u32,
    /// A task's header.
    task: u32,
    /// A descriptor's number.
    descriptor: u32,
    /// A `&'static Location`.
    site: u32,
    /// A word that names the holder of a lock, in the bits above the shift of `holder_bits`: a
    /// task's id, or if the second of these masks says so a thread. Nobody, unless the first one
    /// does.
    holder: u32,
    holder_bits: [u32; 3],
    /// What stands before the holder.
    held: [u8; TEXT_BYTES],
}

/// The bytes of a text, with zeros behind.
pub(crate) const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() < N, "a longer text than the table has room for");
    let mut padded = [0; N];
    let mut at = 0;
    while at < bytes.len() {
        padded[at] = bytes[at];
        at += 1;
    }
    padded
}

impl Plain {
    /// The words `text`, for all waits.
    pub(crate) const fn of(text: &str) -> Plain {
        Plain::of_two(text, text)
    }

    /// The words `text` for a wait to receive or to read, and `other` for one to send or to write.
    pub(crate) const fn of_two(text: &str, other: &str) -> Plain {
        Plain {
            text: padded(text),
            other: padded(other),
            other_if: ABSENT,
            through: ABSENT,
            address: ABSENT,
            number: ABSENT,
            name: ABSENT,
            task: ABSENT,
            descriptor: ABSENT,
            site: ABSENT,
            holder: ABSENT,
            holder_bits: [0; 3],
            held: [0; TEXT_BYTES],
        }
    }

    /// The other words if the `bool` at this offset is true.
    pub(crate) const fn other_if(self, offset: usize) -> Plain {
        Plain { other_if: offset as u32, ..self }
    }

    /// The object to which the reference at this offset refers is meant.
    pub(crate) const fn through(self, offset: usize) -> Plain {
        Plain { through: offset as u32, ..self }
    }

    /// And the object's address.
    pub(crate) const fn address(self) -> Plain {
        Plain { address: 0, ..self }
    }

    /// And the `u32` at this offset.
    pub(crate) const fn number(self, offset: usize) -> Plain {
        Plain { number: offset as u32, ..self }
    }

    /// And the `&'static str` at this offset.
    pub(crate) const fn name(self, offset: usize) -> Plain {
        Plain { name: offset as u32, ..self }
    }

    /// And the task whose header lies at this offset.
    pub(crate) const fn task(self, offset: usize) -> Plain {
        Plain { task: offset as u32, ..self }
    }

    /// And what the descriptor leads to whose number lies at this offset.
    pub(crate) const fn descriptor(self, offset: usize) -> Plain {
        Plain { descriptor: offset as u32, ..self }
    }

    /// And the place in the program to which the `&'static Location` at this offset refers.
    pub(crate) const fn site(self, offset: usize) -> Plain {
        Plain { site: offset as u32, ..self }
    }

    /// And, behind `held`, whoever the `u64` at this offset names as the holder of a lock.
    pub(crate) const fn holder(self, held: &str, offset: usize, bits: [u32; 3]) -> Plain {
        Plain { held: padded(held), holder: offset as u32, holder_bits: bits, ..self }
    }

    /// Where the parts lie, for other processes.
    pub(crate) const FIELDS: &[(&str, u64)] = &[
        ("plain.bytes", size_of::<Plain>() as u64),
        ("plain.text_bytes", TEXT_BYTES as u64),
        ("plain.text", offset_of!(Plain, text) as u64),
        ("plain.other", offset_of!(Plain, other) as u64),
        ("plain.other_if", offset_of!(Plain, other_if) as u64),
        ("plain.through", offset_of!(Plain, through) as u64),
        ("plain.address", offset_of!(Plain, address) as u64),
        ("plain.number", offset_of!(Plain, number) as u64),
        ("plain.name", offset_of!(Plain, name) as u64),
        ("plain.task", offset_of!(Plain, task) as u64),
        ("plain.descriptor", offset_of!(Plain, descriptor) as u64),
        ("plain.site", offset_of!(Plain, site) as u64),
        ("plain.holder", offset_of!(Plain, holder) as u64),
        ("plain.holder_bits", offset_of!(Plain, holder_bits) as u64),
        ("plain.held", offset_of!(Plain, held) as u64),
    ];
}
