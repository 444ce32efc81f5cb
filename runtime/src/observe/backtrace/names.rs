//! The names of functions and lines.

use std::collections::{HashMap, HashSet};
use std::env;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use super::sys::{self, Generation, Loaded};
use super::tracer::aside;
use super::{Named, TaskBacktrace, TaskFrame};
use crate::current;

/// After how many addresses all names that were looked up are forgotten.
const NAMES_KEPT_MAX: usize = 1 << 16;

/// What a call is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// The program, or a library that it uses.
    Program,
    /// std.
    Std,
    /// gocoro, or the engine.
    Gocoro,
    /// gocoro's function that calls a task's own code.
    Begin,
    Unknown,
}

/// The calls that an address belongs to, innermost first: one, and those that were inlined there.
type Calls = Arc<[(Named, Part)]>;

/// The names that were looked up.
#[derive(Default)]
struct Names {
    generation: Generation,
    by_address: HashMap<usize, Calls>,
}

/// Looks up the names of these backtraces.
///
/// Looking up names takes much stack, and reads files. So a thread of its own does it, which the
/// caller waits for. The wait is no stall of a task's.
pub(in crate::observe) fn resolve<'a>(backtraces: impl Iterator<Item = &'a TaskBacktrace>) {
    let backtraces: Vec<_> = backtraces.collect();
    if !backtraces.is_empty() {
        current::off_task(|| name_all(&backtraces));
    }
}

fn name_all(backtraces: &[&TaskBacktrace]) {
    static NAMES: Mutex<Option<Names>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    let is_stale = names.generation != sys::generation();
    if is_stale || names.by_address.len() > NAMES_KEPT_MAX {
        names.by_address.clear();
    }
    let addresses = backtraces.iter().flat_map(|backtrace| backtrace.returns.iter().copied());
    let missing: HashSet<usize> = addresses
        .filter(|address| *address != 0 && !names.by_address.contains_key(address))
        .collect();
    if !missing.is_empty() {
        // Without a thread there are no names, and a later reader may have more luck.
        if let Some((generation, found)) = aside(|| look_up(missing, is_stale)) {
            names.generation = generation;
            names.by_address.extend(found);
        }
    }
    for backtrace in backtraces {
        backtrace.frames.get_or_init(|| frames(&backtrace.returns, &names.by_address));
    }
}

fn look_up(missing: HashSet<usize>, is_stale: bool) -> (Generation, Vec<(usize, Calls)>) {
    if is_stale {
        backtrace::clear_symbol_cache();
    }
    let (generation, mut modules) = sys::loaded();
    modules.sort_by_key(|module| module.mapped.start);
    let program = env::current_exe().ok();
    let directory = env::current_dir().ok();
    let parts = Parts::new();
    let calls = |address: usize| {
        let module = module_of(&modules, program.as_deref(), address);
        let mut calls = Vec::new();
        backtrace::resolve(ptr::without_provenance_mut(address), |symbol| {
            let file = symbol.filename().map(|file| {
                let inside = directory.as_ref().and_then(|from| file.strip_prefix(from).ok());
                Arc::from(inside.unwrap_or(file))
            });
            // The alternate form leaves the hash out.
            let function = symbol.name().map(|name| format!("{name:#}").into());
            let part = parts.of(function.as_deref(), symbol.filename());
            let (line, module) = (symbol.lineno(), module.clone());
            calls.push((Named { function, file, line, module }, part));
        });
        if calls.is_empty() {
            calls.push((Named { module, ..Named::default() }, Part::Unknown));
        }
        (address, calls.into())
    };
    (generation, missing.into_iter().map(calls).collect())
}

/// The name of the module that an address lies in, and the address as the module's file has it.
fn module_of(
    modules: &[Loaded],
    program: Option<&Path>,
    address: usize,
) -> Option<(Arc<str>, usize)> {
    let after = modules.partition_point(|module| module.mapped.start <= address);
    let module = modules[..after].last().filter(|module| module.mapped.contains(&address))?;
    let path = if module.name.is_empty() { program? } else { Path::new(&module.name) };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    Some((name.into(), address.wrapping_sub(module.bias)))
}

/// The frames of a task's own code.
fn frames(returns: &[usize], names: &HashMap<usize, Calls>) -> Arc<[TaskFrame]> {
    let mut frames = Vec::new();
    for (stack, returns) in returns.split(|&address| address == 0).enumerate() {
        let mut on_stack = Vec::new();
        let mut parts = Vec::new();
        for &address in returns {
            let calls = names.get(&address).map_or(&[][..], |calls| calls);
            for (name, part) in calls {
                on_stack.push(TaskFrame { address, stack, name: name.clone() });
                parts.push(*part);
            }
        }
        frames.extend(on_stack.drain(own(&parts)));
    }
    frames.into()
}

/// Which of the calls of one stack, innermost first, are a task's own.
fn own(parts: &[Part]) -> Range<usize> {
    if parts.iter().all(|part| *part == Part::Unknown) {
        return 0..parts.len();
    }
    let end = parts.iter().position(|part| *part == Part::Begin).unwrap_or(parts.len());
    let own = |part: &Part| *part == Part::Program;
    let first = parts[..end].iter().position(own);
    match (first, parts[..end].iter().rposition(own)) {
        (Some(first), Some(last)) => first..last + 1,
        // What was spawned is std's, or gocoro's.
        _ => parts[..end].iter().position(|part| *part == Part::Std).unwrap_or(0)..end,
    }
}

/// Tells what calls are part of.
struct Parts {
    /// The folder of gocoro's sources, as the program's debug information has it, if that knows.
    sources: Option<PathBuf>,
}

impl Parts {
    fn new() -> Parts {
        let mut sources = None;
        let own = ptr::without_provenance_mut((Parts::new as fn() -> Parts as usize) + 1);
        backtrace::resolve(own, |symbol| {
            let file = symbol.filename().and_then(Path::to_str);
            let folder = file.and_then(|file| file.strip_suffix("observe/backtrace/names.rs"));
            sources = folder.map(PathBuf::from).or(sources.take());
        });
        Parts { sources }
    }

    /// Which part a call belongs to, by the file, or else by the function's name. A name of the
    /// form `<T as Trait>::f` is taken for one of `T`'s.
    fn of(&self, function: Option<&str>, file: Option<&Path>) -> Part {
        if function.is_some_and(|name| name.contains("__rust_begin_short_backtrace")) {
            return Part::Begin;
        }
        match (file, function) {
            (Some(file), _) if self.sources.as_ref().is_some_and(|it| file.starts_with(it)) => {
                Part::Gocoro
            }
            (Some(file), _) => part_of_file(file),
            (None, Some(name)) => part_of_name(name),
            (None, None) => Part::Unknown,
        }
    }
}

/// Which part a file is of that is none of gocoro's own.
fn part_of_file(file: &Path) -> Part {
    let names: Vec<_> = file.iter().map(|name| name.to_string_lossy()).collect();
    let engine = |name: &str| {
        let version = ["generator-", "corosensei-"].iter().find_map(|it| name.strip_prefix(it));
        version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
    };
    // `/rustc/<hash>/library/core`, or the sources that were installed beside std:
    // `rustlib/src/rust/library/core`.
    let is_std = names
        .windows(3)
        .any(|names| (names[0] == "rustc" || names[1] == "rust") && names[2] == "library");
    match () {
        () if is_std => Part::Std,
        () if names.iter().any(|name| engine(name)) => Part::Gocoro,
        () => Part::Program,
    }
}

fn part_of_name(name: &str) -> Part {
    let mut path = name;
    loop {
        let before = path;
        path = path.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
        for word in ["mut ", "const ", "dyn "] {
            path = path.strip_prefix(word).unwrap_or(path);
        }
        if path == before {
            break;
        }
    }
    match path.split("::").next().unwrap_or_default() {
        "gocoro" | "gocoro_runtime" | "generator" | "corosensei" => Part::Gocoro,
        "std" | "core" | "alloc" | "__rust_try" => Part::Std,
        // Functions of the engines' that are written in assembler.
        "swap_registers" | "bootstrap_green_task" => Part::Gocoro,
        "stack_init_trampoline" | "stack_init_trampoline_return" => Part::Gocoro,
        _ => Part::Program,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_part_of_whatever_its_file_or_its_name_says() {
        let part = |name| part_of_name(name);
        assert_eq!(part("gocoro_runtime::channel::Receiver<T>::recv"), Part::Gocoro);
        assert_eq!(part("<gocoro_runtime::net::TcpStream as std::io::Read>::read"), Part::Gocoro);
        assert_eq!(part("<&mut gocoro::X as core::fmt::Debug>::fmt"), Part::Gocoro);
        assert_eq!(part("<alloc::boxed::Box<F> as core::ops::FnOnce<A>>::call_once"), Part::Std);
        assert_eq!(part("gocoro_example::main"), Part::Program);
        assert_eq!(part("<program::Body as core::ops::FnOnce<()>>::call_once"), Part::Program);
        assert_eq!(part("main"), Part::Program);
        assert_eq!(part("__rust_try"), Part::Std);
        assert_eq!(part("stack_init_trampoline"), Part::Gocoro);

        let part = |file| part_of_file(Path::new(file));
        assert_eq!(part("/rustc/59807616/library/core/src/ops/function.rs"), Part::Std);
        assert_eq!(part("/x/lib/rustlib/src/rust/library/std/src/panic.rs"), Part::Std);
        assert_eq!(part("/x/index.crates.io-6f17/generator-0.8.11/src/yield_.rs"), Part::Gocoro);
        assert_eq!(part("/x/index.crates.io-6f17/corosensei-0.3.4/src/coroutine.rs"), Part::Gocoro);
        assert_eq!(part("/home/a/generator-x/src/library.rs"), Part::Program);
        assert_eq!(part("src/main.rs"), Part::Program);
    }

    #[test]
    fn this_file_is_gocoros() {
        let parts = Parts::new();
        let sources = parts.sources.as_ref().unwrap();
        assert_eq!(parts.of(Some("f"), Some(&sources.join("park/mod.rs"))), Part::Gocoro);
    }

    #[test]
    fn what_is_around_the_tasks_code_is_left_out() {
        use Part::*;
        let kept = own(&[Gocoro, Std, Program, Std, Gocoro, Program, Std, Gocoro, Begin, Program]);
        assert_eq!(kept, 2..6);
        assert_eq!(own(&[Gocoro, Std, Gocoro, Begin, Std]), 1..3);
        assert_eq!(own(&[Gocoro, Gocoro, Begin, Gocoro]), 0..2);
        assert_eq!(own(&[Unknown, Unknown]), 0..2);
        assert_eq!(own(&[Program]), 0..1);
        assert_eq!(own(&[]), 0..0);
    }
}
