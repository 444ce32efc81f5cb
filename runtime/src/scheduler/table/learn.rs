//! What the table says of types whose layout is not gocoro's: those of std, and the record of a
//! suspended stack. It is looked up in values that are known, when the first worker begins. What is
//! not found is said to be unknown, and only that is missing then where the process is read.

use std::panic::Location;
use std::time::{Duration, Instant};

use crate::{clock, stack};

/// The fields that [`values`] learns.
pub(super) const NAMES: [&str; 14] = [
    "location.file",
    "location.file_bytes",
    "location.line",
    "location.column",
    "instant.seconds",
    "instant.nanoseconds",
    "text.start",
    "text.bytes",
    "record.sp",
    "record.fp",
    "record.pc",
    "record.innermost",
    "record.data",
    "process.page_bytes",
];

/// The values of [`NAMES`].
pub(super) fn values() -> [Option<u64>; NAMES.len()] {
    let [file, file_bytes, line, column] = location();
    let [seconds, nanoseconds] = instant();
    let [start, bytes] = text();
    let [sp, fp, pc, innermost, data] = stack::record_fields();
    let page = Some(stack::page_bytes() as u64);
    [
        file,
        file_bytes,
        line,
        column,
        seconds,
        nanoseconds,
        start,
        bytes,
        sp,
        fp,
        pc,
        innermost,
        data,
        page,
    ]
}

/// The 8 bytes at this offset of a value, if it has so many.
fn word<T>(value: &T, offset: usize) -> Option<u64> {
    // SAFETY: `part` says so.
    part(value, offset).map(|place: *const u64| unsafe { place.read_volatile() })
}

/// The 4 bytes at this offset of a value, if it has so many.
fn half<T>(value: &T, offset: usize) -> Option<u32> {
    // SAFETY: `part` says so.
    part(value, offset).map(|place: *const u32| unsafe { place.read_volatile() })
}

/// The place at this offset of a value, if it lies within it and is aligned. It may be padding,
/// which a volatile read finds to be something; what is found is only compared.
fn part<T, P>(value: &T, offset: usize) -> Option<*const P> {
    let fits = offset + size_of::<P>() <= size_of::<T>();
    let place = std::ptr::from_ref(value).wrapping_byte_add(offset).cast::<P>();
    (fits && place.is_aligned()).then_some(place)
}

/// The only offset in a `T` of which this is true.
fn only<T>(is_there: impl Fn(usize) -> bool) -> Option<u64> {
    let mut found = (0..size_of::<T>()).step_by(4).filter(|&offset| is_there(offset));
    let offset = found.next()?;
    found.next().is_none().then_some(offset as u64)
}

/// Where a [`Location`] has its file, the bytes of the file's name, its line and its column.
fn location() -> [Option<u64>; 4] {
    // Two places whose lines and columns differ.
    let two: [&Location<'static>; 2] = [here(), { here() }];
    let words = |of: fn(&Location<'static>) -> u64| {
        only::<Location<'static>>(|at| two.iter().all(|place| word(*place, at) == Some(of(place))))
    };
    let halves = |of: fn(&Location<'static>) -> u32| {
        only::<Location<'static>>(|at| two.iter().all(|place| half(*place, at) == Some(of(place))))
    };
    [
        words(|place| place.file().as_ptr().addr() as u64),
        words(|place| place.file().len() as u64),
        halves(Location::line),
        halves(Location::column),
    ]
}

#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

/// Where an [`Instant`] has its seconds and its nanoseconds. They are those of the monotonic clock,
/// as std's page of `Instant` says.
fn instant() -> [Option<u64>; 2] {
    let now = clock::now();
    let days = now + Duration::from_secs(86_401);
    let seconds = only::<Instant>(|at| {
        word(&now, at).is_some_and(|seconds| word(&days, at) == seconds.checked_add(86_401))
    });
    // One of the two has the same second as `now`.
    let (more, less) = (now + Duration::from_nanos(1), now - Duration::from_nanos(1));
    let nanoseconds = only::<Instant>(|at| {
        half(&now, at).is_some_and(|nanos| {
            half(&more, at) == nanos.checked_add(1) || half(&less, at) == nanos.checked_sub(1)
        })
    });
    [seconds, nanoseconds]
}

/// Where a reference to a text, or a box with one, has the text's address and its length.
fn text() -> [Option<u64>; 2] {
    let text: Option<Box<str>> = Some(Box::from("a text of 24 bytes or so"));
    let nothing: Option<Box<str>> = None;
    let Some(inside) = &text else { return [None, None] };
    let borrowed: &str = inside;
    let (start, bytes) = (inside.as_ptr().addr() as u64, inside.len() as u64);
    let is_start = |at| {
        word(&text, at) == Some(start)
            && word(&borrowed, at) == Some(start)
            && word(&nothing, at) == Some(0)
    };
    let is_bytes = |at| word(&text, at) == Some(bytes) && word(&borrowed, at) == Some(bytes);
    [only::<Option<Box<str>>>(is_start), only::<Option<Box<str>>>(is_bytes)]
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_is_known_here() {
        assert!(crate::scheduler::prepare_process().is_ok());
        for (name, value) in NAMES.into_iter().zip(values()) {
            // The engine corosensei tells of no record.
            let is_expected = match name.starts_with("record.") {
                true if cfg!(feature = "corosensei") => false,
                _ => name != "record.pc" || cfg!(not(target_arch = "x86_64")),
            };
            assert_eq!(value.is_some(), is_expected, "{name}");
        }
    }

    #[test]
    fn a_place_in_the_program_is_read_right() {
        let [file, bytes, line, column] = location().map(|offset| offset.unwrap() as usize);
        let place = Location::caller();
        assert_eq!(word(place, file), Some(place.file().as_ptr().addr() as u64));
        assert_eq!(word(place, bytes), Some(place.file().len() as u64));
        assert_eq!(
            (half(place, line), half(place, column)),
            (Some(place.line()), Some(place.column()))
        );
    }
}
