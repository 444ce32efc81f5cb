//! Children are started, waited for and killed although nothing can be thrown at those who wait.

use gocoro::io::{ErrorKind, Write};
use gocoro::process::{Command, Stdio};
use gocoro::time::io_deadline;
use gocoro::{go, select};
use std::path::Path;
use std::time::{Duration, Instant};

fn all() {
    let output = Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"out\n"[..]));
    assert_eq!(Command::new("/no/such").spawn().unwrap_err().kind(), ErrorKind::NotFound);

    let mut command = Command::new("sleep");
    command.arg("100000").stdin(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let soon = || Instant::now() + Duration::from_millis(5);
    let late = io_deadline(soon(), || child.wait());
    assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(child.wait_timeout(Duration::from_millis(5)).unwrap(), None);
    select! {
        wait(&mut child) -> _ => panic!("it sleeps"),
        default(Duration::from_millis(5)) => {}
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None);

    // One that dies while it is written to.
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = go!({ stdin.write_all(&[0; 1 << 20]) });
    let id = child.id();
    drop(child);
    assert_eq!(writing.wait().unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}

fn main() {
    all(); // on a plain thread
    go!(all()).wait();
    // A cancel is a flag: the wait goes on to its end.
    let waits = go!({ Command::new("sh").args(["-c", "exit 4"]).status().unwrap().code() });
    waits.cancel();
    println!("{:?}", waits.join().ok().flatten());
}
