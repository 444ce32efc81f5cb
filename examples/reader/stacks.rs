//! The stacks of parked tasks: unwound here, by what the process's files say of their code.
//!
//! A stack is copied, and is good if nothing of it was changed while that was done. Unwinding and
//! names need the process no more.

use std::fs::File;
use std::ops::Range;

use framehop::{CacheNative, ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};
use framehop::{UnwindRegsNative, UnwinderNative};
use object::elf::PF_X;
use object::{Object, ObjectSection, ObjectSegment, ReadCache, SegmentFlags};

use crate::failure::Failure;
use crate::maps::mappings;
use crate::memory::{Bytes, Fault, Process, clean};
use crate::walk::{Reader, State, TRIES, Task, solid};

/// More frames than a stack is shown to have.
const FRAMES_MAX: usize = 1000;

/// More coroutines than wait inside each other.
const CHAIN_MAX: usize = 64;

/// A file of code in the process's memory.
struct Code {
    addresses: Range<u64>,
    /// What is added to an address in the file.
    bias: u64,
    path: String,
    /// `None`: it says nothing of names.
    names: Option<addr2line::Loader>,
}

/// All the code of a process.
pub(crate) struct Program {
    unwinder: UnwinderNative<Vec<u8>, framehop::MayAllocateDuringUnwind>,
    code: Vec<Code>,
}

/// The stack of a parked task.
pub(crate) enum Stack {
    /// The addresses of its calls, the innermost first.
    Frames(Vec<u64>),
    /// There is none to be had, for this reason.
    Nothing(&'static str),
}

/// One line of a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) function: String,
    pub(crate) place: Option<String>,
}

impl Program {
    /// Reads what the files of the process's code say of unwinding and of names.
    pub(crate) fn open(process: &Process) -> Result<Self, Failure> {
        let mut program = Self { unwinder: UnwinderNative::new(), code: Vec::new() };
        for mapping in mappings(process)?.iter().filter(|mapping| mapping.is_code) {
            let path = mapping.file(process);
            let addresses = mapping.start..mapping.end;
            let found = File::open(&path).ok().and_then(|file| {
                let cache = ReadCache::new(file);
                let object = object::File::parse(&cache).ok()?;
                // A mapping begins with the page in which its segment begins, and with what stands
                // in the file before that.
                let segment = object.segments().find(|segment| {
                    let (start, bytes) = segment.file_range();
                    let is_code = matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & PF_X != 0);
                    is_code && mapping.offset < start + bytes && start < mapping.offset + (mapping.end - mapping.start)
                })?;
                let in_file = segment.address().wrapping_sub(segment.file_range().0);
                let bias = mapping.start.wrapping_sub(in_file.wrapping_add(mapping.offset));
                let module =
                    Module::new(mapping.path.clone(), addresses.clone(), bias, sections(&object));
                Some((bias, module))
            });
            let Some((bias, module)) = found else { continue };
            program.unwinder.add_module(module);
            let names = addr2line::Loader::new(&path).ok();
            program.code.push(Code { addresses, bias, path: mapping.path.clone(), names });
        }
        Ok(program)
    }

    /// The stack of this task, which may have gone on since it was found.
    pub(crate) fn stack(&self, reader: &Reader<'_>, task: &Task) -> Result<Stack, Failure> {
        match task.state {
            State::Running => return Ok(Stack::Nothing("it runs")),
            State::Runnable | State::Waiting => {}
        }
        let fields = reader.fields;
        if fields.record_sp.is_none() {
            return Ok(Stack::Nothing("the registers of suspended stacks are not known there"));
        }
        for _ in 0..TRIES {
            let Some(before) = solid(reader.head(task.address))? else { break };
            if before.word(fields.task_id) != Some(task.id) {
                return Ok(Stack::Nothing("it has ended meanwhile"));
            }
            if before.byte(fields.task_run).map(u64::from) == Some(fields.run_running) {
                continue;
            }
            let copies = solid(chain(reader, &before))?.unwrap_or_default();
            let again = solid(chain(reader, &before))?.unwrap_or_default();
            let after = solid(reader.head(task.address))?;
            let is_same =
                after.is_some_and(|after| reader.essence(&after) == reader.essence(&before));
            if is_same && !copies.is_empty() && copies == again {
                return Ok(Stack::Frames(
                    copies.iter().flat_map(|copy| self.unwind(copy)).collect(),
                ));
            }
        }
        Ok(Stack::Nothing("it goes on faster than its stack can be read"))
    }

    /// The addresses in the code from which the calls of a stack went out, the innermost first.
    fn unwind(&self, copy: &Copy) -> Vec<u64> {
        let mut read = |address: u64| {
            let offset = address.checked_sub(copy.sp).ok_or(())?;
            copy.bytes.word(offset).ok_or(())
        };
        let mut cache = CacheNative::new();
        let mut frames = Vec::new();
        let mut iterator =
            self.unwinder.iter_frames(copy.pc, registers(copy), &mut cache, &mut read);
        while let Ok(Some(frame)) = iterator.next() {
            // A return address is behind its call, and may be behind its function. The switch
            // returns to the first one.
            frames.push(match frame {
                FrameAddress::InstructionPointer(address) => address.wrapping_sub(1),
                FrameAddress::ReturnAddress(_) => frame.address_for_lookup(),
            });
            if frames.len() == FRAMES_MAX {
                break;
            }
        }
        frames
    }

    /// The functions that this address is in, inlined ones first.
    pub(crate) fn frames(&self, address: u64) -> Vec<Frame> {
        let Some(code) = self.code.iter().find(|code| code.addresses.contains(&address)) else {
            return vec![Frame { function: format!("{address:#x}"), place: None }];
        };
        let in_file = address.wrapping_sub(code.bias);
        let mut found = Vec::new();
        if let Some(names) = &code.names
            && let Ok(mut frames) = names.find_frames(in_file)
        {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame
                    .function
                    .as_ref()
                    .and_then(|name| Some(name.demangle().ok()?.into_owned()));
                let place = frame.location.and_then(|at| {
                    let line = at.line.map_or_else(String::new, |line| format!(":{line}"));
                    Some(format!("{}{line}", clean(at.file?.as_bytes())))
                });
                if let Some(function) = name {
                    found.push(Frame { function: plain_name(&function), place });
                }
            }
            if found.is_empty()
                && let Some(symbol) = names.find_symbol(in_file)
            {
                let name = addr2line::demangle_auto(symbol.into(), None);
                found.push(Frame { function: plain_name(&name), place: None });
            }
        }
        if found.is_empty() {
            let file = code.path.rsplit('/').next().unwrap_or_default();
            let function = format!("{address:#x} ({file} + {in_file:#x})");
            found.push(Frame { function, place: None });
        }
        found
    }
}

/// A name without the hash that Rust's older mangling adds.
fn plain_name(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name
        }
        _ => name,
    };
    clean(name.as_bytes())
}

/// The sections that unwinding needs.
fn sections<'a>(object: &impl Object<'a>) -> ExplicitModuleSectionInfo<Vec<u8>> {
    let range = |name: &str| {
        let section = object.section_by_name(name)?;
        Some(section.address()..section.address().checked_add(section.size())?)
    };
    let data =
        |name: &str| Some(object.section_by_name(name)?.uncompressed_data().ok()?.into_owned());
    ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: range(".text"),
        text: data(".text"),
        got_svma: range(".got"),
        eh_frame_svma: range(".eh_frame"),
        eh_frame: data(".eh_frame"),
        eh_frame_hdr_svma: range(".eh_frame_hdr"),
        eh_frame_hdr: data(".eh_frame_hdr"),
        ..ExplicitModuleSectionInfo::default()
    }
}

/// A copy of a suspended stack from its innermost frame on, and its registers.
#[derive(Default, PartialEq, Eq, Debug)]
struct Copy {
    pc: u64,
    sp: u64,
    fp: u64,
    bytes: Bytes,
}

#[cfg(target_arch = "x86_64")]
fn registers(copy: &Copy) -> UnwindRegsNative {
    UnwindRegsNative::new(copy.pc, copy.sp, copy.fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(copy: &Copy) -> UnwindRegsNative {
    UnwindRegsNative::new(copy.pc, copy.sp, copy.fp)
}

/// Copies the stack of a suspended task, and before it those of the coroutines inside of which it
/// waits.
fn chain(reader: &Reader<'_>, head: &Bytes) -> Result<Vec<Copy>, Fault> {
    let (process, fields) = (reader.process, reader.fields);
    let mut copies = Vec::new();
    let own = head.word(fields.task_stack + fields.stack_record).filter(|&own| own != 0);
    let (Some(own), Some(innermost)) = (own, fields.record_innermost) else { return Ok(copies) };
    let mut record = process.word(own.wrapping_add(innermost))?;
    loop {
        copies.push(copy(reader, record)?);
        if record == own || copies.len() == CHAIN_MAX {
            return Ok(copies);
        }
        record = process.word(record.wrapping_add(innermost))?;
    }
}

/// Copies the stack of this record.
fn copy(reader: &Reader<'_>, record: u64) -> Result<Copy, Fault> {
    let (process, fields) = (reader.process, reader.fields);
    let (Some(sp), Some(fp), Some(page)) = (fields.record_sp, fields.record_fp, fields.page_bytes)
    else {
        return Err(Fault::Nowhere);
    };
    let mut copy = Copy {
        sp: process.word(record.wrapping_add(sp))?,
        fp: process.word(record.wrapping_add(fp))?,
        ..Copy::default()
    };
    let top = record.checked_next_multiple_of(page.max(1)).ok_or(Fault::Nowhere)?;
    let count = top.checked_sub(copy.sp).ok_or(Fault::Nowhere)?;
    copy.bytes =
        Bytes(process.bytes(copy.sp, usize::try_from(count).map_err(|_| Fault::Nowhere)?)?);
    match fields.record_pc {
        Some(pc) => copy.pc = process.word(record.wrapping_add(pc))?,
        None => {
            copy.pc = copy.bytes.word(0).ok_or(Fault::Nowhere)?;
            copy.bytes.0.drain(..8);
            copy.sp += 8;
        }
    }
    Ok(copy)
}
