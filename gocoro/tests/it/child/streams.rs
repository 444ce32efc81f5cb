//! A child's standard streams.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use gocoro::go;
use gocoro::io::{self, BufferStream, Pollable, Read, Tee, Write};
use gocoro::process::unix::CommandExt;
use gocoro::process::{Command, Stdio};
use gocoro::select;
use gocoro::time::timeout;

use super::{sh, sleeper};
use crate::support::{HANG, SOON, in_both_colours, skipped};

/// A script whose input is captured, and whose output goes to a capture and to the parent's.
#[test]
fn a_script_with_captured_input_and_output() {
    in_both_colours(|| {
        let mut child = sh("sleep 0.1; read a; echo a=$a")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (source, mut feed) = io::pipe().unwrap();
        let (captured_input, mut input_capture) = BufferStream::bounded(1024);
        let mut stdin = child.stdin.take().unwrap();
        let feeding = go!({ io::copy(&mut Tee::new(source, &mut input_capture), &mut stdin) });
        let (captured, mut capture) = BufferStream::bounded(1024);
        let stdout = child.stdout.take().unwrap();
        let teeing = go!({ io::copy(&mut Tee::new(stdout, io::stderr()), &mut capture) });

        feed.write_all(b"5\n").unwrap();
        drop(feed);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!((feeding.wait().unwrap(), teeing.wait().unwrap()), (2, 4));
        let text = |stream| std::io::read_to_string(stream).unwrap();
        assert_eq!((text(captured_input), text(captured)), ("5\n".into(), "a=5\n".into()));
    });
}

/// `dd` between two pipes; the same in one call; and with the parent's streams.
#[test]
fn a_copying_program_between_pipes() {
    in_both_colours(|| {
        let mut dd = Command::new("dd");
        dd.args(["bs=4096", "status=none"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = dd.spawn().unwrap();
        let text: Vec<u8> = (0..100_000).map(|n| n as u8).collect();
        let (mut stdin, input) = (child.stdin.take().unwrap(), text.clone());
        let writing = go!({ stdin.write_all(&input) });
        let mut read = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut read).unwrap();
        writing.wait().unwrap();
        assert!(read == text && child.wait().unwrap().success());

        let run = Command::new("dd").args(["if=/dev/zero", "bs=7", "count=1"]).output().unwrap();
        assert_eq!((run.status.code(), run.stdout), (Some(0), vec![0; 7]));
        assert!(!run.stderr.is_empty());

        dd.stdin(Stdio::null()).stdout(Stdio::inherit());
        assert_eq!(dd.status().unwrap().code(), Some(0));
    });
}

/// 3 MB to one and 2 MB to the other, in turn: whoever read one to its end first would hang.
#[test]
fn floods_of_both_pipes_are_read_at_once() {
    in_both_colours(|| {
        let script = "for n in 1 2 3 4 5; do
                head -c 600000 /dev/zero; head -c 400000 /dev/zero >&2
            done; exit 7";
        let output = sh(script).output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 2_000_000));
        assert_eq!(output.status.code(), Some(7));
        let mut child = sh(script);
        let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 2_000_000));
        // One of them alone.
        let child = sh(script).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (0, 2_000_000));
    });
}

/// One pipe ends long before the other.
#[test]
fn a_pipe_that_is_closed_early_ends_for_itself() {
    in_both_colours(|| {
        for script in
            ["exec >&-; head -c 300000 /dev/zero >&2", "exec 2>&-; head -c 300000 /dev/zero"]
        {
            let output = sh(script).output().unwrap();
            assert!(output.status.success());
            assert_eq!(output.stdout.len() + output.stderr.len(), 300_000);
        }
    });
}

/// The writer is told, and what the child had written is still there.
#[test]
fn a_child_that_dies_while_it_is_written_to() {
    in_both_colours(|| {
        let mut child = sh("head -c 100000; echo last >&2; kill -9 $$")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writing = go!({ stdin.write_all(&vec![7; 10_000_000]) });
        let output = child.wait_with_output().unwrap();
        assert_eq!(writing.wait().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(output.stdout == vec![7; 100_000] && output.stderr == b"last\n");
        assert_eq!(output.status.code(), None);
    });
}

#[test]
fn a_child_s_output_is_another_s_input() {
    in_both_colours(|| {
        let mut first = sh("printf 'b\\na\\n'").stdout(Stdio::piped()).spawn().unwrap();
        let sorted = Command::new("sort").stdin(first.stdout.take().unwrap()).output().unwrap();
        assert_eq!(sorted.stdout, b"a\nb\n");
        assert!(first.wait().unwrap().success());

        // And backwards: one's input is given to the other as its output.
        let mut last = sh("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        sh("echo text").stdout(last.stdin.take().unwrap()).status().unwrap();
        assert_eq!(last.wait_with_output().unwrap().stdout, b"text\n");
    });
}

/// `2>&1`: both streams are one pipe, which has the bytes in the order of the writes.
#[test]
fn output_and_errors_in_one_pipe() {
    in_both_colours(|| {
        const SCRIPT: &str = "for n in 1 2 3 4 5; do echo out $n; echo err $n >&2; done; exit 3";
        let expected: String = (1..=5).map(|n| format!("out {n}\nerr {n}\n")).collect();

        let (reader, writer) = io::pipe().unwrap();
        let mut command = sh(SCRIPT);
        command.stdout(Stdio::from(writer.try_clone().unwrap())).stderr(Stdio::from(writer));
        assert_eq!(command.status().unwrap().code(), Some(3));
        drop(command); // its ends of the pipe are closed
        assert_eq!(io::read_to_string(reader).unwrap(), expected);

        // Read while the child runs; and the one stream is none that `output` would capture.
        let (reader, writer) = io::pipe().unwrap();
        let reading = go!({ io::read_to_string(reader) });
        let mut command = sh(SCRIPT);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let output = command.output().unwrap();
        drop(command);
        assert_eq!((output.stdout, output.stderr), (vec![], vec![]));
        assert_eq!(reading.wait().unwrap(), expected);
    });
}

#[test]
fn a_dialogue_line_by_line() {
    in_both_colours(|| {
        let mut child = sh("while read n; do echo $((n + 1)); done")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for n in 0..100 {
            writeln!(&stdin, "{n}").unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), (n + 1).to_string());
        }
        drop(stdin);
        assert!(lines.next().is_none() && child.wait().unwrap().success());
    });
}

#[test]
fn output_and_room_are_arms_of_a_choice() {
    in_both_colours(|| {
        let mut child = sleeper().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        select! {
            readable(stdout) => panic!("it sleeps"),
            writable(stdin) -> room => room.unwrap(),
        }
        assert!(timeout(SOON, || (&stdin).write_all(&vec![0; 1 << 20])).is_err());
        select! {
            readable(stdout) => panic!("it sleeps"),
            writable(stdin) => panic!("it does not read"),
            wait(&mut child) -> _ => panic!("it sleeps"),
            default(SOON) => {}
        }
        child.kill().unwrap();
        select! {
            readable(stdout) -> end => end.unwrap(),
            default(HANG) => panic!("it hangs"),
        }
        assert_eq!({ stdout }.read(&mut [0; 8]).unwrap(), 0);
    });
}

/// The child's terminal is one that this process plays, as an editor or a test of a prompt does.
#[test]
fn a_child_in_a_terminal() {
    let Ok(master) = File::options().read(true).write(true).open("/dev/ptmx") else {
        return skipped("a child in a terminal, for there is no /dev/ptmx here");
    };
    drop(master);
    in_both_colours(|| {
        let master = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
        // SAFETY: the first call reads the number, the second takes flags alone. The descriptor
        // that it returns is new.
        let terminal = unsafe {
            let fd = master.as_raw_fd();
            assert_eq!(libc::ioctl(fd, libc::TIOCSPTLCK, &0), 0);
            let terminal = libc::ioctl(fd, libc::TIOCGPTPEER, libc::O_RDWR | libc::O_CLOEXEC);
            assert!(terminal >= 0);
            OwnedFd::from_raw_fd(terminal)
        };
        let mut command = sh("tty >/dev/null && read line </dev/tty && echo got $line");
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
        // SAFETY: both calls are safe in a forked child, and no memory is allocated.
        unsafe {
            command.stderr(terminal).pre_exec(|| {
                match libc::setsid() >= 0 && libc::ioctl(0, libc::TIOCSCTTY, 0) == 0 {
                    true => Ok(()),
                    false => Err(io::Error::last_os_error()),
                }
            });
        }
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        drop(command);
        let mut master = Pollable::new(master).unwrap();
        master.write_all(b"text\n").unwrap();
        let mut shown = Vec::new();
        // When the last who has the terminal is gone, there is an error in place of an end.
        let end = master.read_to_end(&mut shown).unwrap_err();
        assert_eq!(end.raw_os_error(), Some(libc::EIO));
        let shown = String::from_utf8_lossy(&shown).replace('\r', "");
        assert!(shown.contains("got text\n"), "{shown}");
        assert!(child.wait().unwrap().success());
    });
}
