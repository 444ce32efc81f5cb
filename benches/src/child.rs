//! A measurement in a process of its own, so that runtimes, stacks, memory and panic hooks do not
//! disturb each other.

use std::{
    process::{self, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use crate::{
    affinity,
    cli::Args,
    row::{Context, Outcome, Place, Problem, Row},
    rows,
    system::System,
};

/// The beginning of the line that a child ends with.
const FIGURES: &str = "figures:";
const NOT_HERE: &str = "not here:";

/// Measures `row` on `system` once, in a new process.
pub(crate) fn start(row: &Row, system: System, workers: usize, args: &Args) -> Outcome {
    let program = match args.beside.as_ref().filter(|_| system == System::GocoroCs) {
        Some(beside) => beside.clone(),
        None => std::env::current_exe().map_err(|e| format!("current_exe: {e}"))?,
    };
    let mut command = Command::new(program);
    command.args(["--child", row.name, system.in_rows().name(), "--workers", &workers.to_string()]);
    command.args(args.quick.then_some("--quick"));
    command.env("GOCORO_WORKERS", workers.to_string()).env_remove("RUST_BACKTRACE");
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("start: {e}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let said = |word| stdout.lines().find_map(|line| line.strip_prefix(word));
    if let Some(figures) = said(FIGURES) {
        let parse = |word: &str| word.parse().map_err(|_| Problem::Fails(word.into()));
        return figures.split_whitespace().map(parse).collect();
    }
    if let Some(reason) = said(NOT_HERE) {
        return Err(Problem::NotHere(reason.trim().into()));
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The line after a panic's place is its message. Of any other output the first line tells most.
    let is_telling = |line: &&str| !line.is_empty() && !line.starts_with("thread '");
    let told = stderr.lines().map(str::trim).find(is_telling).unwrap_or("no message");
    Err(Problem::Fails(format!("{}: {told}", output.status)))
}

/// What a child does: measures one row on one system, and prints the figures.
pub(crate) fn measure(name: &str, system: System, args: &Args) -> ExitCode {
    let row = rows::all().find(|row| row.name == name);
    let run = row.and_then(|row| row.on.iter().find(|(has, _)| *has == system));
    let (Some(row), Some((_, run))) = (row, run) else {
        eprintln!("no row {name} for {system}");
        return ExitCode::from(2);
    };
    let workers = args.workers.unwrap_or(1);
    let server_cores = affinity::at(Place::Workers, workers);
    affinity::pin(&affinity::at(row.place, workers));
    let patience = Duration::from_secs(if args.quick { 10 } else { 90 });
    thread::spawn(move || {
        thread::sleep(patience);
        eprintln!("not done after {patience:?}");
        process::exit(124);
    });
    let size = if args.quick { row.quick } else { row.size };
    let context = Context { system, workers, size, quick: args.quick, server_cores };
    match run(&context) {
        Ok(figures) => {
            let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
            println!("{FIGURES} {}", figures.join(" "));
            // What still runs here need not be taken down in order.
            process::exit(0)
        }
        Err(Problem::NotHere(reason)) => {
            println!("{NOT_HERE} {reason}");
            ExitCode::FAILURE
        }
        Err(Problem::Fails(reason)) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
