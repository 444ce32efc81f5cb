//! What the programs do that are read.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use gocoro::coroutine::iter::generate;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::{TaskState, dump};
use gocoro::sync::{Barrier, Condvar, Event, Mutex, RwLock, Semaphore};
use gocoro::task::TaskGroup;
use gocoro::time::{sleep, timeout};
use gocoro::{channel, go, select, task};

/// Longer than any test.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);

/// Waits until each other task waits.
pub(crate) fn settled(tasks: usize) {
    let waits = |dump: &gocoro::runtime::Dump| {
        dump.tasks().iter().filter(|task| task.state() == TaskState::Waiting).count()
    };
    while waits(&dump()) < tasks {
        sleep(Duration::from_millis(1));
    }
}

/// Says what the dump says of each task, and waits for a line of input; and so on.
pub(crate) fn answer() {
    println!("ready");
    let mut lines = std::io::stdin().lines();
    while lines.next().is_some_and(|line| line.is_ok()) {
        for task in dump().tasks().iter().filter(|task| task.name().is_some()) {
            let words = task.waits_for().unwrap_or_default();
            println!("{}\t{}\t{}\t{words}", task.id(), task.name().unwrap(), task.spawned_at());
        }
        println!("end");
    }
}

/// A task for each kind of wait.
pub(crate) fn waits() {
    let run = || {
        let (sender, receiver) = channel::bounded::<u8>(1);
        let (full, _kept) = channel::bounded::<u8>(0);
        let mutex = Arc::new(Mutex::new(()));
        let lock = Arc::new(RwLock::new(()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        let theirs = receiver.clone();
        go!(name = "recv" => { theirs.recv() });
        go!(name = "send" => { full.send(1) });
        go!(name = "sleep" => { sleep(NEVER) });
        go!(name = "accept" => { listener.accept() });
        go!(name = "read" => { let _peer = peer; (&stream).read(&mut [0]) });
        let (held, written) = (mutex.clone(), lock.clone());
        let sleeps = go!(name = "holder" => {
            let _held = held.lock();
            let _written = written.write();
            sleep(NEVER);
        });
        settled(6);
        go!(name = "locks" => { drop(mutex.lock()) });
        go!(name = "reads" => { drop(lock.read()) });
        go!(name = "joins" => { sleeps.join() });
        go!(name = "waits" => { Event::new().wait() });
        go!(name = "meets" => { Barrier::new(2).wait().is_leader() });
        go!(name = "permits" => { Semaphore::new(0).acquire().is_ok() });
        go!(name = "told" => {
            let lock = Mutex::new(());
            Condvar::new().wait(lock.lock().unwrap()).is_ok()
        });
        go!(name = "parks" => { task::park() });
        go!(name = "future" => { gocoro::future::wait(std::future::pending::<()>()) });
        let other = receiver.clone();
        go!(name = "chooses" => {
            select! { recv(receiver) -> m => m.is_ok(), recv(other) -> m => m.is_ok() }
        });
        go!(name = "scope" => {
            task::scope(|scope| {
                go!(in scope, name = "child" => { sleep(NEVER) });
            })
        });
        go!(name = "group" => {
            let group = TaskGroup::new();
            go!(in group, name = "member" => { sleep(NEVER) });
            group.next().is_some()
        });
        go!(name = "deadline" => { task::park_timeout(NEVER) });
        go!(name = "timeout" => { timeout(NEVER, || timeout(NEVER / 2, task::park)).is_ok() });
        go!(name = "shielded" => { timeout(NEVER, || task::shield(task::park)).is_ok() });
        go!(daemon, name = "daemon" => { sleep(NEVER) });
        settled(24);
        answer();
        drop(sender);
    };
    go!(name = "main", stack_size = 1 << 20 => { run() }).wait();
}

/// Two tasks that hold what the other one wants.
pub(crate) fn deadlock() {
    go!(name = "long".repeat(10_000) => { task::park() });
    let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let eats = |first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>| {
        let _first = first.lock();
        both.wait();
        drop(second.lock());
    };
    let both = Arc::new(Barrier::new(2));
    let (l, r, b) = (left.clone(), right.clone(), both.clone());
    go!(name = "plato" => { eats(l, r, b) });
    go!(name = "kant" => { eats(right, left, both) });
    go!(settled(3)).wait();
    println!("ready");
    sleep(NEVER);
}

/// Tasks that come and go all the time, beside some that stay, and one that computes.
pub(crate) fn busy() {
    for number in 0..100 {
        go!(name = format!("stays-{number}") => { sleep(NEVER) });
    }
    for _ in 0..4 {
        go!({
            loop {
                let waits: Vec<_> =
                    (0..50).map(|_| go!(name = "comes" => { task::yield_now() })).collect();
                waits.into_iter().for_each(|wait| wait.wait());
                let (sender, receiver) = channel::bounded(1);
                let answer = go!(name = "goes" => { receiver.recv().is_ok() });
                let _ = sender.send(Box::new([0_u8; 64]));
                let _ = answer.wait();
            }
        });
    }
    go!(settled(100)).wait();
    println!("ready");
    sleep(NEVER);
}

/// A task that waits in a coroutine, in a coroutine.
pub(crate) fn nested() {
    go!(name = "nested" => { outermost() });
    go!(settled(1)).wait();
    println!("ready");
    sleep(NEVER);
}

#[inline(never)]
pub(crate) fn outermost() {
    for _ in generate(|emitter| {
        in_between();
        emitter.emit(1);
    }) {}
}

#[inline(never)]
pub(crate) fn in_between() {
    for _ in generate(|emitter| {
        innermost();
        emitter.emit(1);
    }) {}
}

#[inline(never)]
pub(crate) fn innermost() {
    sleep(NEVER);
}
