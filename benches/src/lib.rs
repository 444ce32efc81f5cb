//! gocoro beside its rivals, in one table.
//!
//! `cargo bench -p gocoro-benches` measures every row of `rows` on every system that has the
//! operation, and prints medians with the ratio gocoro/rival beside each rival's figure. How to run
//! it, and what each row measures, is in the package's `README.md`.
//!
//! Reading order:
//!
//! | module | what it holds |
//! |---|---|
//! | `system` | the columns: the systems, and how each one's runtime is started |
//! | `row` | what a row is; the context a measurement runs in |
//! | `rows` | the rows, a module a family, the systems side by side |
//! | `server`, `load` | a server in a process of its own, and the one load generator that all servers face |
//! | `child` | a measurement in a process of its own |
//! | `run` | the plan: which measurements, interleaved, how often |
//! | `table`, `stats` | figures to text |
//! | `chart` | the tables of `README.md` to a drawing |
//! | `affinity`, `usage` | cores, processor time, memory |

#![allow(clippy::disallowed_methods, reason = "the rivals and the load run on plain threads")]

mod affinity;
mod chart;
mod child;
mod cli;
mod load;
mod row;
mod rows;
mod run;
mod server;
mod stats;
mod system;
mod table;
mod usage;

use std::process::ExitCode;

/// Runs the benchmark with this process's arguments: as the parent that prints the table, or as one
/// of the processes that the parent starts.
pub fn main() -> ExitCode {
    let args = match cli::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n\n{}", cli::USAGE);
            return ExitCode::from(2);
        }
    };
    match &args.role {
        cli::Role::Help => println!("{}", cli::USAGE),
        cli::Role::List => run::list(),
        cli::Role::Chart(file) => {
            if let Err(error) = chart::draw(file) {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        }
        cli::Role::Parent => return run::all(&args),
        cli::Role::Child { row, system } => return child::measure(row, *system, &args),
        cli::Role::Server { kind, system, cores } => server::serve(kind, *system, cores, &args),
    }
    ExitCode::SUCCESS
}
