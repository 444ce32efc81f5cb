//! Tasks, waits and stacks of a gocoro program that runs, or is stuck, or stopped: read from
//! outside, without any code running in it.
//!
//! ```console
//! $ cargo install --path examples --bin gocoro
//! $ gocoro ps 4711      # a line for each task: what it waits for, since when, who it is
//! $ gocoro tree 4711    # each task under the one that spawned it
//! $ gocoro stacks 4711  # where each parked task stands; `--all`: with the runtime's frames
//! ```
//!
//! The reader reads the process's memory (`process_vm_readv`), as a debugger does, and needs as
//! much: the same user, and what the kernel's `ptrace_scope` permits. It writes nothing, stops
//! nothing, and no thread of the process runs for it, so it also works where every worker is stuck.
//! The runtime says in a table where things are (`runtime/src/scheduler/table`). A stripped program
//! has that too, and shows addresses in place of functions. What changes while it is read is read
//! again.
//!
//! What is read is what stands in memory. So a wait is told in fewer words than
//! `gocoro::runtime::dump` and SIGQUIT have, who may ask the objects that are waited for. Arms of a
//! `select!`, and the numbers of what a semaphore or a group has, are missing: the program would
//! have to write them down for each wait, which would cost it something though nobody reads.
//!
//! The reader stands among the examples, and is no feature of the library: it shares no code with
//! that, and reads programs of every version whose table it knows. What it needs to unwind and to
//! find names (`framehop`, `object`, `addr2line`) nobody else needs.

// There is no such file elsewhere, and no such call.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("gocoro's reader works on Linux, on x86_64 and aarch64");

mod descriptor;
mod failure;
mod maps;
mod memory;
mod show;
mod stacks;
mod table;
mod wait;
mod walk;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::memory::Process;
use crate::walk::Reader;

const USAGE: &str = "\
Shows what the tasks of a running gocoro program do, without disturbing it.

usage: gocoro ps PID             a line for each task
       gocoro tree PID           each task under the one that spawned it
       gocoro stacks [--all] PID where each parked task stands; with the runtime's own frames";

/// What is to be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Table,
    Tree,
    Stacks { whole: bool },
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (what, process) = match arguments[..] {
        ["ps", process] => (What::Table, process),
        ["tree", process] => (What::Tree, process),
        ["stacks", process] => (What::Stacks { whole: false }, process),
        ["stacks", "--all", process] => (What::Stacks { whole: true }, process),
        ["-h" | "--help" | "help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Some(process) = process.parse().ok().filter(|&process: &i32| process > 0) else {
        eprintln!("gocoro: '{process}' is no number of a process");
        return ExitCode::from(2);
    };
    match run(what, process) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        // Whoever reads this may have had enough.
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("gocoro: the output cannot be written: {error}");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("gocoro: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Shows a process. `false`: not all of it.
fn run(what: What, process: i32) -> Result<io::Result<bool>, Failure> {
    let process = Process::open(process)?;
    let tables = table::tables(&process)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut is_whole = true;
    // With several gocoros in a process, the ones that can be read are shown.
    let only = tables.len() == 1;
    for table in tables {
        let table = match table {
            Ok(table) => table,
            Err(failure) if only => return Err(failure),
            Err(failure) => {
                eprintln!("gocoro: {failure}");
                is_whole = false;
                continue;
            }
        };
        let shown = show_one(what, &process, &table, &mut out)?;
        if let Err(error) = shown {
            return Ok(Err(error));
        }
    }
    if !process.is_alive() {
        return Err(Failure::Ended(process.number));
    }
    Ok(out.flush().map(|()| is_whole))
}

fn show_one(
    what: What,
    process: &Process,
    table: &table::Table,
    out: &mut impl Write,
) -> Result<io::Result<()>, Failure> {
    let reader = Reader::new(process, table);
    let workers = reader.as_ref().map_or(Ok(Vec::new()), Reader::workers)?;
    let head = show::head(out, process, &table.gocoro, &table.file, &workers);
    let Some(reader) = reader.filter(|_| head.is_ok()) else { return Ok(head) };
    Ok(match what {
        What::Table => show::table(out, &workers),
        What::Tree => show::tree(out, &workers),
        What::Stacks { whole } => show::stacks(out, &reader, &workers, whole)?,
    })
}
