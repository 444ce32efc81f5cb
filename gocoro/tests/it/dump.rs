//! What a dump says of each task: who it is, what it waits for, since when and for how long.

mod forms;
mod io;
mod scopes;
mod silent;
mod sync;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use corosensei::{Coroutine as Foreign, Yielder};
use gocoro::channel::{self, Receiver, Sender};
use gocoro::coroutine::{Coroutine, Suspender};
use gocoro::runtime::{Builder, DumpedTask, LocalRuntime, TaskState, dump};
use gocoro::task::{self, Task, TaskGroup};
use gocoro::{go, select, time};

/// How often a task may be found doing something else than what is expected of it.
const TRIES: usize = 20_000;

/// The task of this name, once it waits for `what`. Addresses in the words are left out.
fn waits(name: &str, what: &str) -> DumpedTask {
    let mut last = String::new();
    for _ in 0..TRIES {
        let dump = dump();
        let found = dump.tasks().iter().find(|task| task.name() == Some(name));
        if let Some(words) = found.and_then(DumpedTask::waits_for) {
            last = without_addresses(&words);
            if last == what {
                return found.unwrap().clone();
            }
        }
        time::sleep(Duration::from_micros(100));
    }
    panic!("{name} does not wait for {what:?}; it waits for {last:?}");
}

/// Runs `f` as a task of this name, and looks once it waits for `what`. Then `end` ends the wait.
fn task_waits<T: Send + 'static>(
    name: &str,
    what: &str,
    f: impl FnOnce() -> T + Send + 'static,
    end: impl FnOnce(),
) {
    let task = task::Builder::new().name(name).spawn(f).unwrap();
    let found = waits(name, what);
    assert_eq!(found.state(), TaskState::Waiting);
    assert_eq!(found.id(), task.id());
    end();
    drop(task.wait());
}

/// The words without ` at 0x7f…`.
fn without_addresses(words: &str) -> String {
    let mut parts = words.split(" at 0x");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    kept
}

/// `what`, created in the line before the one that calls this.
#[track_caller]
fn created_above(what: &str) -> String {
    let at = std::panic::Location::caller();
    format!("{what} created at {}:{}", at.file(), at.line() - 1)
}

#[test]
fn a_channel_is_named_by_where_it_was_created() {
    let (sender, receiver) = channel::bounded::<i32>(1);
    let recv = created_above("recv on a channel");
    let send = recv.replace("recv", "send");
    let theirs = receiver.clone();
    task_waits("dump-recv", &recv, move || theirs.recv(), || sender.send(1).unwrap());
    sender.send(1).unwrap();
    let theirs = sender.clone();
    task_waits(
        "dump-send",
        &send,
        move || theirs.send(2).unwrap(),
        || assert_eq!(receiver.recv(), Ok(1)),
    );

    let (sender, receiver) = channel::oneshot::<i32>();
    let what = created_above("recv on a channel");
    task_waits("dump-oneshot", &what, move || receiver.recv(), || sender.send(1).unwrap());

    let (sender, receiver) = gocoro::sync::mpsc::channel::<i32>();
    let what = created_above("recv on a channel");
    task_waits("dump-mpsc", &what, move || receiver.recv(), || sender.send(1).unwrap());

    let (sender, receiver) = channel::broadcast::<i32>(1);
    let what = created_above("recv on a broadcast channel");
    task_waits(
        "dump-broadcast",
        &what,
        move || receiver.recv(),
        || {
            sender.send(1).unwrap();
        },
    );

    let (sender, receiver) = channel::watch(1);
    let what = created_above("change of a watch channel");
    task_waits(
        "dump-watch",
        &what,
        move || receiver.changed(),
        || {
            sender.send(2).unwrap();
        },
    );

    let never = "recv on a channel that never has a message";
    let task = go!(name = "dump-never" => { channel::never::<()>().recv() });
    waits("dump-never", never);
    task.cancel();
    assert!(task.join().unwrap_err().is_cancelled());
}

#[test]
fn times_tell_how_long_a_wait_lasts_still() {
    let hour = Duration::from_secs(3600);
    let sleeper = go!(name = "dump-sleep" => { time::sleep(Duration::from_secs(3600)) });
    let (_sender, receiver) = channel::unbounded::<i32>();
    let what = created_above("recv on a channel");
    let bounded = go!(name = "dump-timeout" => {
        time::timeout(Duration::from_secs(3600), || receiver.recv().unwrap())
    });
    for found in [waits("dump-sleep", "sleep"), waits("dump-timeout", &what)] {
        let left = found.time_left().unwrap();
        assert!(left < hour && left > hour - Duration::from_secs(600), "{left:?}");
        assert!(found.to_string().contains(" min "), "{found}");
    }
    sleeper.cancel();
    bounded.cancel();
    assert!(sleeper.join().is_err() && bounded.join().is_err());

    let parked = go!(name = "dump-park" => { task::park() });
    assert_eq!(waits("dump-park", "park").time_left(), None);
    parked.task().unpark();
    parked.wait();
}

#[test]
fn a_wait_gets_older() {
    let (sender, receiver) = channel::unbounded::<i32>();
    let what = created_above("recv on a channel");
    let task = go!(name = "dump-age" => { receiver.recv() });
    let first = waits("dump-age", &what).waited().unwrap();
    let pause = Duration::from_millis(60);
    time::sleep(pause);
    // The clock has ticks of up to 10 ms.
    let tick = Duration::from_millis(10);
    let second = waits("dump-age", &what).waited().unwrap();
    assert!(second + tick >= first + pause, "{first:?} {second:?}");
    sender.send(1).unwrap();
    assert_eq!(task.wait(), Ok(1));
}

#[test]
fn whoever_waits_for_tasks_says_for_which() {
    let (end, ended) = channel::bounded::<()>(1);
    let ended = move || _ = ended.recv();
    let end = || end.send(()).unwrap();
    let worker = task::Builder::new().name("dump-worker").spawn(ended.clone()).unwrap();
    task_waits("dump-joiner", "join of task 'dump-worker'", || worker.wait(), end);

    let theirs = ended.clone();
    let line = line!() + 1;
    let scope = move || task::scope(|s| _ = s.spawn(theirs));
    let what = format!("the 1 children of a scope opened at {}:{line}", file!());
    task_waits("dump-scope", &what, scope, end);

    let theirs = ended.clone();
    let group = move || {
        let group = TaskGroup::new();
        (0..2).for_each(|_| group.spawn(theirs.clone()));
        assert!(group.next().is_some());
        group.cancel_all();
    };
    task_waits("dump-group", "the end of one of the 2 tasks of a group", group, end);
}

#[test]
fn a_choice_names_its_arms() {
    let (sender, receiver) = channel::unbounded::<i32>();
    let recv = created_above("recv on a channel");
    let (to, _full) = channel::bounded::<i32>(0);
    let send = created_above("send on a channel");
    let stop = gocoro::sync::Event::new();
    let choose = move || {
        select! {
            recv(receiver) -> message => assert_eq!(message, Ok(1)),
            send(to, 2) -> _ => unreachable!("nobody receives"),
            wait(stop) -> _ => unreachable!("nobody sets it"),
        }
    };
    let what = format!("select of 3 arms: {recv}, {send}, event");
    task_waits("dump-select", &what, choose, || sender.send(1).unwrap());

    let receivers: Vec<Receiver<i32>> = (0..10).map(|_| channel::never()).collect();
    let many = go!(name = "dump-many" => {
        let mut select = channel::Select::new();
        receivers.iter().for_each(|receiver| { select.recv(receiver); });
        select.ready()
    });
    let never = ["recv on a channel that never has a message"; 8].join(", ");
    waits("dump-many", &format!("select of 10 arms: {never} and 2 more"));
    many.cancel();
    assert!(many.join().is_err());
}

#[test]
fn a_task_has_name_site_state_and_worker() {
    let runtime = Builder::new().workers(1).stack_size(64 * 1024).build().unwrap();
    runtime.run(|| {
        let line = line!() + 1;
        let other = go!(name = "dump-other" => { task::park() });
        task::yield_now();
        let line_of_third = line!() + 1;
        let third = go!({ (0..3).for_each(|_| task::yield_now()) });
        task::yield_now();
        let dump = dump();
        let of = |id| dump.tasks().iter().find(|task| task.id() == id).expect("all are there");
        let (me, parked, queued) = (of(task::current().id()), of(other.id()), of(third.id()));
        assert_eq!(me.state(), TaskState::Running);
        assert_eq!((me.waits_for(), me.waited(), me.time_left()), (None, None, None));
        assert_eq!((parked.state(), parked.name()), (TaskState::Waiting, Some("dump-other")));
        assert_eq!((parked.spawned_at().file(), parked.spawned_at().line()), (file!(), line));
        assert_eq!((parked.worker(), parked.stack_size()), (0, 64 * 1024));
        assert_eq!(
            (queued.state(), queued.spawned_at().line()),
            (TaskState::Runnable, line_of_third)
        );
        let text = dump.to_string();
        let (at, me) = (other.task().spawned_at(), me.id());
        let shown = format!("  task 'dump-other' (spawned at {at} by task {me}, worker 0, stack ");
        assert!(text.contains(&shown), "{text}");
        assert!(text.contains(" of 64 KiB): park for "), "{text}");
        assert!(text.contains(" of 64 KiB): runnable\n"), "{text}");
        assert!(text.contains("worker 0: 3 tasks\n"), "{text}");
        other.task().unpark();
        other.wait();
        third.wait();
    });
}

/// There the note is on another stack than the task's.
#[test]
fn a_task_that_waits_inside_a_coroutine_is_described() {
    let (sender, receiver) = channel::unbounded::<i32>();
    let what = created_above("recv on a channel");
    let theirs = receiver.clone();
    let in_one = move || {
        let mut one = Coroutine::new(move |_: &Suspender<(), ()>, ()| {
            assert_eq!(theirs.recv(), Ok(1));
        });
        let _ = one.resume(());
        // Out of it again, the note is on the task's own stack.
        assert_eq!(receiver.recv(), Ok(2));
    };
    let task = task::Builder::new().name("dump-coroutine").spawn(in_one).unwrap();
    for message in [1, 2] {
        let found = waits("dump-coroutine", &what);
        assert_eq!(found.time_left(), None);
        sender.send(message).unwrap();
    }
    task.wait();

    let foreign = go!(name = "dump-foreign" => {
        let mut outer = Foreign::new(|_: &Yielder<(), ()>, ()| {
            let mut inner = Foreign::new(|_: &Yielder<(), ()>, ()| {
                time::timeout(Duration::from_secs(3600), task::park).unwrap();
                1
            });
            inner.resume(()).as_return()
        });
        outer.resume(()).as_return()
    });
    assert!(waits("dump-foreign", "park").time_left().is_some());
    foreign.task().unpark();
    assert_eq!(foreign.wait(), Some(Some(1)));
}

/// A task in the middle of its unwinding takes another way to its park.
#[test]
fn a_task_that_waits_while_it_unwinds_is_described() {
    struct Waits(Receiver<i32>);
    impl Drop for Waits {
        fn drop(&mut self) {
            assert_eq!(self.0.recv(), Ok(1));
        }
    }
    let (sender, receiver) = channel::unbounded::<i32>();
    let what = created_above("recv on a channel");
    let task = go!(name = "dump-unwinds" => {
        let _waits = Waits(receiver);
        std::panic::resume_unwind(Box::new(7));
    });
    waits("dump-unwinds", &what);
    sender.send(1).unwrap();
    assert_eq!(*task.join().unwrap_err().downcast_ref::<i32>().unwrap(), 7);
}

/// Those of the outer runtime cannot run meanwhile, and cannot answer either.
#[test]
fn a_runtime_inside_a_task_sees_the_tasks_around_it() {
    let runtime = Builder::new().workers(1).build().unwrap();
    runtime.run(|| {
        let outer = go!(name = "dump-outer" => { task::park() });
        task::yield_now();
        LocalRuntime::new().unwrap().run(|| {
            let inner = go!(name = "dump-inner" => { task::park() });
            task::yield_now();
            let dump = dump();
            for name in ["dump-outer", "dump-inner"] {
                let found = dump.tasks().iter().find(|task| task.name() == Some(name)).unwrap();
                assert_eq!(found.waits_for().as_deref(), Some("park"));
            }
            inner.task().unpark();
            inner.wait();
        });
        outer.task().unpark();
        outer.wait();
    });
}

/// A waker is called while its task is between two states.
#[test]
fn a_dump_from_a_foreign_waker_passes_its_own_worker_over() {
    struct Dumps(Sender<usize>);
    impl Wake for Dumps {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(dump().silent_workers());
        }
    }
    let runtime = Builder::new().workers(1).build().unwrap();
    let (silent, told) = channel::unbounded();
    runtime.run(|| {
        let (sender, receiver) = channel::unbounded::<i32>();
        let waker = Waker::from(Arc::new(Dumps(silent)));
        let mut received = std::pin::pin!(receiver.recv_async());
        assert!(received.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sender.send(1).unwrap();
        assert!(received.poll(&mut Context::from_waker(&waker)).is_ready());
    });
    assert!(told.recv().unwrap() >= 1);
}

/// Dumps while tasks of all kinds come and go: each answer is whole, and nothing is lost.
#[test]
fn a_storm_of_tasks_is_dumped_again_and_again() {
    for workers in [1, 4] {
        let runtime = Builder::new().workers(workers).build().unwrap();
        let sum: usize = runtime.run(|| {
            let over = Arc::new(AtomicBool::new(false));
            let theirs = over.clone();
            let dumper = go!({
                let mut dumps = 0;
                while !theirs.load(Acquire) || dumps == 0 {
                    let text = dump().to_string();
                    assert!(text.contains("worker 0"), "{text}");
                    dumps += 1;
                }
                dumps
            });
            let mut sum = 0;
            for _ in 0..20 {
                let lock = Arc::new(gocoro::sync::Mutex::new(0));
                let (sender, receiver) = channel::bounded(2);
                let tasks: Vec<_> = (0..200)
                    .map(|n| {
                        let (lock, to, from) = (lock.clone(), sender.clone(), receiver.clone());
                        go!({
                            let mut count = lock.lock().unwrap();
                            task::yield_now();
                            *count += 1;
                            drop(count);
                            match n % 3 {
                                0 => to.send(n).unwrap(),
                                1 => drop(from.recv_timeout(Duration::from_micros(50))),
                                _ => time::sleep(Duration::from_micros(n % 7 * 20)),
                            }
                        })
                    })
                    .collect();
                drop(sender);
                let drain = go!({ receiver.iter().count() });
                tasks.into_iter().for_each(|task| task.wait());
                drain.wait();
                sum += *lock.lock().unwrap();
            }
            over.store(true, Release);
            assert!(dumper.wait() > 0);
            sum
        });
        assert_eq!(sum, 20 * 200);
    }
}

/// Ends a task that waits for its token.
fn unpark(task: &Task) {
    task.unpark();
}
