//! No operation leaves a descriptor non-blocking: the mode belongs to all that share the
//! description, other processes too.

use std::fs;
use std::io;
use std::os::fd::BorrowedFd;

use gocoro::task;
use gocoro::time::timeout;

use super::list::{Make, Op, WAITS};
use crate::support::{SOON, passes_alone, scenario, settle};
use crate::tcp::{Colour, raw};

const MODES: &str = "sockets::modes";

/// In a process of its own, where all descriptors are those of one operation.
#[test]
fn none_is_left_nonblocking() {
    passes_alone("sockets::modes::modes_after_operations", MODES);
}

#[test]
fn modes_after_operations() {
    if scenario().as_deref() != Some(MODES) {
        return;
    }
    let mut count = 0;
    for (name, make) in WAITS {
        println!("{name}");
        for colour in [Colour::Task, Colour::Thread] {
            let seen = colour.spawn(move || {
                let mut op = make()?;
                assert!(timeout(SOON, &mut op).is_err());
                io::Result::Ok(looked_at(op))
            });
            count += seen.wait().unwrap();
        }
        count += cancelled(*make);
    }
    // Some operations are on no descriptor that is still there.
    assert!(count > 2 * WAITS.len(), "{count}");
}

/// Cancels an operation while it waits, and looks then.
fn cancelled(make: Make) -> usize {
    Colour::Task
        .spawn(move || {
            let mut op = make().unwrap();
            task::scope(|s| {
                let task = s.spawn(&mut op);
                settle();
                task.cancel();
                assert!(task.join().unwrap_err().is_cancelled());
            });
            looked_at(op)
        })
        .wait()
}

/// Looks at each socket, pipe and terminal of the process, and says how many that were.
fn looked_at(op: Op) -> usize {
    let mut count = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let kind = fs::read_link(&path).unwrap_or_default();
        let is_of_interest = ["socket:", "pipe:", "/dev/pts"]
            .iter()
            .any(|kinds| kind.to_string_lossy().starts_with(kinds));
        if !is_of_interest || number < 3 {
            continue;
        }
        // SAFETY: the operation keeps its descriptors open; nothing else runs in this process.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        // A listener is non-blocking while gocoro holds it, as its docs say.
        let is_listener = raw::is_listening(fd).unwrap_or(false);
        assert!(is_listener || !raw::is_nonblocking(fd).unwrap(), "{number} is {kind:?}");
        count += 1;
    }
    drop(op);
    count
}
