//! Whatever is called in a loop, the only worker's other tasks run.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use gocoro::channel::{self, Select, never};
use gocoro::go;
use gocoro::io::{self, BufRead, BufferStream, Pollable, Read, Write as _};
use gocoro::net::{TcpListener, TcpStream};
use gocoro::sync::{
    Barrier, Condvar, Event, LazyLock, Mutex, Once, OnceLock, RwLock, Semaphore, WaitGroup, promise,
};
use gocoro::task::{self, JoinHandle, TaskGroup};
use gocoro::time::{io_deadline, sleep, timeout, timeout_at};

use crate::support::{Colour, HANG, NEVER, bounded, on_drop, on_workers, until, with_workers};

const ZERO: Duration = Duration::ZERO;

/// Does this over and over, until a task has run that was queued before.
#[track_caller]
fn lets_others_run(what: &str, mut operation: impl FnMut()) {
    let has_run = Arc::new(AtomicBool::new(false));
    let other = go!(clone(has_run) => has_run.store(true, SeqCst));
    let begun = Instant::now();
    while !has_run.load(SeqCst) {
        operation();
        assert!(begun.elapsed() < HANG, "{what} in a loop keeps the worker");
    }
    other.wait();
}

fn on_one_worker(scenario: fn()) {
    bounded(move || with_workers(1).run(scenario));
}

fn past() -> Instant {
    Instant::now()
}

#[test]
fn what_is_over_at_once() {
    on_one_worker(|| {
        lets_others_run("park_timeout", || task::park_timeout(ZERO));
        lets_others_run("sleep", || sleep(ZERO));
        lets_others_run("an empty scope", || task::scope(|_| ()));
        lets_others_run("a timeout of what does not wait", || timeout(ZERO, || ()).unwrap());
        let once = Once::new();
        once.call_once(|| ());
        lets_others_run("Once::wait", || once.wait());
        lets_others_run("Once::wait_force", || once.wait_force());
        let cell = OnceLock::from(1);
        lets_others_run("OnceLock::wait", || assert_eq!(*cell.wait(), 1));
        lets_others_run("Barrier::wait", || assert!(Barrier::new(1).wait().is_leader()));
        lets_others_run("wait_all", || {
            assert!(task::wait_all(Vec::<JoinHandle<()>>::new()).is_empty())
        });
        let other = with_workers(1);
        lets_others_run("runtime::dump", || drop(gocoro::runtime::dump()));
        lets_others_run("Runtime::wait_idle", || other.wait_idle());
        lets_others_run("TaskGroup::next", || assert!(TaskGroup::<()>::new().next().is_none()));
    });
}

#[test]
fn standard_streams() {
    on_one_worker(|| {
        lets_others_run("Stdout::lock", || drop(io::stdout().lock()));
        lets_others_run("Stdout::flush", || io::stdout().flush().unwrap());
        lets_others_run("a write of nothing", || io::stdout().write_all(b"").unwrap());
        let mut out = io::stdout().lock();
        lets_others_run("StdoutLock::flush", || out.flush().unwrap());
        lets_others_run("StdoutLock::is_terminal", || {
            out.is_terminal();
        });
        lets_others_run("Stderr::flush", || io::stderr().flush().unwrap());
        lets_others_run("Stdin::lock", || drop(io::stdin().lock()));
        lets_others_run("a read of nothing", || {
            assert_eq!(io::stdin().read(&mut []).unwrap(), 0);
        });
        let mut input = io::stdin().lock();
        lets_others_run("StdinLock::read", || {
            assert_eq!(input.read(&mut []).unwrap(), 0);
        });
    });
}

#[test]
fn waits_whose_time_is_zero() {
    on_one_worker(|| {
        let (sender, receiver) = channel::bounded::<()>(1);
        lets_others_run("recv_timeout", || assert!(receiver.recv_timeout(ZERO).is_err()));
        lets_others_run("Select::select_timeout", || {
            let mut select = Select::new();
            select.recv(&receiver);
            assert!(select.select_timeout(ZERO).is_err());
        });
        lets_others_run("select! with default", || {
            gocoro::select! {
                recv(receiver) -> _ => unreachable!(),
                default => {}
            }
        });
        sender.send(()).unwrap();
        lets_others_run("send_timeout", || assert!(sender.send_timeout((), ZERO).is_err()));
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        lets_others_run("Condvar::wait_timeout", || {
            let (_guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), ZERO).unwrap();
            assert!(result.timed_out());
        });
        let event = Event::new();
        lets_others_run("Event::wait_timeout", || assert!(!event.wait_timeout(ZERO)));
        let sleeper = Cell::new(Some(go!({ sleep(NEVER) })));
        lets_others_run("join_timeout", || {
            let handle = sleeper.take().unwrap();
            sleeper.set(handle.join_timeout(ZERO).err());
        });
        sleeper.into_inner().unwrap().cancel();
        let (_stay, changes) = channel::watch(0);
        lets_others_run("changed_timeout", || assert!(changes.changed_timeout(ZERO).is_err()));
        let (_stay, missing) = channel::broadcast::<()>(1);
        lets_others_run("broadcast's recv_timeout", || {
            assert!(missing.recv_timeout(ZERO).is_err());
        });
        let (_stay, missing) = channel::oneshot::<()>();
        let missing = Cell::new(Some(missing));
        lets_others_run("oneshot's try_recv", || {
            let receiver = missing.take().unwrap();
            assert!(receiver.try_recv().is_err());
            missing.set(Some(receiver));
        });
    });
}

/// The throw comes before any switch.
#[test]
fn timeouts_that_have_expired() {
    on_one_worker(|| {
        let (_sender, receiver) = channel::bounded::<()>(1);
        let mutex = Mutex::new(());
        let sleeper = go!({ sleep(NEVER) });
        let held = mutex.lock().unwrap();
        let waits: [(&str, &dyn Fn()); 8] = [
            ("sleep", &|| sleep(NEVER)),
            ("park", &task::park),
            ("park_timeout", &|| task::park_timeout(NEVER)),
            ("yield_now", &task::yield_now),
            ("checkpoint", &task::checkpoint),
            ("recv", &|| receiver.recv().unwrap()),
            ("a scope", &|| task::scope(|s| s.spawn(|| sleep(NEVER)).join().unwrap())),
            ("a timeout", &|| timeout(NEVER, || sleep(NEVER)).unwrap()),
        ];
        for (what, wait) in waits {
            lets_others_run(what, || assert!(timeout(ZERO, wait).is_err()));
            lets_others_run(what, || assert!(timeout_at(past(), wait).is_err()));
            // Or it is swallowed.
            let swallow = || {
                lets_others_run(what, || {
                    let caught = panic::catch_unwind(AssertUnwindSafe(wait));
                    assert!(caught.is_err());
                });
            };
            timeout(ZERO, swallow).ok();
        }
        drop(held);
        sleeper.cancel();
    });
}

#[test]
fn a_cancel_that_is_swallowed() {
    on_one_worker(|| {
        let task = go!({
            task::current().cancel();
            lets_others_run("a wait", || {
                assert!(panic::catch_unwind(|| sleep(NEVER)).is_err());
            });
            // And it is thrown once more.
            task::yield_now();
        });
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn sockets() {
    on_one_worker(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        lets_others_run("a read with its deadline passed", || {
            assert!(io_deadline(past(), || client.read(&mut [0])).is_err());
        });
        lets_others_run("try_read", || assert!(client.try_read(&mut [0]).is_err()));
        lets_others_run("try_accept", || assert!(listener.try_accept().is_err()));
        lets_others_run("an exchange", || {
            client.write_all(&[1]).unwrap();
            server.read_exact(&mut [0]).unwrap();
        });
        let used = listener.local_addr().unwrap();
        lets_others_run("bind", || assert!(TcpListener::bind(used).is_err()));
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        lets_others_run("connect", || assert!(TcpStream::connect(free).is_err()));
    });
}

#[test]
fn copies_and_streams_in_memory() {
    on_one_worker(|| {
        lets_others_run("copy", || {
            io::copy(&mut io::repeat(0).take(1), &mut io::sink()).unwrap();
        });
        let (mut one, mut other) = BufferStream::bounded(1);
        lets_others_run("BufferStream::try_read", || assert!(one.try_read(&mut [0]).is_err()));
        lets_others_run("BufferStream::available", || assert_eq!(one.available(), 0));
        lets_others_run("an exchange in memory", || {
            one.write_all(&[1]).unwrap();
            other.read_exact(&mut [0]).unwrap();
        });
        one.write_all(&[1]).unwrap();
        lets_others_run("BufferStream::try_write", || assert!(one.try_write(&[0]).is_err()));
        lets_others_run("BufferStream::fill_buf", || assert_eq!(other.fill_buf().unwrap(), [1]));
        drop(other);
        lets_others_run("copy_bidirectional of what has ended", || {
            let (end, _) = BufferStream::unbounded();
            io::copy_bidirectional(&one, end).unwrap();
        });
    });
}

#[test]
fn a_copy_without_end() {
    on_one_worker(|| {
        let copy = go!({ io::copy(&mut io::repeat(0), &mut io::sink()) });
        task::yield_now();
        copy.cancel();
        assert!(copy.join().unwrap_err().is_cancelled());
    });
}

#[test]
fn pipes() {
    on_one_worker(|| {
        let (mut reader, mut writer) = io::pipe().unwrap();
        lets_others_run("a read with its deadline passed", || {
            assert!(io_deadline(past(), || reader.read(&mut [0])).is_err());
        });
        lets_others_run("a pipe", || {
            writer.write_all(&[1]).unwrap();
            reader.read_exact(&mut [0]).unwrap();
        });
        let (mut reader, mut writer) =
            (Pollable::new(reader).unwrap(), Pollable::new(writer).unwrap());
        lets_others_run("Pollable", || {
            writer.write_all(&[1]).unwrap();
            reader.read_exact(&mut [0]).unwrap();
        });
        lets_others_run("Pollable::writable", || writer.writable().unwrap());
        lets_others_run("Pollable::flush", || writer.flush().unwrap());
        writer.write_all(&[1]).unwrap();
        lets_others_run("Pollable::read_with", || reader.read_with(|_| Ok(())).unwrap());
        let mut null = Pollable::new(std::fs::File::open("/dev/null").unwrap()).unwrap();
        lets_others_run("a file", || assert_eq!(null.read(&mut [0]).unwrap(), 0));
    });
}

/// What a loop may poll.
#[test]
fn questions() {
    on_one_worker(|| {
        let sleeper = go!({ task::park() });
        lets_others_run("is_finished", || assert!(!sleeper.is_finished()));
        lets_others_run("is_cancelled", || assert!(!task::is_cancelled()));
        task::scope(|s| {
            let child = s.spawn(task::park);
            lets_others_run("is_finished of a child", || assert!(!child.is_finished()));
            child.task().unpark();
        });
        let group = TaskGroup::<()>::new();
        lets_others_run("TaskGroup::len", || assert_eq!(group.len(), 0));
        drop(group);
        sleeper.task().unpark();

        let cell = OnceLock::<i32>::new();
        lets_others_run("OnceLock::get", || assert!(cell.get().is_none()));
        let once = Once::new();
        lets_others_run("Once::is_completed", || assert!(!once.is_completed()));
        let lazy = LazyLock::new(|| 1);
        lets_others_run("LazyLock::get", || assert!(LazyLock::get(&lazy).is_none()));
        assert_eq!(*lazy, 1);
        let (mutex, rwlock) = (Mutex::new(()), RwLock::new(()));
        lets_others_run("Mutex::is_poisoned", || assert!(!mutex.is_poisoned()));
        lets_others_run("RwLock::is_poisoned", || assert!(!rwlock.is_poisoned()));
        let event = Event::new();
        lets_others_run("Event::is_set", || assert!(!event.is_set()));
        let permits = Semaphore::new(0);
        lets_others_run("available_permits", || assert_eq!(permits.available_permits(), 0));
        lets_others_run("Semaphore::is_closed", || assert!(!permits.is_closed()));
        let (_promise, deferred) = promise::<()>();
        lets_others_run("Deferred::get", || assert!(deferred.get().is_none()));
        lets_others_run("is_abandoned", || assert!(!deferred.is_abandoned()));
    });
}

#[test]
fn what_is_asked_of_channels() {
    on_one_worker(|| {
        let (sender, receiver) = channel::bounded::<()>(1);
        lets_others_run("Sender::len", || assert_eq!(sender.len(), 0));
        lets_others_run("Sender::is_empty", || assert!(sender.is_empty()));
        lets_others_run("Sender::is_full", || assert!(!sender.is_full()));
        lets_others_run("Receiver::len", || assert_eq!(receiver.len(), 0));
        lets_others_run("Receiver::is_empty", || assert!(receiver.is_empty()));
        lets_others_run("Receiver::is_full", || assert!(!receiver.is_full()));
        let after = channel::after(NEVER);
        lets_others_run("after's is_empty", || assert!(after.is_empty()));
        let (sender, receiver) = channel::broadcast::<()>(1);
        lets_others_run("broadcast's receiver_count", || assert_eq!(sender.receiver_count(), 1));
        lets_others_run("broadcast's is_empty", || assert!(receiver.is_empty()));
        let (sender, receiver) = channel::watch(0);
        lets_others_run("watch's borrow", || assert_eq!(*receiver.borrow(), 0));
        lets_others_run("has_changed", || assert_eq!(receiver.has_changed(), Ok(false)));
        lets_others_run("watch's is_closed", || assert!(!sender.is_closed()));
        let (sender, _receiver) = channel::oneshot::<()>();
        lets_others_run("oneshot's is_closed", || assert!(!sender.is_closed()));
    });
}

/// Spawns and wakes are done with locks of std's in hand, which another task of the worker may
/// want: so they never give way.
#[test]
fn what_is_done_under_a_std_lock_does_not_give_way() {
    on_one_worker(|| {
        let lock = Arc::new(StdMutex::new(Vec::new()));
        let contender = go!(clone(lock) => {
            for _ in 0..100 {
                lock.lock().unwrap().push(0);
                task::yield_now();
            }
        });
        let (condvar, event, group) = (Condvar::new(), Event::new(), WaitGroup::new());
        for round in 0..100 {
            let mut held = lock.lock().unwrap();
            for _ in 0..40 {
                drop(go!({ assert!(task::current().name().is_none()) }));
                drop(go!(name = "short" => {}));
                condvar.notify_one();
                condvar.notify_all();
                event.set();
                event.reset();
                group.add(1);
                group.done();
                assert!(task::try_current().is_some());
            }
            held.push(round);
            drop(held);
            task::yield_now();
        }
        contender.wait();
        assert_eq!(lock.lock().unwrap().len(), 200);
    });
}

/// As std's `sync_once_cell_does_not_leak_partially_constructed_boxes`, with each thread a task.
#[test]
fn readers_that_poll_for_a_value_see_it() {
    const TRIES: usize = 100;
    const READERS: usize = 10;
    const WRITERS: usize = 3;
    on_one_worker(|| {
        for _ in 0..TRIES {
            let cell = Arc::new(OnceLock::new());
            let readers: Vec<_> = (0..READERS)
                .map(|_| {
                    go!(clone(cell) => loop {
                        let value: Option<&String> = cell.get();
                        if let Some(value) = value {
                            break assert_eq!(value, "hello");
                        }
                    })
                })
                .collect();
            for _ in 0..WRITERS {
                go!(clone(cell) => drop(cell.set("hello".to_owned())));
            }
            readers.into_iter().for_each(JoinHandle::wait);
        }
    });
}

/// A question is no cancel point, however often it is asked.
#[test]
fn a_question_does_not_unwind() {
    on_one_worker(|| {
        let cell = OnceLock::<i32>::new();
        let asked = timeout(ZERO, || {
            lets_others_run_without_a_wait(|| assert!(cell.get().is_none()));
            true
        });
        assert_eq!(asked, Ok(true));
    });
}

/// As [`lets_others_run`], and leaves the other task alone.
fn lets_others_run_without_a_wait(mut operation: impl FnMut()) {
    let has_run = Arc::new(AtomicBool::new(false));
    let _other = go!(clone(has_run) => has_run.store(true, SeqCst));
    let begun = Instant::now();
    while !has_run.load(SeqCst) {
        operation();
        assert!(begun.elapsed() < HANG, "the worker is kept");
    }
}

/// In a destructor while its task unwinds, too.
#[test]
fn questions_of_a_task_that_unwinds() {
    on_one_worker(|| {
        let task = go!({
            let sleeper = go!({ task::park() });
            let _asks = on_drop(move || {
                lets_others_run_without_a_wait(|| assert!(!sleeper.is_finished()));
                sleeper.task().unpark();
            });
            task::park();
        });
        task::yield_now();
        task.cancel();
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// On a plain thread nothing is counted, and nothing happens.
#[test]
fn questions_of_a_thread() {
    let cell = OnceLock::<i32>::new();
    for _ in 0..10_000 {
        assert!(cell.get().is_none() && !task::is_cancelled());
    }
}

#[test]
fn a_park_with_its_token_there_uses_up_the_budget() {
    with_workers(1).run(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone(stop) => stop.store(true, SeqCst));
        while !stop.load(SeqCst) {
            task::current().unpark();
            task::park();
        }
        other.wait();
    });
}

#[test]
fn who_looks_for_nothing_lets_others_run() {
    Colour::Task.run(1, || {
        let (never, other) = (never::<i32>(), go!({}));
        while !other.is_finished() {
            assert!(never.try_recv().is_err());
        }
    });
}

/// How often a task may go on without others getting a turn, and then some.
const MANY: usize = 1_000;

fn ended() -> Vec<JoinHandle<()>> {
    let tasks: Vec<_> = (0..MANY).map(|_| go!({})).collect();
    until(|| tasks.iter().all(JoinHandle::is_finished));
    tasks
}

#[test]
fn joins_of_ended_tasks_use_up_the_budget() {
    Colour::Task.run(1, || {
        let tasks = ended();
        let stop = Arc::new(AtomicBool::new(false));
        let other = go!(clone(stop) => stop.store(true, SeqCst));
        let joined = tasks.into_iter().take_while(|_| !stop.load(SeqCst)).map(JoinHandle::wait);
        assert!(joined.count() < MANY);
        other.wait();
    });
}

#[test]
fn joins_of_ended_tasks_are_cancel_points() {
    on_workers(|_| {
        let task = go!({
            let tasks = ended();
            task::current().cancel();
            tasks.into_iter().for_each(JoinHandle::wait);
        });
        assert!(task.join().unwrap_err().is_cancelled());
    });
}
