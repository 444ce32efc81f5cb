//! The plan: which measurements, in which order, how often.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use crate::{
    child,
    cli::Args,
    row::{Group, Problem, Row},
    rows,
    stats::summary,
    system::System,
    table::{self, Cell, Line},
};

/// A part of the output that has columns of its own.
struct Section {
    title: String,
    workers: usize,
    rows: Vec<&'static Row>,
}

pub(crate) fn list() {
    for row in rows::all() {
        println!("{}", row.name);
    }
}

/// Measures everything that was asked for, and prints the tables.
pub(crate) fn all(args: &Args) -> ExitCode {
    let sections = sections(args);
    if sections.iter().all(|section| section.rows.is_empty()) {
        eprintln!("no row on these systems has a name like {:?}", args.filters);
        return ExitCode::from(2);
    }
    let runs = args.runs.unwrap_or(if args.quick { 3 } else { 7 });
    println!("{}", table::header(runs, args.quick));
    let mut notes = Vec::new();
    for section in sections.iter().filter(|section| !section.rows.is_empty()) {
        let mut lines = Vec::new();
        for row in &section.rows {
            lines.extend(measure(row, section.workers, runs, args, &mut notes));
        }
        lines.retain(|line| line.cells.iter().any(|(_, cell)| !matches!(cell, Cell::Absent)));
        if !lines.is_empty() {
            println!("{}", table::section(&section.title, &lines, args));
        }
    }
    for note in notes {
        println!("{note}");
    }
    ExitCode::SUCCESS
}

fn sections(args: &Args) -> Vec<Section> {
    let chosen = |row: &&Row| {
        let name = row.name.to_lowercase();
        args.filters.is_empty() || args.filters.iter().any(|filter| name.contains(filter))
    };
    let is_on_any = |row: &&Row| {
        let asked = |on: System| args.systems.iter().any(|system| system.in_rows() == on);
        row.on.iter().any(|&(on, _)| asked(on))
    };
    let pick = |wanted: &dyn Fn(&Row) -> bool| -> Vec<&'static Row> {
        rows::all().filter(|row| wanted(row)).filter(chosen).filter(is_on_any).collect()
    };
    let section = |title: &str, workers, rows| Section { title: title.into(), workers, rows };
    let many = args.workers.unwrap_or(1);
    let mut sections = vec![
        section("bare switch", 1, pick(&|row| row.group == Group::Bare)),
        section(
            &if many == 1 { "1 worker".into() } else { format!("{many} workers") },
            many,
            pick(&|row| row.group == Group::Main || (row.group == Group::TwoOnly && many > 1)),
        ),
    ];
    if args.workers.is_none() {
        sections.push(section("2 workers", 2, pick(&|row| row.two || row.group == Group::TwoOnly)));
    }
    if args.growth {
        sections.push(section("growth", many, pick(&|row| row.group == Group::Growth)));
    }
    sections
}

/// All runs of one row: each system is measured once, then each once more, so that a slow minute of
/// the machine hits all of them alike. A system that has failed is not tried again.
fn measure(
    row: &Row,
    workers: usize,
    runs: usize,
    args: &Args,
    notes: &mut Vec<String>,
) -> Vec<Line> {
    let has = |system: System| row.on.iter().any(|&(on, _)| on == system.in_rows());
    let is_here = |system: System| system != System::GocoroCs || args.beside.is_some();
    let takes_part = |&system: &System| {
        has(system)
            && is_here(system)
            && args.systems.contains(&system)
            && (workers == 1 || system.is_parallel())
    };
    let systems: Vec<System> = System::ALL.into_iter().filter(takes_part).collect();
    let mut results: Vec<Result<Vec<Vec<f64>>, Problem>> =
        systems.iter().map(|_| Ok(vec![])).collect();
    for run in 1..=runs {
        for (system, result) in systems.iter().zip(&mut results) {
            let Ok(done) = result else { continue };
            progress(&format!("{run}/{runs} {}: {system}", row.name));
            match child::start(row, *system, workers, args) {
                Ok(figures) => done.push(figures),
                Err(problem) => {
                    let said = match &problem {
                        Problem::Fails(reason) => format!("{system} fails: {reason}"),
                        Problem::NotHere(reason) => format!("not on this machine: {reason}"),
                    };
                    let note = format!("{}: {said}", row.name);
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                    *result = Err(problem);
                }
            }
        }
    }
    progress("");
    let line = |(index, figure)| {
        let mut cells: Vec<(System, Cell)> = row
            .on
            .iter()
            .filter(|(system, _)| !systems.contains(system))
            .map(|&(system, _)| (system, Cell::Absent))
            .collect();
        for (&system, result) in systems.iter().zip(&results) {
            let values = |runs: &Vec<Vec<f64>>| runs.iter().map(|figures| figures[index]).collect();
            let cell = match result {
                Ok(runs) => summary(values(runs)).map_or(Cell::Absent, Cell::Measured),
                Err(Problem::Fails(_)) => Cell::Fails,
                Err(Problem::NotHere(_)) => Cell::NotHere,
            };
            cells.push((system, cell));
        }
        Line { row: row.name, figure, cells }
    };
    row.figures.iter().enumerate().map(line).collect()
}

fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}
