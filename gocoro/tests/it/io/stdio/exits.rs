//! How programs end whose output nobody reads.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{ExitCode, Stdio};

use gocoro::go;
use gocoro::io::{Write, stdout};
use gocoro::time::timeout;

use super::kinds::Kind;
use super::{Asking, ask, output, polled, program, scenarios};
use crate::support::{SOON, until};

scenarios! {
    fails,
    fails_with_half_a_line,
    cancels,
    waits_for_the_reader,
    waits_for_a_flush,
}

/// Writes until nothing more fits.
fn fill() {
    drop(go!({ while writeln!(stdout(), "{:0>1000}", "end").is_ok() {} }));
    until(|| !polled(1, libc::POLLOUT));
}

/// The harness's child ends with the code of the program.
fn end(code: ExitCode) {
    let number = (0..=u8::MAX).find(|&number| ExitCode::from(number) == code).unwrap();
    // SAFETY: nothing else is to be done, and the harness's own words might find no room.
    unsafe { libc::_exit(i32::from(number)) }
}

fn fails() {
    #[gocoro::go_main(workers = 1)]
    fn main() -> ExitCode {
        fill();
        ExitCode::from(7)
    }
    end(main());
}

/// std's flush of its buffer at the end would wait for a reader.
fn fails_with_half_a_line() {
    #[gocoro::go_main(workers = 1, grace = "50ms")]
    fn main() -> ExitCode {
        print!("half a line");
        std::mem::forget(std::thread::spawn(|| {
            // Fills the pipe behind std's back, and leaves std's buffer as it is.
            let mut full = File::options().write(true).open("/proc/self/fd/1").unwrap();
            loop {
                std::io::Write::write_all(&mut full, &[b'x'; 4096]).unwrap();
            }
        }));
        until(|| !polled(1, libc::POLLOUT));
        ExitCode::from(7)
    }
    let _ = main();
    // The runtime ends this program itself, since std's flush at the end would wait for a reader.
    std::process::abort();
}

fn cancels() {
    #[gocoro::go_main(workers = 1, on_exit = "cancel")]
    fn main() {
        fill();
    }
    end(main());
}

#[test]
fn a_program_that_is_to_end_does_not_wait_for_a_reader() {
    for (scenario, code) in [("fails", 7), ("fails_with_half_a_line", 7), ("cancels", 0)] {
        println!("{scenario}");
        let (_ours, theirs) = Kind::Pipe.output();
        let mut command = program(scenario);
        command.stdin(Stdio::null()).stdout(theirs);
        let mut asking = Asking::spawn(command);
        assert_eq!(asking.next(), None);
        assert_eq!(asking.end().code(), Some(code), "{}", asking.said);
    }
}

const LINES: usize = 500;

fn waits_for_the_reader() {
    #[gocoro::go_main(workers = 1, grace = "0s")]
    fn main() {
        drop(go!({
            for number in 0..LINES {
                writeln!(stdout(), "{number:0>1000}").unwrap();
            }
            write!(stdout(), "half a line").unwrap();
        }));
        until(|| !polled(1, libc::POLLOUT));
        ask("read");
    }
    end(main());
}

/// The blocking pool has std's lock, which std's own flush at the end passes by.
fn waits_for_a_flush() {
    #[gocoro::go_main(workers = 1)]
    fn main() {
        print!("half a line");
        output::fill();
        assert!(timeout(SOON, || stdout().flush()).is_err());
        ask("read");
    }
    end(main());
}

#[test]
fn a_program_that_ends_by_itself_waits_for_its_reader() {
    let last = format!("{:0>1000}\n", LINES - 1);
    for (scenario, last) in [("waits_for_the_reader", &*last), ("waits_for_a_flush", "half a line")]
    {
        println!("{scenario}");
        let (ours, theirs): (OwnedFd, OwnedFd) = Kind::Pipe.output();
        let mut command = program(scenario);
        command.stdin(Stdio::null()).stdout(theirs);
        let mut asking = Asking::spawn(command);
        assert_eq!(asking.next().as_deref(), Some("read"));
        let mut text = String::new();
        File::from(ours).read_to_string(&mut text).unwrap();
        assert_eq!(asking.end().code(), Some(0), "{}", asking.said);
        assert!(text.contains(last));
    }
}
