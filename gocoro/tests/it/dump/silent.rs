//! Workers that do not answer a dump: which task keeps them, and what it does.

use std::hint;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::runtime::{
    Builder, Dump, DumpedTask, LocalRuntime, Runtime, TaskFrame, TaskState, dump,
};
use gocoro::task::{Builder as Task, JoinHandle, TaskGroup};

use super::TRIES;
use crate::support::json::Json;

/// Whether threads can be asked what they run.
const ASKS: bool = cfg!(target_os = "linux");

/// Whether calls are shown.
fn has_traces(dump: &Dump) -> bool {
    cfg!(all(feature = "backtrace", target_os = "linux", target_arch = "x86_64"))
        && !dump.to_string().contains("no backtraces: ")
}

/// A runtime of one worker, which a task of this name keeps.
struct Kept {
    runtime: Runtime,
    task: JoinHandle<()>,
}

impl Kept {
    fn by(name: &str, f: impl FnOnce() + Send + 'static) -> Kept {
        let runtime = Builder::new().workers(1).build().unwrap();
        let name = name.to_owned();
        // The task is spawned by another one, and is a group's.
        let task = runtime.spawn(move || {
            let group = TaskGroup::new();
            group.builder().name(name).spawn(f).unwrap();
            group.join_all().into_iter().for_each(|ended| ended.unwrap());
        });
        Kept { runtime, task }
    }

    fn end(self) {
        self.task.wait();
        drop(self.runtime);
    }
}

/// Spins until it is told to end.
#[inline(never)]
fn spins(end: &AtomicBool) {
    while !end.load(Acquire) {
        hint::spin_loop();
    }
}

/// A dump in which `found` finds something. A thread that gets no processor does not answer.
#[track_caller]
fn dumped<T>(mut found: impl FnMut(&Dump) -> Option<T>) -> (T, Dump) {
    let mut last = String::new();
    for _ in 0..TRIES {
        let dump = dump();
        if let Some(found) = found(&dump) {
            return (found, dump);
        }
        last = dump.to_string();
    }
    panic!("not found: {last}");
}

fn running(dump: &Dump, name: &str) -> Option<DumpedTask> {
    let found = dump.tasks().iter().find(|task| task.name() == Some(name) && task.ran().is_some());
    found.cloned()
}

/// Whether the task is in this function, as far as there are backtraces. One whose thread had no
/// processor may be met before it has come there.
fn is_in(task: &DumpedTask, function: &str) -> bool {
    let has_it = |frame: &TaskFrame| frame.function().is_some_and(|name| name.contains(function));
    task.backtrace().is_none_or(|calls| calls.frames().first().is_some_and(has_it))
}

/// What the JSON says of the task of this name.
fn in_json(dump: &Dump, name: &str) -> Json {
    let json = Json::read(&dump.json().to_string());
    let is_it = |task: &&Json| task.at("name") == &Json::Text(name.to_owned());
    json.list("tasks").iter().find(is_it).unwrap().clone()
}

#[test]
fn the_task_that_keeps_a_worker_is_named() {
    let end = Arc::new(AtomicBool::new(false));
    let theirs = end.clone();
    let kept = Kept::by("silent-spins", move || spins(&theirs));
    let (_, missed) = dumped(|dump| (dump.silent_workers() >= 1).then_some(()));
    assert!(missed.to_string().contains("not answer"), "{missed}");
    if ASKS {
        let is_it = |task: &DumpedTask| task.does() == Some("computes") && is_in(task, "spins");
        let (task, dump) = dumped(|dump| running(dump, "silent-spins").filter(is_it));
        assert_eq!((task.state(), task.waits_for()), (TaskState::Running, None));
        assert_eq!(task.parent(), Some(kept.task.id()));
        assert!(task.scope().unwrap().created_at().file().ends_with("silent.rs"));
        assert!(task.spawned_at().file().ends_with("silent.rs"));
        let (text, json) = (dump.to_string(), in_json(&dump, "silent-spins"));
        assert!(text.contains(": does not answer; "), "{text}");
        assert!(
            text.contains("): has run for ") && text.contains(" without a wait, computes"),
            "{text}"
        );
        assert_eq!(json.at("run.does"), &Json::Text("computes".into()));
        assert!(matches!(json.at("run.ms"), Json::Number(_)));
        assert_eq!(task.backtrace().is_some(), has_traces(&dump), "{task}");
        // A later dump says that the task has run for longer.
        dumped(|dump| running(dump, "silent-spins").filter(|now| now.ran() > task.ran()));
    }
    end.store(true, Release);
    kept.end();
}

#[test]
fn the_calls_go_on_below_a_coroutine() {
    fn level(depth: usize, end: Arc<AtomicBool>) {
        if depth == 0 {
            return spins(&end);
        }
        let inner = move |_: &Suspender<(), ()>, ()| level(depth - 1, end);
        let mut coroutine = Coroutine::new(inner);
        let ended = coroutine.resume(());
        assert!(ended.is_ok());
    }
    let end = Arc::new(AtomicBool::new(false));
    let theirs = end.clone();
    let kept = Kept::by("silent-deep", move || level(2, theirs));
    if ASKS {
        let has_begun = |task: &DumpedTask| is_in(task, "spins");
        let (task, dump) = dumped(|dump| running(dump, "silent-deep").filter(has_begun));
        if let Some(calls) = task.backtrace() {
            let frames = calls.frames();
            let stacks: Vec<_> = frames.iter().map(|frame| frame.stack()).collect();
            assert!(stacks.is_sorted() && stacks[0] == 0 && stacks.last() == Some(&2), "{task}");
            for (stack, function) in [(0, "spins"), (0, "level"), (1, "level"), (2, "level")] {
                let is_it = |frame: &&TaskFrame| {
                    frame.stack() == stack && frame.function().unwrap().contains(function)
                };
                assert!(frames.iter().any(|frame| is_it(&frame)), "{function} on {stack}: {task}");
            }
        } else {
            assert!(!has_traces(&dump));
        }
    }
    end.store(true, Release);
    kept.end();
}

/// One that drives a runtime of its own has the frames of that runtime's task above its own.
#[test]
fn a_task_that_drives_a_runtime_is_named_and_so_is_the_inner_one() {
    let end = Arc::new(AtomicBool::new(false));
    let theirs = end.clone();
    let kept = Kept::by("silent-outer", move || {
        let mut local = LocalRuntime::new().unwrap();
        local.run(|| {
            Task::new().name("silent-inner").spawn(move || spins(&theirs)).unwrap().wait();
        });
    });
    if ASKS {
        dumped(|dump| running(dump, "silent-outer").zip(running(dump, "silent-inner")));
    }
    end.store(true, Release);
    kept.end();
}

/// A signal would end the call with an error.
#[test]
fn a_thread_in_a_call_that_a_signal_would_end_is_not_asked() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let kept = Kept::by("silent-polls", move || {
        let fd = reader.as_raw_fd();
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is one descriptor's record.
        let ready = unsafe { libc::poll(&raw mut poll, 1, -1) };
        assert_eq!(ready, 1, "{}", std::io::Error::last_os_error());
        reader.read_exact(&mut [0]).unwrap();
    });
    if ASKS {
        // The thread is asked, and names its task, as long as the task has not begun the call.
        let is_nameless = |dump: &Dump| running(dump, "silent-polls").is_none();
        dumped(|dump| (dump.to_string().contains("poll(2)") && is_nameless(dump)).then_some(()));
    }
    writer.write_all(b"x").unwrap();
    kept.end();
}
