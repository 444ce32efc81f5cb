//! The great storm: tasks that send, receive, choose, lock, time out, cancel, panic, and open
//! scopes and groups, all by chance. In the end every message was received or given back exactly
//! once, every task has ended, and memory is as it was.
//!
//! Each number of workers has a process of its own, so that memory can be measured.

mod act;
mod cell;
mod family;
mod ledger;
mod memory;

use std::io::{BufRead, BufReader};
use std::panic;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use gocoro::{go, task};

use self::cell::Cell;
use self::ledger::Tally;
use self::memory::Memory;
use super::{seeds, tasks_or};
use crate::support::{HANG, Random, bounded, scenario, this_program, with_workers};

const TASKS: usize = 500;
const ROUNDS: usize = 6;
/// Rounds after which a process has what it keeps.
const WARM_UP: usize = 2;
/// Tasks that a cell begins with: those meet one another.
const CELL_TASKS: usize = 50;
/// Cells of a round in which plain threads take part.
const THREADED_CELLS: usize = 2;

/// Some panic was none of those that the storm makes.
static BROKEN: AtomicBool = AtomicBool::new(false);

/// What panics on purpose carry.
struct Expected;

/// Runs the storm in a process of its own, and hands on what it prints.
pub(super) fn storm(workers: usize) {
    let mut command =
        this_program(&["storm::whole::child", "--exact"], &format!("storm {workers}"));
    if let Ok(options) = std::env::var("ASAN_OPTIONS") {
        command.env("ASAN_OPTIONS", options); // this child does end in order
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    let errors = thread::spawn(move || errors.lines().map(Result::unwrap).collect::<Vec<_>>());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        println!("{}", line.unwrap());
    }
    let status = child.wait().unwrap();
    let errors = errors.join().unwrap();
    assert!(status.success(), "{status}\n{}", errors.join("\n"));
}

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    let workers = name.strip_prefix("storm ").expect("a storm").parse().unwrap();
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        BROKEN.store(true, SeqCst);
        report(info);
    }));
    let tasks = tasks_or(TASKS);
    println!("storm: workers: {workers}, tasks: {tasks}");
    let begun = Instant::now();
    let mut total = Tally::default();
    let mut memory = Vec::new();
    for seed in seeds(workers, ROUNDS) {
        total += bounded(move || round(workers, tasks, seed));
        memory.push(Memory::now());
    }
    println!(
        "storm: {} rounds in {:?}; {total}; memory: {:?} .. {:?}",
        memory.len(),
        begun.elapsed(),
        memory[WARM_UP],
        memory[memory.len() - 1],
    );
    memory::assert_flat(&memory[WARM_UP..]);
}

/// A runtime that lives through a storm, and what has to hold after it.
fn round(workers: usize, tasks: usize, seed: u64) -> Tally {
    let mut random = Random::new(seed);
    let runtime = with_workers(workers);
    let cells: Vec<_> =
        (0..tasks.div_ceil(CELL_TASKS)).map(|_| Arc::new(Cell::new(CELL_TASKS))).collect();
    runtime.run(|| {
        let lives = cells.iter().enumerate().map(|(at, cell)| {
            let (cell, own) = (cell.clone(), Random::new(random.next()));
            go!({ cell.live(own, at < THREADED_CELLS) })
        });
        for ended in task::wait_all(lives) {
            ended.unwrap();
        }
    });
    runtime.wait_idle();
    let mut tally = Tally::default();
    for cell in cells {
        let cell = Arc::into_inner(cell).expect("a task is alive");
        tally += cell.close();
    }
    runtime.shutdown(HANG).expect("all tasks have ended");
    assert!(!BROKEN.load(SeqCst), "a panic that was not expected, seed {seed}");
    tally
}
