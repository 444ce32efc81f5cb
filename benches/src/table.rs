//! Figures to text.

use std::{fmt::Write, fs, thread};

use crate::{cli::Args, row::Figure, stats::Summary, system::System};

/// One line of the table: a figure of a row.
pub(crate) struct Line {
    pub(crate) row: &'static str,
    pub(crate) figure: &'static Figure,
    pub(crate) cells: Vec<(System, Cell)>,
}

pub(crate) enum Cell {
    /// The system does not have the operation.
    Absent,
    /// The system has the operation, and did not get through.
    Fails,
    /// No system would get through, because of a limit of this machine.
    NotHere,
    Measured(Summary),
}

/// The lines above the tables: what was measured, on which machine.
pub(crate) fn header(runs: usize, quick: bool) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown processor");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let mut text = format!("{model}, {cores} cores, Linux {}\n", kernel.trim());
    let _ = write!(text, "median of {runs} interleaved runs (gocoro / this system)");
    if quick {
        text += "; --quick: small counts, a smoke test and no measurement";
    }
    text
}

/// The table of a section, with a column for each system that has any of its lines.
pub(crate) fn section(title: &str, lines: &[Line], args: &Args) -> String {
    let has = |system: &System| {
        let shown = |line: &Line| {
            line.cells.iter().any(|(on, cell)| on == system && !matches!(cell, Cell::Absent))
        };
        lines.iter().any(shown)
    };
    let systems: Vec<System> = System::ALL.into_iter().filter(has).collect();
    let mut rows = vec![vec![title.to_string(), String::new()]];
    rows[0].extend(systems.iter().map(|system| system.to_string()));
    for line in lines {
        let name = match line.figure.label {
            "" => line.row.to_string(),
            label => format!("{}: {label}", line.row),
        };
        let arrow = if line.figure.more_is_better { '↑' } else { '↓' };
        let mut row = vec![name, format!("{} {arrow}", line.figure.unit)];
        let own = measured(line, System::Gocoro);
        row.extend(systems.iter().map(|&system| cell(line, system, own, args.spread)));
        rows.push(row);
    }
    if args.markdown { markdown(&rows) } else { plain(&rows) }
}

fn measured(line: &Line, system: System) -> Option<&Summary> {
    line.cells.iter().find_map(|(on, cell)| match cell {
        Cell::Measured(summary) if *on == system => Some(summary),
        _ => None,
    })
}

fn cell(line: &Line, system: System, own: Option<&Summary>, spread: bool) -> String {
    let Some((_, cell)) = line.cells.iter().find(|(on, _)| *on == system) else {
        return "–".into();
    };
    let summary = match cell {
        Cell::Absent => return "–".into(),
        Cell::Fails => return "fails".into(),
        Cell::NotHere => return "limit".into(),
        Cell::Measured(summary) => summary,
    };
    let mut text = number(summary.median);
    if spread {
        let _ = write!(text, " [{}…{}]", number(summary.min), number(summary.max));
    }
    if let Some(own) = own
        && system != System::Gocoro
        && summary.median > 0.0
    {
        let _ = write!(text, " ({:.2})", own.median / summary.median);
    }
    text
}

/// A number with three significant digits, and its thousands set apart.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        v if v < 10.0 => format!("{value:.2}"),
        v if v < 100.0 => format!("{value:.1}"),
        _ => {
            let digits = format!("{value:.0}");
            let mut text = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 && !text.ends_with('-') {
                    text.push(' ');
                }
                text.push(digit);
            }
            text
        }
    }
}

/// Sets columns under each other: the first two to the left, figures to the right.
fn plain(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let widths = widths(rows);
    for row in rows {
        text.push('\n');
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(line, "{cell:width$}  "),
                _ => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
    }
    text
}

fn markdown(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let _ = write!(text, "\n| {} |", row.join(" | "));
        if index == 0 {
            let _ = write!(text, "\n|---|---|{}", "---:|".repeat(row.len() - 2));
        }
    }
    text
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_short_and_grouped() {
        let texts = [0.0, 1.234, 12.34, 123.4, 1234.0, 1_234_567.0, -1234.0, -123.0].map(number);
        assert_eq!(texts, ["0", "1.23", "12.3", "123", "1 234", "1 234 567", "-1 234", "-123"]);
    }
}
