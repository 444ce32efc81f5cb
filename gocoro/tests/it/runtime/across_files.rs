//! Files and children that were made in one runtime are used in another, after its end.

use std::cell::RefCell;
use std::io::{Read, Seek, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::{fs as std_fs, thread};

use gocoro::fs::{self, File};
use gocoro::go;
use gocoro::io::{self, pipe};
use gocoro::process::Stdio;
use gocoro::runtime::LocalRuntime;
use gocoro::time::{sleep, timeout};

use super::across::{Home, in_pairs, talk};
use crate::child::{sh, sleeper};
use crate::fs::slow::Slow;
use crate::fs::{Folder, fifo};
use crate::support::{SOON, bounded, settle, until, with_workers};

/// One on a disk, and one that only a thread of the pool can read.
#[test]
fn a_file_outlives_the_runtime_that_read_it() {
    in_pairs(|mut first, mut second| {
        let folder = Folder::new();
        let paths = [folder.file("file", &"some text ".repeat(100)), "/proc/self/limits".into()];
        let files = first.run(|| {
            paths.each_ref().map(|path| {
                let mut file = File::open(path).unwrap();
                file.read_exact(&mut [0; 10]).unwrap();
                (file.try_clone().unwrap(), file)
            })
        });
        drop(first);
        second.run(|| {
            for ((mut clone, mut file), path) in files.into_iter().zip(&paths) {
                let whole = std_fs::read(path).unwrap();
                assert_eq!(clone.stream_position().unwrap(), 10);
                let mut bytes = [0; 10];
                clone.read_exact(&mut bytes).unwrap();
                assert_eq!(bytes, whole[10..20]);
                let mut rest = Vec::new();
                file.read_to_end(&mut rest).unwrap();
                assert!(rest == whole[20..], "{path:?}");
            }
        });
    });
}

/// The end of the runtime waits for the read that runs, and takes away who waits for the position.
#[test]
fn a_runtime_that_ends_leaves_the_position_of_a_file_free() {
    in_pairs(|mut first, mut second| {
        let Some(slow) = Slow::mount() else { return };
        let slow = Arc::new(slow);
        let file = Arc::new(first.run(|| File::open(slow.path()).unwrap()));
        let read = |home: &Home| {
            let file = file.clone();
            home.spawn(move || (&*file).read(&mut [0; 10]))
        };
        let running = read(&first);
        first.run(|| until(|| slow.reads() == 1));
        let waits = read(&first);
        first.run(settle);
        let theirs = slow.clone();
        let answers = thread::spawn(move || {
            sleep(SOON); // so that the end has to wait, mostly
            theirs.answer();
        });
        drop(first);
        // Neither blocks the thread for long: the read has ended.
        answers.join().unwrap();
        assert_eq!(running.join().unwrap().unwrap(), 10);
        assert!(waits.join().unwrap_err().is_cancelled());

        let goes_on = read(&second);
        second.run(|| {
            until(|| slow.reads() == 1);
            slow.answer();
        });
        assert_eq!(second.wait_for(goes_on).unwrap(), 10);
        assert_eq!(second.run(|| (&*file).stream_position().unwrap()), 20);
    });
}

#[test]
fn a_named_pipe_outlives_the_runtime_that_waited_for_it() {
    in_pairs(|mut first, mut second| {
        let (reader, writer) = first.run(|| fifo::ends().unwrap());
        let clones = (writer.try_clone().unwrap(), reader.try_clone().unwrap());
        first.run(|| talk(clones.0, clones.1));
        let mut reading = reader.try_clone().unwrap();
        let waits = first.spawn(move || reading.read(&mut [0]).map(drop));
        first.run(settle);
        drop(first);
        assert!(waits.join().unwrap_err().is_cancelled());
        second.run(|| talk(writer, reader));
    });
}

#[test]
fn a_child_outlives_the_runtime_that_waited_for_it() {
    in_pairs(|mut first, mut second| {
        let (mut child, mut stdin, mut stdout) = first.run(|| {
            let mut command = sh("read line; echo got $line; exit 5");
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = command.spawn().unwrap();
            let (stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            assert!(timeout(SOON, || stdout.read(&mut [0])).is_err());
            assert!(timeout(SOON, || child.wait()).is_err());
            (child, stdin, stdout)
        });
        drop(first);
        second.run(move || {
            let reads = go!({
                let mut text = String::new();
                stdout.read_to_string(&mut text).map(|_| text)
            });
            let waits = go!({ child.wait().unwrap() });
            settle();
            assert!(!reads.is_finished() && !waits.is_finished());
            stdin.write_all(b"line\n").unwrap();
            assert_eq!(reads.wait().unwrap(), "got line\n");
            assert_eq!(waits.wait().code(), Some(5));
        });
    });
}

/// So it does with a task that is cancelled in any other way.
#[test]
fn the_end_of_a_runtime_takes_along_children_that_are_killed_on_drop() {
    in_pairs(|mut first, mut second| {
        let (mut reader, writer) = pipe().unwrap();
        let waits = first.spawn(|| sleeper().stdout(writer).spawn().unwrap().wait().unwrap());
        first.run(settle);
        drop(first);
        assert!(waits.join().unwrap_err().is_cancelled());
        // All that had the writer are gone.
        assert_eq!(second.run(|| reader.read(&mut [0]).unwrap()), 0);
    });
}

/// They suspend its only task, and what they wait for wakes its thread.
#[test]
fn a_runtime_on_one_thread_has_files_and_children() {
    fn scenario() {
        for is_polled in [false, true] {
            println!("polled: {is_polled}");
            let folder = Folder::new();
            let path = folder.join("file");
            let mut runtime = LocalRuntime::new().unwrap();
            let seen = Rc::new(RefCell::new(Vec::new()));
            let task = runtime.spawn({
                let seen = seen.clone();
                move || {
                    fs::write(&path, "text").unwrap();
                    seen.borrow_mut().push(fs::read(&path).unwrap());
                    let mut cat = sh("cat; exit 3");
                    let output = cat.stdin(File::open(&path).unwrap()).output().unwrap();
                    seen.borrow_mut().push(output.stdout);
                    let limits = io::read_to_string(File::open("/proc/self/limits").unwrap());
                    seen.borrow_mut().push(limits.unwrap().into_bytes());
                    output.status.code()
                }
            });
            if is_polled {
                while !task.is_finished() {
                    assert!(runtime.poll_once(None), "something will come");
                }
            } else {
                runtime.run_until_idle();
            }
            assert!(task.is_finished());
            assert_eq!(task.join().unwrap(), Some(3));
            let limits = std_fs::read("/proc/self/limits").unwrap();
            assert_eq!(*seen.borrow(), [b"text".to_vec(), b"text".to_vec(), limits]);
        }
    }
    bounded(scenario);
    bounded(|| with_workers(1).run(scenario));
}
