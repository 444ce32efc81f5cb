//! The greedy philosophers from outside: the program names them all, and ends.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

#[test]
fn greedy_philosophers_are_told_who_waits_for_whom() {
    for workers in ["1", "4"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_philosophers"));
        let ended = program.env("GOCORO_WORKERS", workers).output().unwrap();
        let report = String::from_utf8(ended.stderr).unwrap();
        let lines: Vec<_> = report.lines().collect();
        assert_eq!(lines[0], "gocoro: deadlock: 5 tasks wait for each other", "{report}");
        for seat in 0..5 {
            let (name, next) = (format!("task 'philosopher {seat}'"), (seat + 1) % 5);
            let line = lines.iter().find(|line| line.starts_with(&format!("  {name} ("))).unwrap();
            assert!(line.contains("src/bin/philosophers.rs:"), "{line}");
            let fork = format!("held by task 'philosopher {next}' for ");
            assert!(line.contains("): lock of a mutex at 0x") && line.contains(&fork), "{line}");
            assert!(lines[6].contains(&format!("{name} waits for task 'philosopher {next}'")));
        }
        assert!(lines[6].starts_with("  cycle: "), "{report}");
        assert_eq!(lines[7..], [r#"gocoro: deadlock is "abort"; aborting"#]);
        assert_eq!(ended.status.signal(), Some(6), "{}", ended.status);
    }
}
