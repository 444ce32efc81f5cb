//! The program that somebody writes first: tasks that read, sleep, share data and return values.

use std::process::Stdio;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::io::{self, Read, Write, stdin, stdout};
use gocoro::sync::{Arc, Mutex};
use gocoro::task::{self, JoinHandle};
use gocoro::time::{sleep_until, timeout};

use super::{Asking, ask, program, scenarios};
use crate::support::with_workers;

scenarios! {
    reads_in_tasks,
    sleeps,
    shares,
    gives_up,
}

fn reads_in_tasks() {
    fn line() -> io::Result<String> {
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        Ok(line)
    }
    with_workers(2).run(|| {
        ask("a name|and all|the rest");
        let line = go!(line()).wait().unwrap();
        ask("end");
        let rest = go!(io::read_to_string(stdin())).wait().unwrap();
        write!(stdout(), "{line:?}, then {rest:?}").unwrap();
    });
}

/// Says how long it has slept. On one worker the sleepers wake in the order of their times, however
/// slow the machine is: these are counted from one moment.
fn sleeper(since: Instant, ms: u64) -> JoinHandle<u64> {
    go!({
        sleep_until(since + Duration::from_millis(ms));
        writeln!(stdout(), "{ms}").unwrap();
        ms
    })
}

fn sleeps() {
    with_workers(1).run(|| {
        let now = Instant::now();
        let sleepers = [200, 100, 50].map(|ms| sleeper(now, ms));
        for sleeper in sleepers {
            sleeper.wait();
        }
        writeln!(stdout(), "all").unwrap();

        let now = Instant::now();
        let ends = task::wait_all([110, 220, 60].map(|ms| sleeper(now, ms)));
        assert!(now.elapsed() >= Duration::from_millis(220));
        let ends: Vec<_> = ends.into_iter().map(Result::unwrap).collect();
        write!(stdout(), "{ends:?}").unwrap();
    });
}

fn shares() {
    with_workers(2).run(|| {
        let names = Arc::new(Mutex::new(vec!["main"]));
        let first = go!(clone(names) => { names.lock().unwrap().push("first"); 1 });
        let first = first.wait();
        let second = go!(clone(names) => { names.lock().unwrap().push("second"); first + 1 });
        let second = second.wait();
        write!(stdout(), "{:?} {first} {second}", names.lock().unwrap()).unwrap();
    });
}

fn gives_up() {
    with_workers(1).run(|| {
        let begun = Instant::now();
        let read = timeout(Duration::from_millis(500), || stdin().read(&mut [0; 100]));
        assert!(read.is_err() && begun.elapsed() >= Duration::from_millis(500));
        ask("late|");
        ask("end");
        let all = io::read_to_string(stdin()).unwrap();
        write!(stdout(), "nothing, then {all:?}").unwrap();
    });
}

/// Runs a scenario, whose input is a pipe that gets what the scenario asks for.
#[track_caller]
fn assert_prints(scenario: &str, expected: &str) {
    let mut command = program(scenario);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut asking = Asking::spawn(command);
    let mut input = asking.child.stdin.take();
    while let Some(what) = asking.next() {
        match what.as_str() {
            "end" => input = None,
            text => input.as_ref().unwrap().write_all(text.replace('|', "\n").as_bytes()).unwrap(),
        }
    }
    let status = asking.end();
    assert!(status.success(), "{status}\n{}", asking.said);
    let mut printed = String::new();
    asking.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    let own = printed.split_once("io::stdio::child ... ").map_or("", |(_, own)| own);
    let own = own.split_once("ok\n").map_or(own, |(own, _)| own);
    assert_eq!(own.trim_end(), expected, "{printed}");
}

#[test]
fn tasks_read_a_line_and_then_all() {
    assert_prints("reads_in_tasks", r#""a name\n", then "and all\nthe rest""#);
}

#[test]
fn sleepers_wake_in_the_order_of_their_times_and_are_waited_for_in_another() {
    assert_prints("sleeps", "50\n100\n200\nall\n60\n110\n220\n[110, 220, 60]");
}

#[test]
fn tasks_return_values_and_share_what_closures_capture() {
    assert_prints("shares", r#"["main", "first", "second"] 1 2"#);
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    assert_prints("gives_up", r#"nothing, then "late\n""#);
}
