//! The reader of running programs, `gocoro`: each program is this test program once more, running
//! `child` alone.

#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gocoro::coroutine::iter::generate;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{TaskState, dump};
use gocoro::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore};
use gocoro::task::TaskGroup;
use gocoro::time::sleep;
use gocoro::{channel, go, select, task};

const READER: &str = env!("CARGO_BIN_EXE_gocoro");

/// Names the scenario that `child` runs.
const SCENARIO: &str = "GOCORO_READ_SCENARIO";

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn child() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("waits") => waits(),
        Ok("deadlock") => deadlock(),
        Ok("busy") => busy(),
        Ok("nested") => nested(),
        _ => {}
    }
}

/// A program that runs until this is dropped.
struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Program {
    fn start(scenario: &str, workers: usize) -> Self {
        let this = std::env::current_exe().unwrap();
        Self::run(Command::new(this), scenario, workers)
    }

    fn run(mut command: Command, scenario: &str, workers: usize) -> Self {
        command.args(["child", "--exact", "--nocapture"]).env(SCENARIO, scenario);
        command.env("GOCORO_WORKERS", workers.to_string()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, out };
        program.says("ready");
        program
    }

    /// The lines that it says up to this one, which begins with `text`.
    fn says(&mut self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "no {text:?} in {lines:?}");
            if line.starts_with(text) {
                return lines;
            }
            lines.push(line.trim_end_matches('\n').to_owned());
        }
    }

    fn number(&self) -> String {
        self.child.id().to_string()
    }

    /// What the reader says of it.
    fn read(&self, what: &str) -> String {
        let ended = reader(&[what, &self.number()]);
        let said = String::from_utf8(ended.stdout).unwrap();
        let complained = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{what}: {}\n{said}{complained}", ended.status);
        assert_eq!(complained, "");
        said
    }

    /// The rows of `ps`, by the name of the task.
    fn row(&self, name: &str) -> String {
        let table = self.read("ps");
        let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        row.unwrap_or_else(|| panic!("no '{name}' in:\n{table}")).to_owned()
    }

    fn gets(&self, signal: &str) {
        let ended = Command::new("kill").args([signal, &self.number()]).status().unwrap();
        assert!(ended.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(arguments: &[&str]) -> Output {
    Command::new(READER).args(arguments).output().unwrap()
}

/// What the reader complains about when it cannot read this process.
fn refused(process: &str) -> String {
    let ended = reader(&["ps", process]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    String::from_utf8(ended.stderr).unwrap()
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

/// Waits until each other task waits.
fn settled(tasks: usize) {
    let waits = |dump: &gocoro::runtime::Dump| {
        dump.tasks().iter().filter(|task| task.state() == TaskState::Waiting).count()
    };
    while waits(&dump()) < tasks {
        sleep(Duration::from_millis(1));
    }
}

/// Says what the dump says of each task, and waits for a line of input; and so on.
fn answer() {
    println!("ready");
    let mut lines = std::io::stdin().lines();
    while lines.next().is_some_and(|line| line.is_ok()) {
        for task in dump().tasks().iter().filter(|task| task.name().is_some()) {
            let words = task.waits_for().unwrap_or_default();
            println!("{}\t{}\t{}\t{words}", task.id(), task.name().unwrap(), task.spawned_at());
        }
        println!("end");
    }
}

/// A task for each kind of wait.
fn waits() {
    let run = || {
        let (sender, receiver) = channel::bounded::<u8>(1);
        let (full, _kept) = channel::bounded::<u8>(0);
        let mutex = Arc::new(Mutex::new(()));
        let lock = Arc::new(RwLock::new(()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        let theirs = receiver.clone();
        go!(name = "recv" => { theirs.recv() });
        go!(name = "send" => { full.send(1) });
        go!(name = "sleep" => { sleep(NEVER) });
        go!(name = "accept" => { listener.accept() });
        go!(name = "read" => { let _peer = peer; (&stream).read(&mut [0]) });
        let (held, written) = (mutex.clone(), lock.clone());
        let sleeps = go!(name = "holder" => {
            let _held = held.lock();
            let _written = written.write();
            sleep(NEVER);
        });
        settled(6);
        go!(name = "locks" => { drop(mutex.lock()) });
        go!(name = "reads" => { drop(lock.read()) });
        go!(name = "joins" => { sleeps.join() });
        go!(name = "waits" => { Event::new().wait() });
        go!(name = "meets" => { Barrier::new(2).wait().is_leader() });
        go!(name = "permits" => { Semaphore::new(0).acquire().is_ok() });
        go!(name = "told" => {
            let lock = Mutex::new(());
            Condvar::new().wait(lock.lock().unwrap()).is_ok()
        });
        go!(name = "parks" => { task::park() });
        go!(name = "future" => { gocoro::future::wait(std::future::pending::<()>()) });
        let other = receiver.clone();
        go!(name = "chooses" => {
            select! { recv(receiver) -> m => m.is_ok(), recv(other) -> m => m.is_ok() }
        });
        go!(name = "scope" => {
            task::scope(|scope| {
                go!(in scope, name = "child" => { sleep(NEVER) });
            })
        });
        go!(name = "group" => {
            let group = TaskGroup::new();
            go!(in group, name = "member" => { sleep(NEVER) });
            group.next().is_some()
        });
        go!(name = "deadline" => { task::park_timeout(NEVER) });
        go!(daemon, name = "daemon" => { sleep(NEVER) });
        settled(22);
        answer();
        drop(sender);
    };
    go!(name = "main", stack_size = 1 << 20 => { run() }).wait();
}

/// Two tasks that hold what the other one wants.
fn deadlock() {
    let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let eats = |first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>| {
        let _first = first.lock();
        both.wait();
        drop(second.lock());
    };
    let both = Arc::new(Barrier::new(2));
    let (l, r, b) = (left.clone(), right.clone(), both.clone());
    go!(name = "plato" => { eats(l, r, b) });
    go!(name = "kant" => { eats(right, left, both) });
    go!(settled(2)).wait();
    println!("ready");
    thread::sleep(NEVER);
}

/// Tasks that come and go all the time, beside some that stay, and one that computes.
fn busy() {
    for number in 0..100 {
        go!(name = format!("stays-{number}") => { sleep(NEVER) });
    }
    for _ in 0..4 {
        go!({
            loop {
                let waits: Vec<_> =
                    (0..50).map(|_| go!(name = "comes" => { task::yield_now() })).collect();
                waits.into_iter().for_each(|wait| wait.wait());
                let (sender, receiver) = channel::bounded(1);
                let answer = go!(name = "goes" => { receiver.recv().is_ok() });
                let _ = sender.send(Box::new([0_u8; 64]));
                let _ = answer.wait();
            }
        });
    }
    go!(settled(100)).wait();
    println!("ready");
    thread::sleep(NEVER);
}

/// A task that waits in a coroutine, in a coroutine.
fn nested() {
    go!(name = "nested" => { outermost() });
    go!(settled(1)).wait();
    println!("ready");
    thread::sleep(NEVER);
}

#[inline(never)]
fn outermost() {
    for _ in generate(|emitter| {
        in_between();
        emitter.emit(1);
    }) {}
}

#[inline(never)]
fn in_between() {
    for _ in generate(|emitter| {
        innermost();
        emitter.emit(1);
    }) {}
}

#[inline(never)]
fn innermost() {
    sleep(NEVER);
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
    assert!(known >= 22, "{known}");
    let row = program.row("deadline");
    assert!(row.contains("park, 59 min") && row.ends_with(" left"), "{row}");
    assert!(program.row("daemon").contains("waiting, daemon"));
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
}

#[test]
fn it_shows_where_each_task_stands_also_inside_coroutines() {
    let program = Program::start("nested", 1);
    let said = program.read("stacks");
    let functions = ["gocoro_runtime::time::sleep", "innermost", "in_between", "outermost"];
    let places: Vec<_> = functions.iter().map(|name| said.find(&format!("{name}\n"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{said}");
    assert!(said.contains("tests/reader.rs:"), "{said}");
    assert!(!said.contains("generator::"), "{said}");
    let whole = reader(&["stacks", "--all", &program.number()]);
    assert!(String::from_utf8(whole.stdout).unwrap().contains("generator::"));
    assert!(program.row("nested").contains("  sleep"));
}

#[test]
fn it_reads_a_deadlocked_program_and_a_stopped_one() {
    let program = Program::start("deadlock", 1);
    for _ in 0..2 {
        assert!(program.row("plato").ends_with("held by task 'kant'"));
        assert!(program.row("kant").ends_with("held by task 'plato'"));
        let stacks = program.read("stacks");
        assert!(stacks.contains("deadlock::{{closure}}") && stacks.contains("Mutex"), "{stacks}");
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
    assert!(stacks.contains("(stripped + 0x") && stacks.contains("tests/reader.rs:"), "{stacks}");
    // Its file may be gone by now.
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
    // It has ended, and was not waited for.
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
    for round in 0..40 {
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

/// Copies a program by a process of its own. What is open for writing here is so for a moment in
/// each child that another test starts just then, and cannot be run until that is over.
fn copy(from: impl AsRef<OsStr>, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// A folder of its own for a test, which goes with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("gocoro-reader-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
