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
            let copies = solid(self.chain(reader, &before))?.unwrap_or_default();
            let again = solid(self.chain(reader, &before))?.unwrap_or_default();
            let after = solid(reader.head(task.address))?;
            let is_same =
                after.is_some_and(|after| reader.essence(&after) == reader.essence(&before));
            if is_same && !copies.is_empty() && copies == again {
                return Ok(Stack::Frames(copies.into_iter().flat_map(|copy| copy.calls).collect()));
            }
        }
        Ok(Stack::Nothing("it goes on faster than its stack can be read"))
    }

    /// Copies the stack of a suspended task, and before it those of the coroutines inside of which
    /// it waits.
    fn chain(&self, reader: &Reader<'_>, head: &Bytes) -> Result<Vec<Copy>, Fault> {
        let fields = reader.fields;
        let own = head.word(fields.task_stack + fields.stack_record).filter(|&own| own != 0);
        let (Some(own), Some(innermost)) = (own, fields.record_innermost) else {
            return Ok(Vec::new());
        };
        match (fields.record_link, fields.record_lowest) {
            (Some(link), Some(lowest)) => self.linked(reader, own, (innermost, link, lowest)),
            _ => self.ring(reader, own, innermost),
        }
    }

    /// The chain of records that have the registers.
    fn ring(&self, reader: &Reader<'_>, own: u64, innermost: u64) -> Result<Vec<Copy>, Fault> {
        let process = reader.process;
        let mut copies = Vec::new();
        let mut record = process.word(own.wrapping_add(innermost))?;
        loop {
            let mut copy = copy(reader, record)?;
            let first = FrameAddress::from_instruction_pointer(copy.pc);
            self.unwind(&mut copy, first, None);
            copies.push(copy);
            if record == own || copies.len() == CHAIN_MAX {
                return Ok(copies);
            }
            record = process.word(record.wrapping_add(innermost))?;
        }
    }

    /// The chain of stacks that have the registers, and links to each other.
    fn linked(
        &self,
        reader: &Reader<'_>,
        own: u64,
        (innermost, link, lowest): (u64, u64, u64),
    ) -> Result<Vec<Copy>, Fault> {
        let (process, root) = (reader.process, reader.fields.code_root);
        let field = |record: u64, field: u64| process.word(record.wrapping_add(field));
        let mut copies = Vec::new();
        let mut record = field(own, innermost)?;
        let mut at = field(own, reader.fields.record_sp.ok_or(Fault::Nowhere)?)?;
        let mut order = SUSPENDED;
        while copies.len() < CHAIN_MAX {
            let end = field(record, link)?;
            let is_here = (field(record, lowest)?..end).contains(&at);
            let mut copy = match is_here {
                true => copy_words(order, at, process.bytes(at, length(at, end)?)?)?,
                // A stack of somebody else, who knows where it ends.
                false => copy_words(order, at, some(process, at)?)?,
            };
            let Some(first) = FrameAddress::from_return_address(copy.pc) else { break };
            let below = self.unwind(&mut copy, first, root);
            let is_last = is_here && record == own;
            order = RESUMER;
            match below {
                _ if is_here => {
                    (at, record) = (process.word(end)?, field(record, innermost)?);
                }
                Some(link) => {
                    // What lies beyond may be anything.
                    copy.bytes.0.truncate(length(copy.sp, link).unwrap_or_default());
                    at = process.word(link)?;
                }
                None => {
                    // What follows cannot be found, and what lies here may be anything.
                    copy.bytes.0.clear();
                    copies.push(copy);
                    break;
                }
            }
            copies.push(copy);
            if is_last {
                break;
            }
        }
        Ok(copies)
    }

    /// Finds the addresses in the code from which the calls of a stack went out, the innermost
    /// first. The answer is the frame pointer at `root`, if the calls end there.
    fn unwind(&self, copy: &mut Copy, first: FrameAddress, root: Option<u64>) -> Option<u64> {
        let bytes = &copy.bytes;
        let mut read = |address: u64| {
            let offset = address.checked_sub(copy.sp).ok_or(())?;
            bytes.word(offset).ok_or(())
        };
        let mut cache = CacheNative::new();
        let mut registers = UnwindRegsNative::new(copy.pc, copy.sp, copy.fp);
        let mut at = first;
        while copy.calls.len() < FRAMES_MAX {
            // A return address is behind its call, and may be behind its function. The switch
            // returns to the first one.
            copy.calls.push(match at {
                FrameAddress::InstructionPointer(address) => address.wrapping_sub(1),
                FrameAddress::ReturnAddress(_) => at.address_for_lookup(),
            });
            if Some(at.address()) == root {
                return Some(frame_pointer(&registers));
            }
            let next = self.unwinder.unwind_frame(at, &mut registers, &mut cache, &mut read);
            at = FrameAddress::from_return_address(next.ok()??)?;
        }
        None
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

/// A copy of a suspended stack from its innermost frame on, its registers, and its calls.
#[derive(Default, PartialEq, Eq, Debug)]
struct Copy {
    pc: u64,
    sp: u64,
    fp: u64,
    bytes: Bytes,
    calls: Vec<u64>,
}

#[cfg(target_arch = "x86_64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.bp()
}

#[cfg(target_arch = "aarch64")]
fn frame_pointer(registers: &UnwindRegsNative) -> u64 {
    registers.fp()
}

/// The words in front of the frames, and where in them a stack that is suspended, and one that has
/// resumed another, have the address of the code and the frame pointer.
const WORDS: usize = 3;
const SUSPENDED: [u64; 2] = [0, 2];
const RESUMER: [u64; 2] = [1, 0];

fn length(start: u64, end: u64) -> Result<usize, Fault> {
    end.checked_sub(start).and_then(|count| usize::try_from(count).ok()).ok_or(Fault::Nowhere)
}

/// The registers from the words in front of the frames, and the frames.
fn copy_words([pc, fp]: [u64; 2], at: u64, bytes: Vec<u8>) -> Result<Copy, Fault> {
    let mut bytes = Bytes(bytes);
    if bytes.0.len() < WORDS * 8 {
        return Err(Fault::Nowhere);
    }
    let word = |number: u64| bytes.word(number * 8).ok_or(Fault::Nowhere);
    let (pc, fp) = (word(pc)?, word(fp)?);
    bytes.0.drain(..WORDS * 8);
    Ok(Copy { pc, sp: at.wrapping_add(WORDS as u64 * 8), fp, bytes, calls: Vec::new() })
}

/// As much as there is from this address on, up to some pages.
fn some(process: &Process, at: u64) -> Result<Vec<u8>, Fault> {
    const PAGE: u64 = 4096;
    const PAGES_MAX: usize = 16;
    let mut bytes = process.bytes(at, (PAGE - at % PAGE) as usize)?;
    for _ in 1..PAGES_MAX {
        match process.bytes(at.wrapping_add(bytes.len() as u64), PAGE as usize) {
            Ok(more) => bytes.extend(more),
            Err(Fault::Nowhere) => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(bytes)
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
