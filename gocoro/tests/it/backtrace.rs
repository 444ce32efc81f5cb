//! Backtraces of tasks: the line on which each one waits comes first, and nothing of gocoro's own.

mod chains;
mod forms;
mod storm;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use gocoro::channel::{self, Receiver};
use gocoro::runtime::{Builder, DumpedTask, LocalRuntime, TaskFrame, TaskState, dump};
use gocoro::sync::Mutex;
use gocoro::task::{self, JoinHandle};
use gocoro::{go, time};

use crate::support::{NEVER, WORKERS, bounded, with_workers};

/// Where a task waits: it is told to whoever looks for it there.
#[derive(Clone, Default)]
struct Line(Arc<AtomicU32>);

impl Line {
    /// The line below that of the caller.
    #[track_caller]
    fn is_next(&self) {
        self.0.store(std::panic::Location::caller().line() + 1, Relaxed);
    }
}

/// The task of this name, once it waits.
fn waiting(name: &str) -> DumpedTask {
    loop {
        let dump = dump();
        let found = dump.tasks().iter().find(|task| task.name() == Some(name));
        if let Some(task) = found.filter(|task| task.state() == TaskState::Waiting) {
            return task.clone();
        }
        time::sleep(Duration::from_micros(100));
    }
}

/// The calls of a task, which has a backtrace.
fn frames(task: &DumpedTask) -> &[TaskFrame] {
    let frames = task.backtrace().expect("a backtrace").frames();
    assert!(!frames.is_empty());
    frames
}

/// Whether the function of a call has this name, perhaps with more before and after it.
fn is_in(frame: &TaskFrame, name: &str) -> bool {
    frame.function().is_some_and(|function| function.contains(name))
}

#[track_caller]
fn check(frame: &TaskFrame, name: &str, file: &str, line: u32) {
    assert!(is_in(frame, name), "{name}: {frame:?}");
    let found = frame.file().expect("a file");
    assert!(found.ends_with(Path::new(file)), "{frame:?}");
    assert_eq!(frame.line(), Some(line), "{frame:?}");
    let (module, address) = frame.module().expect("a module");
    assert!(module.starts_with("it-") && address < frame.address(), "{frame:?}");
}

/// Runs `f` as a task, which calls a function called `name` that waits on the line it says, and
/// looks at where it waits. Then `end` ends the wait.
fn waits_in(name: &str, f: impl FnOnce(Line) + Send + 'static, end: impl FnOnce()) {
    let line = Line::default();
    let theirs = line.clone();
    let task = task::Builder::new().name(name).spawn(move || f(theirs)).unwrap();
    let found = waiting(name);
    let frames = frames(&found);
    check(&frames[0], name, "tests/it/backtrace.rs", line.0.load(Relaxed));
    // The task's own closure is the last one.
    assert!(is_in(frames.last().unwrap(), "{closure"), "{frames:?}");
    assert!(frames.iter().all(|frame| !is_in(frame, "gocoro_runtime::")), "{frames:?}");
    assert!(frames.iter().all(|frame| frame.stack() == 0), "{frames:?}");
    assert!(!found.backtrace().unwrap().is_cut());
    end();
    task.wait();
}

#[inline(never)]
fn in_recv(line: &Line, receiver: &Receiver<u8>) -> u8 {
    line.is_next();
    let received = receiver.recv();
    received.unwrap_or(0) + 1
}

#[inline(never)]
fn in_lock(line: &Line, mutex: &Mutex<u8>) {
    line.is_next();
    let guard = mutex.lock();
    drop(guard);
    line.is_next();
}

#[inline(never)]
fn in_sleep(line: &Line) {
    line.is_next();
    time::sleep(NEVER);
    line.is_next();
}

#[inline(never)]
fn in_join(line: &Line, handle: JoinHandle<u8>) -> u8 {
    line.is_next();
    let joined = handle.wait();
    joined + 1
}

/// A generic function, which calls itself: the wait is in its innermost call.
#[inline(never)]
fn in_generic<F: Fn() -> u8>(line: &Line, depth: u32, f: &F) -> u8 {
    if depth == 0 {
        line.is_next();
        f() + 1
    } else {
        in_generic(line, depth - 1, f) + 1
    }
}

/// Needs so many frames, and has left them when it returns.
#[inline(never)]
fn deep(depth: u32) -> u32 {
    let kept = std::hint::black_box([depth; 8]);
    if depth == 0 { kept[0] } else { deep(depth - 1) + std::hint::black_box(kept)[1] }
}

#[test]
fn a_task_in_recv() {
    let (sender, receiver) = channel::bounded(1);
    let f = move |line: Line| assert_eq!(in_recv(&line, &receiver), 2);
    waits_in("in_recv", f, || sender.send(1).unwrap());
}

#[test]
fn a_task_in_lock() {
    let mutex = Arc::new(Mutex::new(0));
    let theirs = mutex.clone();
    let held = mutex.lock();
    waits_in("in_lock", move |line| in_lock(&line, &theirs), || drop(held));
}

#[test]
fn a_task_in_sleep() {
    let task = go!(name = "in_sleep" => {
        let line = Line::default();
        in_sleep(&line);
    });
    let found = waiting("in_sleep");
    assert!(is_in(&frames(&found)[0], "in_sleep"), "{found:?}");
    assert!(frames(&found)[0].line().is_some());
    task.cancel();
    assert!(task.join().is_err());
}

#[test]
fn a_task_in_join() {
    let (sender, receiver) = channel::bounded(1);
    let handle = go!({ receiver.recv().unwrap() });
    let f = move |line: Line| assert_eq!(in_join(&line, handle), 2);
    waits_in("in_join", f, || sender.send(1).unwrap());
}

#[test]
fn a_task_in_nested_calls_of_a_generic_function() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let line = Line::default();
    let theirs = line.clone();
    let task = go!(name = "in_generic" => {
        in_generic(&theirs, 5, &|| receiver.recv().unwrap())
    });
    let found = waiting("in_generic");
    let calls = frames(&found);
    let generic: Vec<_> = calls.iter().filter(|frame| is_in(frame, "in_generic<")).collect();
    let generic = match generic.is_empty() {
        true => calls.iter().filter(|call| is_in(call, "::in_generic")).collect(),
        false => generic,
    };
    // The name of a closure inside of `in_generic` ends in a brace. That of `in_generic` itself may
    // have one in the middle, for it contains the name of its argument's type.
    let is_closure = |call: &TaskFrame| call.function().is_some_and(|name| name.ends_with('}'));
    let generic: Vec<_> = generic.into_iter().filter(|call| !is_closure(call)).collect();
    // The innermost of the six calls its argument, the others each the next one.
    assert!(generic.len() >= 2, "{calls:?}");
    assert_eq!(generic[0].line(), Some(line.0.load(Relaxed)), "{calls:?}");
    sender.send(1).unwrap();
    assert_eq!(task.wait(), 7);
}

#[test]
fn a_task_that_was_in_deep_recursion_before() {
    let (sender, receiver) = channel::bounded(1);
    let f = move |line: Line| {
        assert!(std::hint::black_box(deep(200)) > 0);
        in_recv(&line, &receiver);
    };
    // The name tells the function.
    waits_in("in_recv", f, || sender.send(1).unwrap());
}

#[test]
fn a_backtrace_of_a_deep_recursion_is_cut() {
    fn descend(depth: u32, receiver: &Receiver<u8>) -> u8 {
        let kept = std::hint::black_box([depth; 4]);
        let received = match depth {
            0 => receiver.recv().unwrap(),
            _ => descend(depth - 1, receiver),
        };
        received.wrapping_add(std::hint::black_box(kept)[1] as u8)
    }
    let (sender, receiver) = channel::bounded(1);
    let builder = task::Builder::new().name("bt-deep").stack_size(4 << 20);
    let task = builder.spawn(move || descend(2000, &receiver)).unwrap();
    let found = waiting("bt-deep");
    let backtrace = found.backtrace().unwrap();
    assert!(backtrace.is_cut());
    let calls = backtrace.frames();
    assert!((100..=256).contains(&calls.len()), "{}", calls.len());
    assert!(calls.iter().all(|call| is_in(call, "descend")), "{calls:?}");
    let text = backtrace.to_string();
    assert!(text.lines().count() < 10 && text.contains(" times)"), "{text}");
    assert!(text.ends_with("\nand further calls"), "{text}");
    sender.send(1).unwrap();
    task.wait();
}

#[test]
fn a_task_that_is_runnable_has_one_and_one_that_runs_has_none() {
    let _ = bounded(|| {
        with_workers(1).run(|| {
            let other = go!(name = "bt-runnable" => {
                for _ in 0..100_000 {
                    task::yield_now();
                }
            });
            task::yield_now();
            let dump = go!(name = "bt-running" => { dump() }).wait();
            let find = |name| dump.tasks().iter().find(|task| task.name() == Some(name)).unwrap();
            let (runnable, running) = (find("bt-runnable"), find("bt-running"));
            assert_eq!(runnable.state(), TaskState::Runnable);
            assert!(is_in(&frames(runnable)[0], "closure"), "{runnable:?}");
            assert_eq!(running.state(), TaskState::Running);
            assert!(running.backtrace().is_none());
            other.cancel();
            other.join()
        })
    });
}

#[test]
fn a_task_that_waits_while_it_unwinds() {
    struct Waits(Receiver<u8>);
    impl Drop for Waits {
        fn drop(&mut self) {
            assert_eq!(self.0.recv(), Ok(1));
        }
    }
    let (sender, receiver) = channel::bounded(1);
    let task = go!(name = "bt-unwinds" => {
        let _waits = Waits(receiver);
        task::park();
    });
    waiting("bt-unwinds");
    task.cancel();
    let found = loop {
        let found = waiting("bt-unwinds");
        if found.waits_for().is_some_and(|what| what.starts_with("recv")) {
            break found;
        }
    };
    assert!(is_in(&frames(&found)[0], "drop"), "{found:?}");
    assert!(frames(&found).iter().any(|frame| is_in(frame, "closure")), "{found:?}");
    sender.send(1).unwrap();
    assert!(task.join().is_err());
}

#[test]
fn a_task_with_a_small_stack_can_dump() {
    for workers in WORKERS {
        let text = bounded(move || {
            with_workers(workers).run(|| {
                let waits = go!(name = "bt-beside" => { time::sleep(NEVER) });
                let small = task::Builder::new().stack_size(32 * 1024);
                let text = small.spawn(|| {
                    waiting("bt-beside");
                    dump().to_string()
                });
                let text = text.unwrap().wait();
                waits.cancel();
                let _ = waits.join();
                text
            })
        });
        assert!(text.contains("      ") && !text.contains("no backtraces"), "{text}");
    }
}

#[test]
fn the_tasks_of_a_worker_that_a_task_drives() {
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(|| {
        let beside = go!(name = "bt-outer" => { time::sleep(NEVER) });
        waiting("bt-outer");
        let mut local = LocalRuntime::new().unwrap();
        local.run(|| {
            let inner = task::spawn_local(|| time::sleep(NEVER));
            task::yield_now();
            let dump = dump();
            let outer = dump.tasks().iter().find(|task| task.name() == Some("bt-outer")).unwrap();
            assert!(is_in(&frames(outer)[0], "closure"), "{outer:?}");
            let found = dump.tasks().iter().find(|task| task.id() == inner.id()).unwrap();
            assert!(is_in(&frames(found)[0], "closure"), "{found:?}");
            inner.cancel();
            let _ = inner.join();
        });
        beside.cancel();
        let _ = beside.join();
    });
}
