//! How children end: by signals, with their handles, after them.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::process::unix::{CommandExt, ExitStatusExt};
use gocoro::process::{Command, Stdio};
use gocoro::task;
use gocoro::time::{io_deadline, sleep, timeout};

use super::{is_in_table, is_running, sh, sleeper, state};
use crate::support::{
    HANG, NEVER, SOON, assert_cancelled, in_both_colours, on_drop, on_workers, settle,
};

/// Lets others run until `condition` holds, as it will soon.
fn soon(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < HANG, "{what}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_child_with_kill_on_drop_is_gone_when_its_handle_is() {
    in_both_colours(|| {
        let child = sleeper().spawn().unwrap();
        let id = child.id();
        assert!(is_in_table(id));
        drop(child);
        assert!(!is_in_table(id));
        // A deadline around the drop does not hold for it, not even one that has passed.
        let child = sleeper().spawn().unwrap();
        let id = child.id();
        io_deadline(Instant::now(), || drop(child));
        assert!(!is_in_table(id));
        // One that has ended is not killed, and leaves no zombie either.
        let child = sh("exit 0").kill_on_drop(true).spawn().unwrap();
        let id = child.id();
        drop(child);
        assert!(!is_in_table(id));
    });
}

/// By a timeout, in `status` and `output`; by a cancel; by a panic.
#[test]
fn a_child_with_kill_on_drop_ends_with_the_code_that_started_it() {
    in_both_colours(|| {
        let (mut reader, writer) = gocoro::io::pipe().unwrap();
        let mut command = sleeper();
        command.stdin(writer);
        assert!(timeout(SOON, || command.status()).is_err());
        assert!(timeout(SOON, || command.output()).is_err());
        let panics = std::panic::AssertUnwindSafe(|| {
            let _child = command.spawn().unwrap();
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        drop(command);
        // All that had the writer are gone.
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
    on_workers(|_| {
        let (mut reader, writer) = gocoro::io::pipe().unwrap();
        let waits = go!({ sleeper().stdin(writer).status() });
        settle();
        waits.cancel();
        assert_cancelled(waits);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
}

/// Spawned, waited for in vain and dropped while its task unwinds.
#[test]
fn a_child_in_a_destructor_of_a_cancelled_task() {
    on_workers(|_| {
        let (tell, told) = std::sync::mpsc::channel();
        let task = go!({
            let _guard = on_drop(move || {
                let mut child = sleeper().spawn().unwrap();
                let error = child.wait().unwrap_err();
                assert!(error.get_ref().unwrap().is::<task::Cancelled>(), "{error}");
                let status = task::shield(|| sh("exit 6").status());
                let id = child.id();
                drop(child);
                tell.send((is_in_table(id), status.unwrap().code())).unwrap();
            });
            task::current().cancel();
            task::park();
        });
        assert_cancelled(task);
        assert_eq!(told.recv().unwrap(), (false, Some(6)));
    });
}

#[test]
fn a_child_that_is_dropped_goes_on_and_is_reaped_by_later_spawns() {
    in_both_colours(|| {
        let (mut reader, writer) = gocoro::io::pipe().unwrap();
        let child =
            sh("read x; echo done; exit 0").stdin(Stdio::piped()).stdout(writer).spawn().unwrap();
        let (id, mut child) = (child.id(), child);
        let mut stdin = child.stdin.take().unwrap();
        drop(child);
        assert!(is_in_table(id));
        std::io::Write::write_all(&mut stdin, b"\n").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "done\n");
        soon("its zombie stays", || {
            assert!(Command::new("true").status().unwrap().success());
            !is_in_table(id)
        });
    });
}

#[test]
fn a_child_that_ignores_being_asked_to_end_is_killed() {
    in_both_colours(|| {
        let mut child = sh("trap '' TERM; echo ready; while :; do sleep 1000 & wait; done")
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        child.send_signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait_timeout(10 * SOON).unwrap(), None);
        child.kill_group().unwrap();
        let status = child.wait_timeout(NEVER).unwrap().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_child_is_stopped_and_goes_on() {
    in_both_colours(|| {
        let mut child = sleeper().spawn().unwrap();
        child.send_signal(libc::SIGSTOP).unwrap();
        soon("it does not stop", || state(child.id()) == Some('T'));
        // A stop is no end.
        assert_eq!(child.wait_timeout(SOON).unwrap(), None);
        child.send_signal(libc::SIGCONT).unwrap();
        soon("it does not go on", || state(child.id()) == Some('S'));
        child.send_signal(libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        let (mut child, invalid) = (sleeper().spawn().unwrap(), 12345);
        assert_eq!(child.send_signal(invalid).unwrap_err().kind(), ErrorKind::InvalidInput);
        // The child leads no group, and this process's group is not taken for one of the child's.
        let error = child.kill_group().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
        assert!(is_running(&child));
    });
}

/// The group's members hold the pipe open.
#[test]
fn a_group_is_killed_with_all_that_the_child_has_started() {
    in_both_colours(|| {
        let mut child = sh("sleep 100000 & sleep 100000 & echo ready; wait")
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 6]).unwrap();
        child.kill_group().unwrap();
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));

        // What is left of it after the child's end: reached, or refused where the kernel is older.
        let mut child = sh("sleep 100000 & echo ready")
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let group = child.id() as i32;
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 6]).unwrap();
        assert!(child.wait().unwrap().success());
        if let Err(error) = child.kill_group() {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            // SAFETY: the call takes numbers alone, and the group has a member.
            assert_eq!(unsafe { libc::killpg(group, libc::SIGKILL) }, 0);
        }
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    });
}
