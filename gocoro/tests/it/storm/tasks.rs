//! Tasks of every kind, which wake, cancel, join and panic at one another, and talk by sockets.

use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle, Task};
use gocoro::time::sleep;

use super::rounds;
use crate::support::{Random, on_drop, until, with_workers};

/// Tasks that have no parent. Their number is fixed, since those below them open sockets.
const ROOTS: usize = 12;

/// What the tasks of one storm share.
struct Storm {
    /// Some of them, to be woken and cancelled by others.
    known: Mutex<Vec<Task>>,
    /// Bodies that are on their way.
    running: AtomicUsize,
    addr: std::net::SocketAddr,
}

impl Storm {
    fn pick(&self, random: &mut Random) -> Option<Task> {
        let known = self.known.lock().unwrap();
        if known.is_empty() { None } else { Some(known[random.below(known.len())].clone()) }
    }

    fn introduce(&self, task: &Task, random: &mut Random) {
        let mut known = self.known.lock().unwrap();
        if known.len() < 64 {
            known.push(task.clone());
        } else {
            let at = random.below(known.len());
            known[at] = task.clone();
        }
    }
}

fn short(random: &mut Random) -> Duration {
    Duration::from_micros(random.next() % 400)
}

/// What one task of the storm does; it returns the sum of what its children returned, and one.
fn act(storm: &Arc<Storm>, mut random: Random, depth: usize) -> usize {
    storm.running.fetch_add(1, SeqCst);
    let ended = storm.clone();
    let _running = on_drop(move || {
        ended.running.fetch_sub(1, SeqCst);
    });
    let mut sum = 1;
    let mut children: Vec<(JoinHandle<usize>, bool)> = Vec::new();
    for _ in 0..random.below(12) {
        match random.below(13) {
            0 | 1 => task::yield_now(),
            2 => sleep(short(&mut random)),
            3 => task::park_timeout(short(&mut random)),
            4 => {
                if let Some(other) = storm.pick(&mut random) {
                    other.unpark();
                }
            }
            5 => {
                if let Some(other) = storm.pick(&mut random) {
                    other.cancel();
                }
            }
            6..=8 if depth > 0 => {
                let own = Random::new(random.next());
                let (theirs, local) = (storm.clone(), random.below(3) == 0);
                let child = if local {
                    go!(local => { act(&theirs, own, depth - 1) })
                } else {
                    go!({ act(&theirs, own, depth - 1) })
                };
                storm.introduce(child.task(), &mut random);
                children.push((child, false));
            }
            9 => drop(children.pop()),
            10 => {
                if let Some((child, cancelled)) = children.last_mut() {
                    child.cancel();
                    *cancelled = true;
                }
            }
            11 => echo(storm.addr, &mut random),
            _ => {
                let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                    sleep(short(&mut random));
                    if random.below(2) == 0 {
                        panic::panic_any(Expected);
                    }
                }));
                if let Err(payload) = caught
                    && !payload.is::<Expected>()
                {
                    panic::resume_unwind(payload);
                }
            }
        }
    }
    for (child, _) in children {
        let mut child = child;
        let ended = loop {
            match child.join_timeout(short(&mut random)) {
                Ok(ended) => break ended,
                Err(back) => child = back,
            }
        };
        match ended {
            Ok(value) => sum += value,
            Err(error) if error.is_cancelled() => {}
            Err(error) => assert!(error.downcast_ref::<Expected>().is_some(), "{error}"),
        }
    }
    if random.below(10) == 0 {
        panic::panic_any(Expected);
    }
    sum
}

/// What panics on purpose carry.
struct Expected;

/// Sends bytes to the echo server and sees that they come back.
fn echo(addr: std::net::SocketAddr, random: &mut Random) {
    let mut stream = TcpStream::connect(addr).unwrap();
    for _ in 0..random.below(3) {
        let sent = random.next().to_le_bytes();
        stream.write_all(&sent).unwrap();
        let mut back = [0; 8];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, sent);
    }
}

/// Serves echoes until it is cancelled.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        go!({
            let mut buf = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buf) {
                if stream.write_all(&buf[..count]).is_err() {
                    break;
                }
            }
        });
    }
}

#[test]
fn all_tasks_end_whatever_they_do_to_one_another() {
    rounds(1, |workers, seed| {
        let runtime = with_workers(workers);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let storm = Arc::new(Storm {
            known: Mutex::default(),
            running: AtomicUsize::new(0),
            addr: listener.local_addr().unwrap(),
        });
        let server = runtime.spawn(move || serve(&listener));
        let mut random = Random::new(seed);
        let roots: Vec<_> = (0..ROOTS)
            .map(|_| {
                let (storm, own) = (storm.clone(), Random::new(random.next()));
                runtime.spawn(move || act(&storm, own, 3))
            })
            .collect();
        // Threads wake and cancel as well.
        for _ in 0..200 {
            if let Some(task) = storm.pick(&mut random) {
                if random.below(4) == 0 { task.cancel() } else { task.unpark() }
            }
            thread::yield_now();
        }
        for root in roots {
            match root.join() {
                Ok(sum) => assert!(sum >= 1),
                Err(error) if error.is_cancelled() => {}
                Err(error) => assert!(error.downcast_ref::<Expected>().is_some(), "{error}"),
            }
        }
        server.cancel();
        assert!(server.join().unwrap_err().is_cancelled());
        storm.known.lock().unwrap().clear();
        runtime.wait_idle();
        assert_eq!(storm.running.load(SeqCst), 0);
        runtime.run(|| {
            let checks: Vec<_> = (0..50).map(|_| go!({ assert!(!thread::panicking()) })).collect();
            checks.into_iter().for_each(JoinHandle::wait);
        });
        assert_eq!(Arc::strong_count(&storm), 1, "a task is alive");
    });
}

#[test]
fn a_shutdown_in_the_middle_ends_all() {
    rounds(1, |workers, seed| {
        let runtime = with_workers(workers);
        let mut random = Random::new(seed);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let storm = Arc::new(Storm {
            known: Mutex::default(),
            running: AtomicUsize::new(0),
            addr: listener.local_addr().unwrap(),
        });
        drop(runtime.spawn(move || serve(&listener)));
        let ended = Arc::new(AtomicUsize::new(0));
        let roots: Vec<_> = (0..ROOTS)
            .map(|_| {
                let (storm, own) = (storm.clone(), Random::new(random.next()));
                let ended = ended.clone();
                runtime.spawn(move || {
                    let _ended = on_drop(move || {
                        ended.fetch_add(1, SeqCst);
                    });
                    // What goes wrong for lack of a runtime is no concern here.
                    drop(panic::catch_unwind(AssertUnwindSafe(|| act(&storm, own, 3))));
                })
            })
            .collect();
        let wanted = random.below(ROOTS);
        let begun = Instant::now();
        while ended.load(SeqCst) < wanted && begun.elapsed() < Duration::from_secs(1) {
            thread::yield_now();
        }
        drop(runtime);
        assert_eq!(storm.running.load(SeqCst), 0);
        assert!(roots.iter().all(JoinHandle::is_finished));
    });
}

#[test]
fn no_wake_from_anywhere_is_lost() {
    // A token for each, round a ring of tasks on two runtimes and of threads.
    rounds(1, |workers, seed| {
        let runtime = with_workers(workers);
        const ROUNDS: usize = 300;
        let mut random = Random::new(seed);
        let other = with_workers(1 + random.below(2));
        let counts: Arc<[AtomicUsize]> = (0..8).map(|_| AtomicUsize::new(0)).collect();
        let tasks: Vec<_> = (0..8)
            .map(|at| {
                let counts = counts.clone();
                let body = move || {
                    for round in 0..ROUNDS {
                        // Ahead of it is the neighbour before, by one.
                        let before = (at + 7) % 8;
                        while counts[before].load(SeqCst) < round + usize::from(at > 0) {
                            task::park_timeout(Duration::from_millis(20));
                        }
                        counts[at].fetch_add(1, SeqCst);
                    }
                };
                if random.below(2) == 0 { runtime.spawn(body) } else { other.spawn(body) }
            })
            .collect();
        let handles: Arc<[Task]> = tasks.iter().map(|task| task.task().clone()).collect();
        let wakers: Vec<_> = (0..3)
            .map(|at| {
                let (handles, mut random) = (handles.clone(), Random::new(random.next()));
                let counts = counts.clone();
                let wake = move || {
                    until(|| {
                        handles[random.below(8)].unpark();
                        counts[7].load(SeqCst) == ROUNDS
                    });
                };
                if at == 0 {
                    let thread = thread::spawn(wake);
                    runtime.spawn(move || until(|| thread.is_finished()))
                } else {
                    runtime.spawn(wake)
                }
            })
            .collect();
        tasks.into_iter().for_each(JoinHandle::wait);
        wakers.into_iter().for_each(JoinHandle::wait);
    });
}
