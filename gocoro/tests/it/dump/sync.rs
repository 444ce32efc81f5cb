//! Locks and the like: each says what it is, and by whom it is held.

use std::sync::Arc;

use gocoro::blocking::unblock;
use gocoro::runtime::dump;
use gocoro::sync::{Barrier, Condvar, Event, Mutex, Once, RwLock, Semaphore, WaitGroup, promise};
use gocoro::{future, go, task};

use super::{task_waits, unpark, waits};

/// Runs `f` in a task of this name, which then waits for its token inside.
fn holds(name: &str, f: impl FnOnce(&dyn Fn()) + Send + 'static) -> task::JoinHandle<()> {
    let holder = task::Builder::new().name(name).spawn(move || f(&task::park)).unwrap();
    waits(name, "park");
    holder
}

#[test]
fn a_mutex_names_its_holder() {
    let mutex = Arc::new(Mutex::new(0));
    let theirs = mutex.clone();
    let holder = holds("dump-holder", move |wait| {
        let _guard = theirs.lock();
        wait();
    });
    let theirs = mutex.clone();
    let what = "lock of a mutex held by task 'dump-holder'";
    task_waits("dump-lock", what, move || drop(theirs.lock()), || unpark(holder.task()));
    holder.wait();

    let guard = mutex.lock().unwrap();
    let theirs = mutex.clone();
    let what = "lock of a mutex held by a plain thread";
    task_waits("dump-lock-2", what, move || drop(theirs.lock()), || drop(guard));
}

#[test]
fn an_rwlock_tells_readers_from_the_writer() {
    let lock = Arc::new(RwLock::new(0));
    let theirs = lock.clone();
    let holder = holds("dump-writer", move |wait| {
        let _guard = theirs.write();
        wait();
    });
    let theirs = lock.clone();
    let what = "read lock of an rwlock write-locked by task 'dump-writer'";
    task_waits("dump-read", what, move || drop(theirs.read()), || unpark(holder.task()));
    holder.wait();

    let readers = (lock.read().unwrap(), lock.read().unwrap());
    let theirs = lock.clone();
    let what = "write lock of an rwlock with 2 readers";
    task_waits("dump-write", what, move || drop(theirs.write()), || drop(readers));
}

#[test]
fn a_once_names_who_runs_it() {
    let once = Arc::new(Once::new());
    let theirs = once.clone();
    let runner = holds("dump-runner", move |wait| theirs.call_once(wait));
    let theirs = once.clone();
    let what = "initialisation run by task 'dump-runner'";
    task_waits("dump-once", what, move || theirs.call_once(|| ()), || unpark(runner.task()));
    runner.wait();
}

#[test]
fn the_others_say_what_they_are() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = pair.clone();
    let wait = move || {
        let guard = theirs.0.lock().unwrap();
        drop(theirs.1.wait_while(guard, |set| !*set).unwrap());
    };
    task_waits("dump-condvar", "condvar", wait, || {
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
    });

    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    let wait = move || assert!(!theirs.wait().is_leader());
    task_waits("dump-barrier", "barrier (1 of 2 have come)", wait, || {
        assert!(barrier.wait().is_leader());
    });

    let semaphore = Arc::new(Semaphore::new(1));
    let theirs = semaphore.clone();
    let wait = move || drop(theirs.acquire_many(3).unwrap());
    task_waits("dump-semaphore", "semaphore (3 wanted, 1 there)", wait, || {
        semaphore.add_permits(2)
    });

    let event = Arc::new(Event::new());
    let theirs = event.clone();
    task_waits("dump-event", "event", move || theirs.wait(), || event.set());

    let group = Arc::new(WaitGroup::new());
    group.add(3);
    let theirs = group.clone();
    task_waits(
        "dump-wait-group",
        "wait group (3 left)",
        move || theirs.wait(),
        || {
            (0..3).for_each(|_| group.done());
        },
    );

    let (sets, gets) = promise();
    task_waits("dump-promise", "promise", move || assert_eq!(gets.wait(), Ok(&7)), || sets.set(7));
}

#[test]
fn a_call_and_a_future_are_named_by_their_types() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let call = go!(name = "dump-call" => { unblock(move || ended.recv()) });
    let runs = "a call on the blocking pool that runs: it::dump::sync::a_call_and_a_future_are_named_\
                by_their_types::{{closure}}::{{closure}}";
    waits("dump-call", runs);
    drop(end);
    assert!(call.wait().is_err());

    let polls = go!(name = "dump-future" => { future::wait(std::future::pending::<u8>()) });
    waits("dump-future", "future core::future::pending::Pending<u8>");
    polls.cancel();
    assert!(polls.join().is_err());
}

#[test]
fn tasks_that_hold_what_the_others_want_are_a_cycle() {
    let locks = Arc::new((Mutex::new(()), Mutex::new(()), Barrier::new(2)));
    let theirs = locks.clone();
    let first = go!(name = "cycle-1" => {
        let _held = theirs.0.lock().unwrap();
        theirs.2.wait();
        drop(theirs.1.lock());
    });
    let theirs = locks.clone();
    let second = go!(name = "cycle-2" => {
        let _held = theirs.1.lock().unwrap();
        theirs.2.wait();
        drop(theirs.0.lock());
    });
    waits("cycle-1", "lock of a mutex held by task 'cycle-2'");
    waits("cycle-2", "lock of a mutex held by task 'cycle-1'");
    let text = dump().to_string();
    let cycles = ["12", "21"].map(|order| {
        let (a, b) = order.split_at(1);
        format!("\ncycle: task 'cycle-{a}' waits for task 'cycle-{b}' waits for task 'cycle-{a}'\n")
    });
    assert!(cycles.iter().any(|cycle| text.contains(cycle)), "{text}");
    first.cancel();
    assert!(first.join().unwrap_err().is_cancelled());
    second.wait();
}
