//! The reader of running programs, `gocoro`: each program is this test program once more, running
//! `child` alone.

#![cfg(target_os = "linux")]

mod others;
mod programs;
mod support;

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Folder, Program, READER, SCENARIO, copy, is_root, reader, refused};

#[test]
fn child() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("waits") => programs::waits(),
        Ok("deadlock") => programs::deadlock(),
        Ok("busy") => programs::busy(),
        Ok("nested") => programs::nested(),
        Ok("others") => others::others(),
        _ => {}
    }
}

#[test]
fn it_says_of_each_wait_what_the_program_says_itself() {
    let mut program = Program::start("waits", 2);
    program.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let mut known = 0;
    for line in program.says("end") {
        let [id, name, site, words] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        // The task that asks for the dump runs, or waits for the answers.
        if name == "main" {
            continue;
        }
        let row = program.row(name);
        assert!(row.starts_with(id) && row.contains(site), "{line}\n{row}");
        let expected = match name {
            // What only the program can say is missing.
            "chooses" => "select",
            "scope" => {
                words.strip_prefix("the 1 ").map(|_| "the children of a scope opened at").unwrap()
            }
            "group" => "the end of one of the tasks of a group",
            "future" => "future core::future::pending::Pending<()>",
            _ => words.split(" (").next().unwrap().split(" with ").next().unwrap(),
        };
        assert!(!expected.is_empty() && row.contains(expected), "{line}\n{row}");
        known += 1;
    }
    assert!(known >= 24, "{known}");
    let row = program.row("deadline");
    assert!(row.contains("park, ") && row.contains(" min ") && row.ends_with(" left"), "{row}");
    let row = program.row("timeout");
    assert!(row.contains("park, ") && row.contains(" min ") && row.ends_with(" left"), "{row}");
    let row = program.row("shielded");
    assert!(row.ends_with("  park"), "{row}");
    assert!(program.row("daemon").contains("waiting, daemon"));
    for (name, scope) in [("child", "scope at "), ("member", "group at ")] {
        let row = program.row(name);
        let (_, scope) = row.split_once(&format!("  {scope}")).unwrap_or_else(|| panic!("{row}"));
        assert!(scope.split_once("tests/reader/programs.rs:").is_some(), "{row}");
    }
    assert!(program.row("sleep").contains("  -  "));
    assert!(program.row("locks").ends_with("held by task 'holder'"));
    assert!(program.row("joins").ends_with("join of task 'holder'"));
    assert!(program.row("main").contains("1024 KiB"));
    let tree = program.read("tree");
    let indent = |name: &str| {
        let line =
            tree.lines().find(|line| line.trim_start().starts_with(&format!("task '{name}'")));
        line.unwrap_or_else(|| panic!("{tree}")).len() - line.unwrap().trim_start().len()
    };
    assert_eq!([indent("main"), indent("scope"), indent("child")], [0, 2, 4], "{tree}");
    assert!(tree.contains(", in the scope at "), "{tree}");
}

#[test]
fn it_shows_where_each_task_stands_also_inside_coroutines() {
    let program = Program::start("nested", 1);
    let said = program.read("stacks");
    let functions = ["gocoro_runtime::time::sleep", "innermost", "in_between", "outermost"];
    let places: Vec<_> = functions.iter().map(|name| said.find(&format!("{name}\n"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{said}");
    assert!(said.contains("tests/reader/programs.rs:"), "{said}");
    let engines = ["generator::", "corosensei::"];
    assert!(engines.iter().all(|engine| !said.contains(engine)), "{said}");
    let whole = reader(&["stacks", "--all", &program.number()]);
    let whole = String::from_utf8(whole.stdout).unwrap();
    assert!(engines.iter().any(|engine| whole.contains(engine)), "{whole}");
    assert!(program.row("nested").contains("  sleep"));
}

#[test]
fn it_reads_a_deadlocked_program_and_a_stopped_one() {
    let program = Program::start("deadlock", 1);
    // A name of 40 000 bytes is shown in part, and hides no other task.
    let longest = format!("{}…", "long".repeat(1024));
    for _ in 0..2 {
        assert!(program.row(&longest).ends_with("park"));
        assert!(program.row("plato").ends_with("held by task 'kant'"));
        assert!(program.row("kant").ends_with("held by task 'plato'"));
        let stacks = program.read("stacks");
        assert!(
            stacks.contains("programs::deadlock::{{closure}}") && stacks.contains("Mutex"),
            "{stacks}"
        );
        program.gets("-STOP");
        while !program.read("ps").contains(", stopped)") {}
    }
}

#[test]
fn it_reads_a_program_that_does_not_stand_still() {
    for workers in [1, 4] {
        let program = Program::start("busy", workers);
        for _ in 0..10 {
            let table = program.read("ps");
            let stays = table.matches(" stays-").count();
            assert_eq!(stays, 100, "{table}");
            assert!(table.matches("  sleep").count() >= 100, "{table}");
        }
        for _ in 0..3 {
            assert!(program.read("stacks").contains("gocoro_runtime::time::sleep"));
            assert!(program.read("tree").contains("stays-99"));
        }
    }
}

#[test]
fn a_stripped_program_shows_all_but_the_names_of_functions() {
    let folder = Folder::new();
    let stripped = folder.0.join("stripped");
    copy(std::env::current_exe().unwrap(), &stripped);
    let done = Command::new("strip").arg(&stripped).status();
    if !done.is_ok_and(|status| status.success()) {
        println!("skipped: there is no `strip` here");
        return;
    }
    let program = Program::run(Command::new(&stripped), "deadlock", 1);
    assert!(program.row("plato").ends_with("held by task 'kant'"));
    let stacks = program.read("stacks");
    assert!(
        stacks.contains("(stripped + 0x") && stacks.contains("tests/reader/programs.rs:"),
        "{stacks}"
    );
    // The file of a running program may be gone.
    fs::remove_file(&stripped).unwrap();
    assert!(program.row("kant").ends_with("held by task 'plato'"));
    assert!(program.read("stacks").contains("(deleted) + 0x"));
}

#[test]
fn a_program_of_another_user_is_named_as_that() {
    if !is_root() {
        println!("skipped: only root can be another user");
        return;
    }
    let program = Program::start("deadlock", 1);
    let folder = Folder::new();
    let theirs = folder.0.join("reader");
    copy(READER, &theirs);
    let mut reader = Command::new(&theirs);
    let nobody = 65534;
    let ended = reader.args(["ps", &program.number()]).uid(nobody).gid(nobody).output().unwrap();
    let complained = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(complained.contains("belongs to user 0, and you are user 65534"), "{complained}");
    assert!(complained.contains("or as root"), "{complained}");
}

#[test]
fn what_is_no_gocoro_program_is_named_as_that() {
    let mut sleeps = Command::new("sleep").arg("3600").spawn().unwrap();
    let number = sleeps.id().to_string();
    let why = loop {
        // Until it has become `sleep`, it is a copy of this process.
        let why = refused(&number);
        if why.contains("(sleep)") {
            break why;
        }
    };
    assert!(why.contains("is no gocoro program"), "{why}");
    sleeps.kill().unwrap();
    // The killed process has ended, and this one, its parent, has not waited for it.
    let ended = loop {
        let why = refused(&number);
        if !why.contains("is no gocoro program") && !why.contains("while it was read") {
            break why;
        }
    };
    assert!(ended.contains("(a zombie)"), "{ended}");
    sleeps.wait().unwrap();
    assert!(refused(&number).contains("there is no process"), "{}", refused(&number));
}

#[test]
fn a_number_that_is_none_of_a_process_is_refused() {
    for number in ["0", "-1", "x", "99999999999"] {
        let ended = reader(&["ps", number]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    }
    assert_eq!(reader(&["ps"]).status.code(), Some(2));
    assert!(reader(&["--help"]).status.success());
    // A thread of this process, which is none itself.
    let own = std::process::id().to_string();
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let mut names = threads.map(|thread| thread.unwrap().file_name().into_string().unwrap());
    if let Some(thread) = names.find(|name| *name != own) {
        assert!(refused(&thread).contains(&format!("is a thread of process {own}")));
    }
}

#[test]
fn a_program_that_ends_while_it_is_read_is_named_as_that() {
    let mut missed = 0;
    for round in 0..30 {
        let mut program = Program::start("busy", 2);
        let what = ["ps", "tree", "stacks"][round % 3];
        let mut read = Command::new(READER);
        read.args([what, &program.number()]).stdout(Stdio::null()).stderr(Stdio::piped());
        let read = read.spawn().unwrap();
        // The reader has begun, is in the middle, or is done.
        let until = Instant::now() + Duration::from_micros(700 * round as u64);
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        program.child.kill().unwrap();
        if round % 2 == 0 {
            program.child.wait().unwrap();
        }
        let ended = read.wait_with_output().unwrap();
        let complained = String::from_utf8(ended.stderr).unwrap();
        match ended.status.code() {
            Some(0) => assert_eq!(complained, ""),
            Some(1) => {
                missed += 1;
                let known = ["ended while it was read", "there is no process", "(a zombie)"];
                assert!(known.iter().any(|why| complained.contains(why)), "{complained}");
            }
            _ => panic!("{ended:?}\n{complained}", ended = ended.status),
        }
    }
    assert!(missed > 0, "no program ended while it was read");
}
