//! What a SIGQUIT has a program print: each is this test program once more, running `child` alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::{hint, thread};

use gocoro::io::PipeReader;
use gocoro::runtime::Builder;
use gocoro::signal::{SIGQUIT, SIGUSR1};
use gocoro::sync::Mutex;
use gocoro::time::sleep;
use gocoro::{channel, go, io, task};

use super::programs::Program;
use super::{has_default, listen, raise};
use crate::support::{NEVER, Scenario, play, scenario, settle, until};

const SCENARIOS: &[Scenario] = &[
    ("works", works::main),
    ("stuck", stuck::main),
    ("closed", closed::main),
    ("full", full::main),
    ("listens", listens::main),
    ("off", off::main),
    ("replaced", replaced::main),
    ("forks", forks::main),
    ("ignored", ignored::main),
    ("by_hand", by_hand),
];

#[test]
fn child() {
    let Some(name) = scenario() else { return };
    play(SCENARIOS, &name);
}

/// The last line of each dump.
const END: &str = "gocoro: end of the dump\n";

/// A running program, and what it says on standard error.
struct Asked {
    program: Program,
    errors: BufReader<ChildStderr>,
}

/// Starts a program, with the default for the signal, or with the signal ignored.
fn start_with(name: &str, workers: usize, action: libc::sighandler_t) -> Program {
    Program::of("signal::quits::child", name, workers, |command| {
        let prepare = move || {
            let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: these are calls that a forked child may make.
            unsafe {
                libc::signal(SIGQUIT, action);
                libc::setrlimit(libc::RLIMIT_CORE, &no_core);
            }
            Ok(())
        };
        // SAFETY: as above.
        unsafe { command.pre_exec(prepare) };
    })
}

fn start(name: &str, workers: usize) -> Program {
    start_with(name, workers, libc::SIG_DFL)
}

impl Asked {
    fn start(name: &str, workers: usize) -> Asked {
        let mut program = start(name, workers);
        program.says("ready");
        let errors = BufReader::new(program.child.stderr.take().unwrap());
        Asked { program, errors }
    }

    /// Sends the signal, and reads until the dump has ended.
    fn dump(&mut self) -> String {
        self.program.gets(SIGQUIT);
        dump_from(&mut self.errors)
    }

    /// Has the program end, which it does well, and without another word.
    fn ends(mut self) -> String {
        let (end, out, _) = self.program.gets(SIGUSR1).ends();
        assert_eq!(end, Ok(0));
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        out
    }
}

fn dump_from(errors: &mut impl BufRead) -> String {
    let mut dump = String::new();
    while !dump.ends_with(END) {
        assert_ne!(errors.read_line(&mut dump).unwrap(), 0, "no end of: {dump}");
    }
    println!("{dump}");
    dump
}

mod works {
    use super::*;

    /// Tasks that wait, among others that never stop.
    #[gocoro::go_main]
    pub(super) fn main() {
        let mut signals = listen(SIGUSR1);
        let over = std::sync::Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let over = over.clone();
                let (to, from) = channel::bounded(1);
                go!({
                    let echo = go!({ from.iter().count() });
                    let mut sent = 0;
                    while !over.load(SeqCst) {
                        to.send(sent).unwrap();
                        sent += 1;
                    }
                    drop(to);
                    assert_eq!(echo.wait(), sent);
                })
            })
            .collect();
        let (sender, receiver) = channel::bounded::<i32>(1);
        let lock = std::sync::Arc::new(Mutex::new(0));
        let held = lock.lock().unwrap();
        let theirs = lock.clone();
        let locker = go!(name = "locker" => { *theirs.lock().unwrap() += 1 });
        let reader = go!(name = "reader" => { receiver.recv() });
        let alike: Vec<_> = (0..100).map(|_| go!({ task::park() })).collect();
        let sleeper = go!(name = "sleeper" => { sleep(NEVER) });
        settle();
        println!("ready");
        assert_eq!(signals.next(), Some(SIGUSR1));
        over.store(true, SeqCst);
        load.into_iter().for_each(|task| task.wait());
        sender.send(7).unwrap();
        assert_eq!(reader.wait(), Ok(7));
        drop(held);
        locker.wait();
        alike.iter().for_each(|task| task.task().unpark());
        alike.into_iter().for_each(|task| task.wait());
        sleeper.cancel();
        assert!(sleeper.join().is_err());
        println!("all is well");
    }
}

#[test]
fn a_program_under_load_says_what_each_task_waits_for_and_goes_on() {
    for workers in [1, 4] {
        let mut asked = Asked::start("works", workers);
        for _ in 0..2 {
            // A worker without a processor does not answer in time.
            let mut dumps = (0..100).map(|_| asked.dump());
            let dump = dumps.find(|dump| !dump.contains("not answer")).expect("a whole dump");
            drop(dumps);
            let has = |name: &str, what: &str| {
                let line = dump.lines().find(|line| line.contains(name));
                let line = line.unwrap_or_else(|| panic!("no {name} in: {dump}"));
                assert!(line.contains(file!()) && line.contains(what), "{line}");
            };
            assert!(dump.starts_with("gocoro: SIGQUIT: what tasks do\nruntime "), "{dump}");
            has("task 'main' (", "): a signal for ");
            has("task 'reader' (", "): recv on a channel created at ");
            has("task 'locker' (", " held by task 'main' for ");
            has("task 'sleeper' (", "): sleep for ");
            has("  100 tasks (", "): park for ");
        }
        assert!(asked.ends().contains("all is well"));
    }
}

mod stuck {
    use super::*;

    /// Every worker computes until a plain thread hears of a signal.
    #[gocoro::go_main(stall = "off")]
    pub(super) fn main() {
        static OVER: AtomicBool = AtomicBool::new(false);
        let mut signals = listen(SIGUSR1);
        thread::spawn(move || {
            assert_eq!(signals.next(), Some(SIGUSR1));
            OVER.store(true, SeqCst);
        });
        fn spin() {
            while !OVER.load(SeqCst) {
                hint::spin_loop();
            }
        }
        let others = std::env::var("GOCORO_WORKERS").unwrap().parse::<usize>().unwrap() - 1;
        let (begun, has_begun) = std::sync::mpsc::channel();
        for _ in 0..others {
            let begun = begun.clone();
            drop(go!({
                begun.send(()).unwrap();
                spin();
            }));
        }
        for _ in 0..others {
            // Blocks this worker, so that another one has the task.
            has_begun.recv().unwrap();
        }
        println!("ready");
        spin();
    }
}

#[test]
fn a_program_whose_workers_are_stuck_answers() {
    for (workers, words) in
        [(1, "\n1 worker does not answer\n"), (2, "\n2 workers do not answer\n")]
    {
        let mut asked = Asked::start("stuck", workers);
        for _ in 0..2 {
            let dump = asked.dump();
            assert!(dump.contains(words), "{dump}");
        }
        asked.ends();
    }
}

/// Lets `fd` be standard error. Returns what was standard error.
fn replace_stderr(fd: &OwnedFd) -> OwnedFd {
    let old = io::stderr();
    let old = std::os::fd::AsFd::as_fd(&old).try_clone_to_owned().unwrap();
    // SAFETY: no pointers. Both descriptors are open, and nobody relies on what the second one is.
    assert_eq!(unsafe { libc::dup2(fd.as_raw_fd(), 2) }, 2);
    old
}

mod closed {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        let (reader, writer) = std::io::pipe().unwrap();
        // SAFETY: no pointers, and this program has no other use for standard error.
        assert_eq!(unsafe { libc::close(2) }, 0);
        for _ in 0..3 {
            raise(SIGQUIT);
            settle();
        }
        // SAFETY: as above.
        assert_eq!(unsafe { libc::dup2(writer.as_raw_fd(), 2) }, 2);
        raise(SIGQUIT);
        let dump = dump_from(&mut BufReader::new(PipeReader::from(OwnedFd::from(reader))));
        assert!(dump.contains("task 'main'"));
    }
}

#[test]
fn a_closed_standard_error_is_no_matter() {
    for workers in [1, 2] {
        assert_eq!(start("closed", workers).ends().0, Ok(0));
    }
}

mod full {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let room = 16 * 4096;
        writer.write_all(&vec![b'\n'; room]).unwrap();
        let old = replace_stderr(&writer.into());
        raise(SIGQUIT);
        // Other tasks go on meanwhile.
        let (to, from) = channel::bounded(1);
        let echo = go!({ from.iter().count() });
        (0..1000).for_each(|n| to.send(n).unwrap());
        drop(to);
        assert_eq!(echo.wait(), 1000);
        if std::env::var("GOCORO_WORKERS").unwrap() == "1" {
            // Once somebody reads, whoever asks is answered.
            let reader = PipeReader::from(OwnedFd::from(reader));
            raise(SIGQUIT);
            dump_from(&mut BufReader::new(reader));
            replace_stderr(&old);
        } else {
            // The end of the program does not wait for anybody.
            replace_stderr(&old);
            std::mem::forget(reader);
        }
    }
}

#[test]
fn a_standard_error_that_nobody_reads_keeps_nobody() {
    for workers in [1, 2] {
        assert_eq!(start("full", workers).ends().0, Ok(0));
    }
}

mod listens {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        let mut signals = listen(SIGUSR1);
        signals.add_signal(SIGQUIT).unwrap();
        raise(SIGQUIT);
        assert_eq!(signals.next(), Some(SIGQUIT));
        drop(signals);
        // As without dumps, the default does not come back.
        raise(SIGQUIT);
        settle();
    }
}

#[test]
fn a_program_that_listens_itself_has_the_last_word() {
    let (end, _, errors) = start("listens", 2).ends();
    assert_eq!((end, &*errors), (Ok(0), ""));
}

mod off {
    use super::*;

    #[gocoro::go_main(sigquit = "off")]
    pub(super) fn main() {
        println!("ready");
        sleep(NEVER);
    }
}

mod replaced {
    use super::*;

    #[gocoro::go_main(sigquit = "dump")]
    pub(super) fn main() {
        // SAFETY: no pointers.
        unsafe { libc::signal(SIGQUIT, libc::SIG_DFL) };
        println!("ready");
        sleep(NEVER);
    }
}

#[test]
fn a_signal_that_is_left_alone_ends_the_program() {
    for name in ["off", "replaced"] {
        let (end, _, errors) = start(name, 1).says("ready").gets(SIGQUIT).ends();
        assert_eq!((end, &*errors), (Err(SIGQUIT), ""), "{name}");
    }
}

mod forks {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        // SAFETY: the child makes calls only that a forked child may make.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                libc::raise(SIGQUIT);
                libc::_exit(7);
            }
        }
        let mut status = 0;
        // SAFETY: `status` is a place for a number.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status), "{status}");
        assert_eq!(libc::WTERMSIG(status), SIGQUIT);
    }
}

#[test]
fn a_forked_child_is_ended_by_it_and_its_parent_does_not_hear_of_it() {
    let (end, _, errors) = start("forks", 2).ends();
    assert_eq!((end, &*errors), (Ok(0), ""));
}

mod ignored {
    use super::*;

    #[gocoro::go_main]
    pub(super) fn main() {
        raise(SIGQUIT);
        settle();
    }
}

#[test]
fn a_signal_that_was_ignored_from_the_start_is_not_answered() {
    let (end, _, errors) = start_with("ignored", 1, libc::SIG_IGN).ends();
    assert_eq!((end, &*errors), (Ok(0), ""));
}

fn by_hand() -> ExitCode {
    let runtime = Builder::new().workers(2).build().unwrap();
    runtime.run(|| until(|| has_default(SIGQUIT)));
    ExitCode::SUCCESS
}

#[test]
fn runtimes_made_by_hand_leave_the_signal_alone() {
    assert_eq!(start("by_hand", 1).ends().0, Ok(0));
}
