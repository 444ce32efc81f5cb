//! The modules that are loaded: the program, and its shared objects.

use std::ffi::{CStr, c_int, c_void};
use std::ops::Range;
use std::ptr;
use std::slice;

/// A module of the process.
pub(super) struct Loaded {
    /// The path. Empty: it is the program itself.
    pub(super) name: String,
    /// What its addresses are more than those in its file.
    pub(super) bias: usize,
    /// The addresses of what is mapped of it.
    pub(super) mapped: Range<usize>,
    /// The tables that tell how to unwind its functions, if it has them.
    pub(super) tables: Option<Tables>,
}

/// `.eh_frame_hdr`, and `.eh_frame` with whatever follows it. They may be read as long as the
/// module is loaded, and so for as long as a frame on any stack returns to its code.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    pub(super) index: &'static [u8],
    pub(super) frames: &'static [u8],
}

/// How many modules were ever loaded, and how many unloaded. As long as both are what they were, so
/// are the modules.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Generation(u64, u64);

pub(super) fn generation() -> Generation {
    let mut found = Generation::default();
    each(|info| {
        found = Generation(info.dlpi_adds, info.dlpi_subs);
        false
    });
    found
}

/// The modules that are loaded now.
pub(super) fn loaded() -> (Generation, Vec<Loaded>) {
    let mut generation = Generation::default();
    let mut modules = Vec::new();
    each(|info| {
        generation = Generation(info.dlpi_adds, info.dlpi_subs);
        modules.extend(module(info));
        true
    });
    (generation, modules)
}

/// Calls `f` for one module after the other until it says `false`. Meanwhile none is unloaded.
fn each(mut f: impl FnMut(&libc::dl_phdr_info) -> bool) {
    unsafe extern "C" fn call<F: FnMut(&libc::dl_phdr_info) -> bool>(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        f: *mut c_void,
    ) -> c_int {
        // SAFETY: `f` is what was passed beside this function, and nobody else uses it meanwhile;
        // the description is valid for this call.
        c_int::from(!unsafe { (*f.cast::<F>())(&*info) })
    }
    fn call_of<F: FnMut(&libc::dl_phdr_info) -> bool>(
        _: &F,
    ) -> unsafe extern "C" fn(*mut libc::dl_phdr_info, libc::size_t, *mut c_void) -> c_int {
        call::<F>
    }
    let call = call_of(&f);
    // SAFETY: `call` takes a pointer to `f`, which lasts until the call returns.
    unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut f).cast()) };
}

fn module(info: &libc::dl_phdr_info) -> Option<Loaded> {
    if info.dlpi_phdr.is_null() {
        return None;
    }
    // SAFETY: the module has so many headers there, and is loaded.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    let bias = info.dlpi_addr as usize;
    let segments = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let segments = segments.map(|header| {
        let start = bias.wrapping_add(header.p_vaddr as usize);
        start..start.wrapping_add(header.p_memsz as usize)
    });
    let start = segments.clone().map(|segment| segment.start).min()?;
    let end = segments.clone().map(|segment| segment.end).max()?;
    let name = match info.dlpi_name.is_null() {
        true => String::new(),
        // SAFETY: the name is a string of C, valid for this call.
        false => unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned(),
    };
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME);
    let tables = index.and_then(|header| {
        let index = bias.wrapping_add(header.p_vaddr as usize);
        tables(index, header.p_memsz as usize, segments)
    });
    Some(Loaded { name, bias, mapped: start..end, tables })
}

/// The tables of a module with these segments, whose `.eh_frame_hdr` lies at this address. `None`:
/// it has a form that linkers do not write.
fn tables(
    index: usize,
    bytes: usize,
    segments: impl Iterator<Item = Range<usize>> + Clone,
) -> Option<Tables> {
    /// How the header of `.eh_frame_hdr` starts: with its version, and the mark that `.eh_frame` is
    /// given by its distance from there, in four bytes.
    const START: [u8; 2] = [1, 0x1b];
    /// Where in the header the distance is.
    const DISTANCE_AT: usize = 4;
    let whole = |range: &Range<usize>| {
        let segment = segments.clone().find(|segment| segment.contains(&range.start));
        segment.filter(|segment| range.end <= segment.end)
    };
    whole(&(index..index.checked_add(bytes)?))?;
    // SAFETY: the bytes lie in a loaded segment of the module, which is not unloaded during this
    // call. See `Tables` for when they may be read later.
    let index_bytes = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(index), bytes) };
    let distance = index_bytes.get(DISTANCE_AT..DISTANCE_AT + 4)?;
    let distance = i32::from_ne_bytes(distance.try_into().ok()?);
    if index_bytes[..2] != START {
        return None;
    }
    let frames = (index + DISTANCE_AT).wrapping_add_signed(distance as isize);
    let bytes = whole(&(frames..frames))?.end - frames;
    // SAFETY: as above.
    let frames = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(frames), bytes) };
    Some(Tables { index: index_bytes, frames })
}
