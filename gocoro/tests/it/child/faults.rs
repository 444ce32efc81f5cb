//! What goes wrong in the system, each in a process of its own.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use gocoro::go;
use gocoro::process::{Command, Stdio};
use gocoro::select;
use gocoro::time::{io_deadline, timeout};

use super::{children, sh, sleeper};
use crate::fs::Folder;
use crate::support::{
    Colour, HANG, NEVER, SOON, in_both_colours, passes_alone, scenario, with_workers,
};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Fills the process's table of descriptors, runs `f`, and empties it again.
fn with_full_table<T>(f: impl FnOnce() -> T) -> T {
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call stores to the struct.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut before) }, 0);
    let set = |rlim_cur| {
        let limit = libc::rlimit { rlim_cur, rlim_max: before.rlim_max };
        // SAFETY: the call reads the struct.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    };
    set(open_descriptors() as libc::rlim_t + 16);
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
    }
    let result = f();
    drop(held);
    set(before.rlim_cur);
    result
}

const TABLE: &str = "child::table";

#[test]
fn a_full_table_of_descriptors() {
    passes_alone("child::faults::in_a_full_table", TABLE);
}

#[test]
fn in_a_full_table() {
    if scenario().as_deref() != Some(TABLE) {
        return;
    }
    in_both_colours(|| {
        // What is needed once is there.
        assert!(Command::new("true").status().unwrap().success());
        let before = open_descriptors();
        let mut command = sh("exit 3");
        let (failed, ends, mut child) = with_full_table(|| {
            let failed = command.stdin(Stdio::piped()).spawn().map(drop);
            // One that needs no pipe is started, and has no descriptor to be waited by.
            command.stdin(Stdio::inherit());
            let first = command.status().map(|status| status.code());
            let mut second = command.spawn().unwrap();
            let second = select! {
                wait(&mut second) -> status => status.map(|status| status.code()),
                default(HANG) => panic!("it hangs"),
            };
            let mut child = sleeper().spawn().unwrap();
            assert_eq!(child.try_wait().unwrap(), None);
            assert!(timeout(SOON, || child.wait()).is_err());
            assert_eq!(child.wait_timeout(SOON).unwrap(), None);
            let late = io_deadline(Instant::now(), || select! { wait(&mut child) -> r => r });
            assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
            let is_over = select! {
                wait(&mut child) -> _ => true,
                default(SOON) => false,
            };
            assert!(!is_over);
            drop(sleeper().spawn().unwrap());
            (failed, [first, second], child)
        });
        assert_eq!(failed.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        assert_eq!(ends.map(Result::unwrap), [Some(3); 2]);
        // There is room in the table again, so the child gets its descriptor now.
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        assert_eq!(open_descriptors(), before + 1);
        assert_eq!(children(), [child.id()]);
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None);
        drop(child);
        assert_eq!((open_descriptors(), children()), (before, vec![]));
    });
}

const IGNORED: &str = "child::ignored";

#[test]
fn a_program_that_ignores_the_ends_of_its_children() {
    passes_alone("child::faults::where_ends_are_ignored", IGNORED);
}

/// The system keeps no status: std waits for the end, and says so.
#[test]
fn where_ends_are_ignored() {
    if scenario().as_deref() != Some(IGNORED) {
        return;
    }
    // SAFETY: no handler is set.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    in_both_colours(|| {
        let is_lost = |error: io::Error| error.raw_os_error() == Some(libc::ECHILD);
        let mut std = std::process::Command::new("true").spawn().unwrap();
        assert!(is_lost(std.wait().unwrap_err()));

        let (mut reader, writer) = gocoro::io::pipe().unwrap();
        let mut child =
            sh("read x; echo end").stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
        let stdin = child.stdin.take();
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        drop(stdin);
        assert!(is_lost(child.wait().unwrap_err()));
        // A `wait` whose status is lost has waited for the end all the same.
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "end\n");
        assert!(is_lost(child.wait().unwrap_err()) && is_lost(child.try_wait().unwrap_err()));
        assert!(is_lost(select! { wait(&mut child) -> r => r }.unwrap_err()));
        child.kill().unwrap();
        drop(child);
        assert!(is_lost(sh("echo x").output().unwrap_err()));
        let mut child = sleeper().spawn().unwrap();
        child.kill().unwrap();
        assert!(is_lost(child.wait_timeout(NEVER).unwrap_err()));
        drop(sleeper().spawn().unwrap());
        assert_eq!(children(), [0; 0]);
    });
}

const LEAKS: &str = "child::leaks";

#[test]
fn nothing_is_left_of_children() {
    passes_alone("child::faults::after_many_children", LEAKS);
}

/// Neither zombies nor descriptors, however they were started and ended.
#[test]
fn after_many_children() {
    if scenario().as_deref() != Some(LEAKS) {
        return;
    }
    let round = || {
        assert!(Command::new("/no/such").spawn().is_err());
        assert!(Command::new("/etc/passwd").output().is_err());
        sh("exit 1").status().unwrap();
        sh("echo x; echo y >&2").output().unwrap();
        let mut child = sh("cat");
        drop(child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
        let _ = timeout(SOON, || sleeper().output());
        let mut child = sleeper().spawn().unwrap();
        child.kill().unwrap();
        select! { wait(child) -> status => assert!(!status.unwrap().success()) }
        drop(sh("exit 0").kill_on_drop(true).spawn().unwrap());
        let all: Vec<_> = (0..20).map(|_| go!({ sh("exit 0").status().unwrap() })).collect();
        all.into_iter().for_each(|child| assert!(child.wait().success()));
    };
    for workers in [1, 4] {
        let runtime = with_workers(workers);
        runtime.run(round);
        let before = open_descriptors();
        (0..5).for_each(|_| runtime.run(round));
        assert_eq!(open_descriptors(), before);
    }
    Colour::Thread.run(0, round);
    // Later spawns ask for the children that were dropped.
    let begun = Instant::now();
    while !children().is_empty() {
        assert!(begun.elapsed() < HANG, "zombies: {:?}", children());
        drop(Command::new("true").kill_on_drop(true).spawn());
    }
}

const NO_INPUT: &str = "child::no_input";

#[test]
fn a_program_without_a_standard_input() {
    passes_alone("child::faults::with_no_standard_input", NO_INPUT);
}

fn is_free(fd: i32) -> bool {
    // SAFETY: the call takes numbers alone.
    unsafe { libc::fcntl(fd, libc::F_GETFD) == -1 }
}

/// Runs `f` while number 0 is free, which it has to be again at its end.
fn without_input(f: impl FnOnce()) {
    let input = io::stdin().as_fd().try_clone_to_owned().unwrap();
    // SAFETY: the number is that of the standard input, which nobody uses in this process.
    assert_eq!(unsafe { libc::close(0) }, 0);
    f();
    assert!(is_free(0));
    // SAFETY: the number is free, so nobody loses what it stands for.
    assert_eq!(unsafe { libc::dup2(input.as_raw_fd(), 0) }, 0);
}

/// What children find in place of an input, and what their parent is told.
macro_rules! told {
    ($name:ident, $Command:ty, $File:ty) => {
        fn $name(path: &Path) -> Vec<String> {
            const LOOK: &str = "cat; echo $?; test -e /proc/self/fd/0; echo $?; exit 3";
            let sh = |script: &str| {
                let mut command = <$Command>::new("sh");
                command.args(["-c", script]);
                command
            };
            let shown = |result: io::Result<Output>| match result {
                Ok(Output { status, stdout, stderr }) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    format!("{:?} {:?} {:?}", status.code(), text(&stdout), text(&stderr))
                }
                Err(error) => format!("{error:?}"),
            };
            let status = |script: &str| match sh(script).stderr(Stdio::null()).status() {
                Ok(status) => format!("{:?}", status.code()),
                Err(error) => format!("{error:?}"),
            };
            let dialogue = || {
                let mut command = sh("read a; echo got $a; read b; echo end $b; exit 4");
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                let mut stdin = child.stdin.take().unwrap();
                stdin.write_all(b"1\n")?;
                let mut answer = [0; 6];
                child.stdout.as_mut().unwrap().read_exact(&mut answer)?;
                assert_eq!(&answer, b"got 1\n");
                stdin.write_all(b"2\n")?;
                drop(stdin);
                child.wait_with_output()
            };
            let mut seen = vec![
                status("test -e /proc/self/fd/0"),
                status("cat >/dev/null"),
                shown(sh(LOOK).output()),
                shown(sh(LOOK).stdin(Stdio::inherit()).output()),
                shown(sh(LOOK).stdin(Stdio::null()).output()),
                shown(sh(LOOK).stdin(<$File>::open(path).unwrap()).output()),
                shown(dialogue()),
            ];
            // The file may have got the number 0, which is free.
            let file = <$File>::open(path).unwrap();
            seen.push(shown(sh(LOOK).stdin(Stdio::inherit()).output()));
            seen.push(shown(sh(LOOK).stdin(file).output()));
            seen
        }
    };
}

told!(told_by_std, std::process::Command, File);
told!(told_by_gocoro, Command, gocoro::fs::File);

/// A pipe and a file have the number, and are used and closed as any.
fn use_number_0(path: &Path) {
    let (mut reader, writer) = gocoro::io::pipe().unwrap();
    assert_eq!(reader.as_raw_fd(), 0);
    assert!(timeout(SOON, || reader.read(&mut [0])).is_err());
    let mut command = sh("sleep 0.01; echo text");
    let mut child = command.stdout(writer).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "text\n");
    assert!(child.wait().unwrap().success());
    drop(reader);
    assert!(is_free(0));

    let mut file = gocoro::fs::File::open(path).unwrap();
    assert_eq!(file.as_raw_fd(), 0);
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes).unwrap();
    let clone = file.try_clone().unwrap();
    assert_ne!(clone.as_raw_fd(), 0);
    drop(file);
    assert!(is_free(0));
    // The position is the clone's, too.
    assert_eq!((&bytes, &*io::read_to_string(clone).unwrap()), (b"some", " text"));
}

/// Everything is as with std; whoever is given the free number can use it.
#[test]
fn with_no_standard_input() {
    if scenario().as_deref() != Some(NO_INPUT) {
        return;
    }
    fn compare(path: &Path) {
        let (by_std, by_gocoro) = (told_by_std(path), told_by_gocoro(path));
        println!("{by_std:#?}");
        assert_eq!(by_gocoro, by_std);
    }
    in_both_colours(|| {
        let folder = Folder::new();
        let path = folder.file("file", "some text");
        // What is needed once is there.
        let with_input = told_by_gocoro(&path);
        let before = open_descriptors();
        without_input(|| {
            compare(&path);
            assert_ne!(told_by_gocoro(&path), with_input);
            use_number_0(&path);
        });
        assert_eq!((open_descriptors(), children()), (before, vec![]));
    });
    // A runtime's own descriptors have the number.
    without_input(|| {
        with_workers(1).run(|| {
            assert!(!is_free(0));
            let folder = Folder::new();
            compare(&folder.file("file", "some text"));
        });
    });
    assert_eq!(children(), [0; 0]);
}
