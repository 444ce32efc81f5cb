//! What the table says of types whose layout is not gocoro's: those of std, and the record of a
//! suspended stack. It is looked up in values that are known, when the first worker begins. What is
//! not found is said to be unknown, and only that is missing then where the process is read.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::stack::{self, RECORD_FIELDS};

/// The fields that are learnt here.
const HERE: [&str; 10] = [
    "location.file",
    "location.file_bytes",
    "location.line",
    "location.column",
    "instant.seconds",
    "instant.nanoseconds",
    "text.start",
    "text.bytes",
    "process.page_bytes",
    "arc.content",
];

/// The fields that [`values`] learns.
pub(super) const NAMES: [&str; HERE.len() + RECORD_FIELDS.len()] = both(HERE, RECORD_FIELDS);

/// The values of [`NAMES`].
pub(super) fn values() -> [Option<u64>; NAMES.len()] {
    let [file, file_bytes, line, column] = location();
    let [seconds, nanoseconds] = instant();
    let [start, bytes] = text();
    let page = Some(stack::page_bytes() as u64);
    let here = [file, file_bytes, line, column, seconds, nanoseconds, start, bytes, page, shared()];
    both(here, stack::record_fields())
}

/// The one, and the other behind it.
const fn both<T: Copy, const M: usize>(
    one: [T; HERE.len()],
    other: [T; RECORD_FIELDS.len()],
) -> [T; M] {
    let mut all = [one[0]; M];
    let mut at = 0;
    while at < M {
        all[at] = if at < HERE.len() { one[at] } else { other[at - HERE.len()] };
        at += 1;
    }
    all
}

/// The 8 bytes at this offset of a value, if it has so many.
///
/// # Safety
///
/// None of them is padding.
unsafe fn word<T>(value: &T, offset: usize) -> Option<u64> {
    // SAFETY: the place lies within the value, and has bytes by the caller's promise.
    part(value, offset).map(|place: *const u64| unsafe { place.read_volatile() })
}

/// The 4 bytes at this offset of a value, if it has so many.
///
/// # Safety
///
/// None of them is padding.
unsafe fn half<T>(value: &T, offset: usize) -> Option<u32> {
    // SAFETY: the place lies within the value, and has bytes by the caller's promise.
    part(value, offset).map(|place: *const u32| unsafe { place.read_volatile() })
}

/// The place at this offset of a value, if it lies within it and is aligned.
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
    // A reference to a text and two numbers fill a place up. If it has more, it is not known.
    if size_of::<Location<'static>>() != size_of::<&str>() + 2 * size_of::<u32>() {
        return [None; 4];
    }
    let words = |of: fn(&Location<'static>) -> u64| {
        // SAFETY: a place has no padding, as was seen above.
        let is_there =
            |place: &Location<'static>, at| unsafe { word(place, at) } == Some(of(place));
        only::<Location<'static>>(|at| two.iter().all(|place| is_there(place, at)))
    };
    let halves = |of: fn(&Location<'static>) -> u32| {
        // SAFETY: a place has no padding, as was seen above.
        let is_there =
            |place: &Location<'static>, at| unsafe { half(place, at) } == Some(of(place));
        only::<Location<'static>>(|at| two.iter().all(|place| is_there(place, at)))
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
    // One of the two has the same second as `now`.
    let (more, less) = (now + Duration::from_nanos(1), now - Duration::from_nanos(1));
    // An `Instant` is 8 bytes of seconds and 4 of nanoseconds, in one order or the other, and then
    // padding. So at these two places there is none.
    let places = [0, 8];
    // SAFETY: this is called for the two places.
    let nanos = |time: &Instant, at| unsafe { half(time, at) };
    let is_there = |&at: &usize| {
        nanos(&now, at).is_some_and(|now| {
            let is_near =
                nanos(&more, at) == now.checked_add(1) || nanos(&less, at) == now.checked_sub(1);
            is_near && nanos(&days, at) == Some(now)
        })
    };
    let Some(nanoseconds) = places.into_iter().find(is_there) else { return [None; 2] };
    // SAFETY: the nanoseconds are at the one place, so the seconds are all that is at the other.
    let seconds = |time: &Instant| unsafe { word(time, 8 - nanoseconds) };
    let is_seconds = seconds(&now).is_some_and(|now| seconds(&days) == now.checked_add(86_401));
    [is_seconds.then_some(8 - nanoseconds as u64), Some(nanoseconds as u64)]
}

/// Where a reference to a text, or a box with one, has the text's address and its length.
fn text() -> [Option<u64>; 2] {
    let text: Option<Box<str>> = Some(Box::from("a text of 24 bytes or so"));
    let nothing: Option<Box<str>> = None;
    let Some(inside) = &text else { return [None, None] };
    let borrowed: &str = inside;
    let (start, bytes) = (inside.as_ptr().addr() as u64, inside.len() as u64);
    // SAFETY: such a value is an address and a length, which fill it up. Of one that is nothing
    // only the address is read.
    let is_start = |at| unsafe {
        word(&text, at) == Some(start)
            && word(&borrowed, at) == Some(start)
            && word(&nothing, at) == Some(0)
    };
    // SAFETY: as above.
    let is_bytes =
        |at| unsafe { word(&text, at) == Some(bytes) && word(&borrowed, at) == Some(bytes) };
    [only::<Option<Box<str>>>(is_start), only::<Option<Box<str>>>(is_bytes)]
}

/// How far behind the address that an [`Arc`] has its content lies, if that needs no more than two
/// words' alignment.
fn shared() -> Option<u64> {
    let shared = Arc::new(0_u128);
    // SAFETY: an `Arc` of a type with a size is one pointer.
    let at = unsafe { word(&shared, 0) }?;
    let offset = (Arc::as_ptr(&shared).addr() as u64).checked_sub(at)?;
    (size_of_val(&shared) == size_of::<usize>() && offset <= 64).then_some(offset)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn all_is_known_here() {
        assert!(crate::scheduler::prepare_process().is_ok());
        for (name, value) in NAMES.into_iter().zip(values()) {
            // Each engine has some fields of its own.
            let is_corosensei = cfg!(feature = "corosensei");
            let is_expected = match name {
                "record.place" => is_corosensei,
                "record.link" | "record.lowest" | "code.root" => {
                    is_corosensei && cfg!(target_arch = "x86_64")
                }
                "record.fp" | "record.data" => !is_corosensei,
                "record.pc" => !is_corosensei && cfg!(not(target_arch = "x86_64")),
                "record.sp" | "record.innermost" if is_corosensei => cfg!(target_arch = "x86_64"),
                _ => true,
            };
            assert_eq!(value.is_some(), is_expected, "{name}");
        }
    }

    #[test]
    fn a_place_in_the_program_is_read_right() {
        let [file, bytes, line, column] = location().map(|offset| offset.unwrap() as usize);
        let place = Location::caller();
        // SAFETY: a place has no padding where something was found.
        unsafe {
            assert_eq!(word(place, file), Some(place.file().as_ptr().addr() as u64));
            assert_eq!(word(place, bytes), Some(place.file().len() as u64));
            assert_eq!(half(place, line), Some(place.line()));
            assert_eq!(half(place, column), Some(place.column()));
        }
    }
}
