//! The command line.

use std::path::PathBuf;

use crate::system::System;

pub(crate) const USAGE: &str = "\
cargo bench -p gocoro-benches -- [FILTER]... [OPTIONS]

FILTER            only rows whose name contains one of these (no letter case)
--runs N          runs of each measurement, interleaved; the median is shown (7; with --quick 3)
--workers N       every row with N worker threads; without it: 1, and the rows of section `2 workers` with 2
--systems A,B     only these columns
--beside PROGRAM  the column gocoro-cs, measured by this program: the same benchmark, built with `--features corosensei`
--growth          the growth rows too: cost against number of tasks and of connections
--quick           small counts and short windows: does it run, is it plausible
--spread          the smallest and the largest run beside each median
--markdown        tables as Markdown
--list            the rows' names
--chart FILE      draws FILE, an SVG, from the tables in the package's README.md; measures nothing";

/// What this process is to do.
pub(crate) enum Role {
    Help,
    List,
    /// Draws the chart of the results in the package's `README.md`.
    Chart(PathBuf),
    /// Measures the rows in child processes, and prints the table.
    Parent,
    /// Measures one row on one system, once.
    Child {
        row: String,
        system: System,
    },
    /// Serves until its standard input ends.
    Server {
        kind: String,
        system: System,
        cores: Vec<usize>,
    },
}

pub(crate) struct Args {
    pub(crate) role: Role,
    pub(crate) filters: Vec<String>,
    pub(crate) systems: Vec<System>,
    /// The program that measures [`System::GocoroCs`].
    pub(crate) beside: Option<PathBuf>,
    pub(crate) runs: Option<usize>,
    pub(crate) workers: Option<usize>,
    pub(crate) growth: bool,
    pub(crate) quick: bool,
    pub(crate) spread: bool,
    pub(crate) markdown: bool,
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut args = Args {
        role: Role::Parent,
        filters: Vec::new(),
        systems: System::ALL.to_vec(),
        beside: None,
        runs: None,
        workers: None,
        growth: false,
        quick: false,
        spread: false,
        markdown: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--bench" => {} // cargo's own
            "--help" | "-h" => args.role = Role::Help,
            "--list" => args.role = Role::List,
            "--chart" => args.role = Role::Chart(value()?.into()),
            "--runs" => args.runs = Some(number(&value()?)?),
            "--workers" => args.workers = Some(number(&value()?)?),
            "--systems" => {
                args.systems = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            "--beside" => args.beside = Some(value()?.into()),
            "--growth" => args.growth = true,
            "--quick" => args.quick = true,
            "--spread" => args.spread = true,
            "--markdown" => args.markdown = true,
            "--child" => args.role = Role::Child { row: value()?, system: value()?.parse()? },
            "--serve" => {
                let (kind, system) = (value()?, value()?.parse()?);
                let cores = value()?.split(',').filter_map(|core| core.parse().ok()).collect();
                args.role = Role::Server { kind, system, cores };
            }
            _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
            _ => args.filters.push(word.to_lowercase()),
        }
    }
    Ok(args)
}

fn number(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(format!("{word} is not a number above 0")),
    }
}
