//! Child processes: std's shape, waiting for their ends, their streams, and what goes wrong.

mod ends;
mod faults;
mod shape;
mod spawning;
mod streams;
mod waiting;

use std::path::Path;

use gocoro::process::{Child, Command};

/// A command that runs a shell's script.
pub(crate) fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that never ends by itself, and is killed when it is dropped.
pub(crate) fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("100000").kill_on_drop(true);
    command
}

/// Whether the system's table has a process with this number, be it a zombie.
fn is_in_table(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

/// Whether the process has not ended.
fn is_running(child: &Child) -> bool {
    state(child.id()).is_some_and(|state| state != 'Z' && state != 'X')
}

/// The letter by which the system tells what a process does: `Z` if it is a zombie.
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

/// The children of this process that are in the system's table, as numbers.
fn children() -> Vec<u32> {
    let parent_of = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(std::process::id())).collect()
}
