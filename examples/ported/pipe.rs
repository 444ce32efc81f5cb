// pipe: runs commands of which each reads what the one before it writes.
//
//     pipe [-v] COMMAND...
//
// -v  tells on standard error how much has gone through each joint
//
// The commands are for the shell. The first one has this program's standard input, and the last one
// its standard output. The program fails as the last command does that fails; one that is ended
// because nobody reads it any more has not failed.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;

/// What the kernel ends a program with that writes to where nobody reads.
const SIGPIPE: i32 = 13;

/// Whether a command was ended because nobody read it any more. The shell reports the signal of a
/// program that it has run as a code.
fn was_unread(status: ExitStatus) -> bool {
    status.signal() == Some(SIGPIPE) || status.code() == Some(128 + SIGPIPE)
}

/// Copies until one side is closed. Returns how much has gone through.
fn pump(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        match to.write_all(&buffer[..count]) {
            Ok(()) => total += count as u64,
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(total),
            Err(e) => return Err(e),
        }
    }
}

fn start(commands: &[String]) -> io::Result<Vec<Child>> {
    let mut children: Vec<Child> = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let last = index + 1 == commands.len();
        let started = Command::new("sh")
            .args(["-c", command])
            .stdin(if index == 0 { Stdio::inherit() } else { Stdio::piped() })
            .stdout(if last { Stdio::inherit() } else { Stdio::piped() })
            .spawn();
        match started {
            Ok(child) => children.push(child),
            Err(e) => {
                for child in &mut children {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                return Err(e);
            }
        }
    }
    Ok(children)
}

/// Runs all commands to their ends. Returns how each ended, and what went through each joint.
fn run(commands: &[String]) -> io::Result<(Vec<ExitStatus>, Vec<u64>)> {
    let mut children = start(commands)?;
    let mut pumps = Vec::new();
    for index in 1..children.len() {
        let from = children[index - 1].stdout.take().expect("its output is piped");
        let to = children[index].stdin.take().expect("its input is piped");
        let thread = thread::Builder::new().name(format!("joint {index}"));
        pumps.push(thread.spawn(move || pump(from, to))?);
    }
    let statuses = children.iter_mut().map(Child::wait).collect::<io::Result<_>>()?;
    let through = pumps.into_iter().map(|pump| pump.join().expect("a pump does not panic"));
    Ok((statuses, through.collect::<io::Result<_>>()?))
}

fn main() -> io::Result<ExitCode> {
    let mut commands: Vec<_> = env::args().skip(1).collect();
    let verbose = commands.first().is_some_and(|arg| arg == "-v");
    if verbose {
        commands.remove(0);
    }
    let (statuses, through) = run(&commands)?;
    if verbose {
        for (bytes, pair) in through.iter().zip(commands.windows(2)) {
            eprintln!("{} | {bytes} bytes | {}", pair[0], pair[1]);
        }
    }
    let mut code = ExitCode::SUCCESS;
    for (index, (command, status)) in commands.iter().zip(&statuses).enumerate() {
        let unread = was_unread(*status) && index + 1 < commands.len();
        if !status.success() && !unread {
            eprintln!("pipe: {command}: {status}");
            code = status.code().map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8));
        }
    }
    Ok(code)
}
