//! Fairness: whatever one task does, the others go on.

mod loops;
mod placement;
mod turns;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use gocoro::go;
use gocoro::net::{TcpListener, TcpStream};
use gocoro::task::{self, JoinHandle};
use gocoro::time::sleep;

use crate::support::{HANG, NEVER, SOON, bounded, on_workers, settle, until, with_workers};

/// Runs `greedy` on each worker, over and over, until a socket, a timer, a park, a fresh task and a
/// fresh local one beside it have all got their turns.
fn beside(greedy: fn(&AtomicBool)) {
    on_workers(move |workers| {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let greedies: Vec<_> = (0..2 * workers)
            .map(|_| {
                go!(clone(stop, begun) => {
                    begun.fetch_add(1, SeqCst);
                    greedy(&stop);
                })
            })
            .collect();
        until(|| begun.load(SeqCst) == 2 * workers);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let echo = go!({
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() > 0 {
                stream.write_all(&byte).unwrap();
            }
        });
        let fresh = go!({
            let mut last = 0;
            for n in 0..20 {
                last = go!({ n }).wait() + go!(local => { n }).wait();
            }
            last
        });
        let timer = go!({ (0..5).for_each(|_| sleep(SOON)) });
        let mut stream = TcpStream::connect(addr).unwrap();
        for byte in 0..20 {
            stream.write_all(&[byte]).unwrap();
            stream.read_exact(&mut [0]).unwrap();
        }
        drop(stream);
        echo.wait();
        assert_eq!(fresh.wait(), 38);
        timer.wait();
        stop.store(true, SeqCst);
        greedies.into_iter().for_each(JoinHandle::wait);
    });
}

#[test]
fn a_loop_of_yields_starves_nobody() {
    beside(|stop| {
        while !stop.load(SeqCst) {
            task::yield_now();
        }
    });
}

#[test]
fn two_that_wake_each_other_starve_nobody() {
    beside(|stop| {
        let first = task::current();
        let ended = Arc::new(AtomicBool::new(false));
        let second = go!(local, clone(ended) => {
            while !ended.load(SeqCst) {
                first.unpark();
                task::park();
            }
        });
        while !stop.load(SeqCst) {
            task::park();
            second.task().unpark();
        }
        ended.store(true, SeqCst);
        second.task().unpark();
        second.wait();
    });
}

#[test]
fn an_endless_chain_of_tasks_starves_nobody() {
    beside(|stop| {
        while !stop.load(SeqCst) {
            go!({}).wait();
        }
    });
}

#[test]
fn an_endless_chain_of_local_tasks_starves_nobody() {
    beside(|stop| {
        while !stop.load(SeqCst) {
            go!(local => {}).wait();
        }
    });
}

#[test]
fn tasks_that_spawn_their_successors_starve_nobody() {
    fn successor(stop: Arc<AtomicBool>, local: bool) {
        if !stop.load(SeqCst) {
            if local {
                drop(go!(local => successor(stop, local)));
            } else {
                drop(go!(successor(stop, local)));
            }
        }
    }
    on_workers(|workers| {
        for local in [false, true] {
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..2 * workers {
                drop(go!(clone(stop) => { successor(stop, local) }));
            }
            settle();
            for n in 0..10 {
                assert_eq!(go!({ n }).wait(), n);
                let (sender, receiver) = mpsc::channel();
                drop(go!({ sender.send(()).unwrap() }));
                until(|| receiver.try_recv().is_ok());
                sleep(SOON);
            }
            stop.store(true, SeqCst);
        }
    });
}

/// Spawns tasks that say that they have begun, and then wait for tasks that do not end.
fn waiting_for_tasks(count: usize, begun: &Arc<AtomicUsize>) -> Vec<JoinHandle<()>> {
    let spawn_one = |_| {
        let begun = begun.clone();
        go!(stack_size = 32 * 1024 => {
            begun.fetch_add(1, SeqCst);
            go!(local => { sleep(NEVER) }).wait();
        })
    };
    (0..count).map(spawn_one).collect()
}

/// The first of the old tasks goes before newer ones, and then waits for a task that does not end:
/// it holds the other old ones up, but not for ever.
#[test]
fn old_tasks_that_wait_for_tasks_starve_nobody() {
    const OLD: usize = 4;
    bounded(|| {
        with_workers(1).run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let begun = Arc::new(AtomicUsize::new(0));
            let old = waiting_for_tasks(OLD, &begun);
            let newer = go!(clone(stop) => {
                while !stop.load(SeqCst) {
                    go!({});
                    go!({});
                    task::yield_now();
                }
            });
            until(|| begun.load(SeqCst) == OLD);
            stop.store(true, SeqCst);
            newer.wait();
            old.iter().for_each(JoinHandle::cancel);
        });
    });
}

#[test]
fn a_fresh_task_starts_beside_local_successors() {
    // Nobody joins it, and there is no other worker to take it.
    fn successor(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(go!(local => successor(stop)));
        }
    }
    crate::support::bounded(|| {
        let runtime = with_workers(1);
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        runtime.run({
            let stop = stop.clone();
            move || {
                drop(go!(local => successor(stop)));
                drop(go!({ sender.send(()).unwrap() }));
            }
        });
        let arrived = receiver.recv_timeout(HANG / 10);
        stop.store(true, SeqCst);
        arrived.expect("a fresh task never started");
    });
}

#[test]
fn a_socket_that_is_always_ready_starves_nobody() {
    beside(|stop| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut buf = [0; 256];
        while !stop.load(SeqCst) {
            // Both are done at once, always.
            client.write_all(&buf).unwrap();
            server.read_exact(&mut buf).unwrap();
        }
    });
}

#[test]
fn a_socket_in_nonblocking_mode_starves_nobody() {
    beside(|stop| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        while !stop.load(SeqCst) {
            assert!(client.read(&mut [0]).is_err());
        }
    });
}

#[test]
fn joins_of_tasks_that_ended_starve_nobody() {
    beside(|stop| {
        while !stop.load(SeqCst) {
            let tasks: Vec<_> = (0..100).map(|n| go!({ n })).collect();
            for task in tasks {
                task.wait();
            }
        }
    });
}

#[test]
fn tokens_that_are_always_there_starve_nobody() {
    beside(|stop| {
        while !stop.load(SeqCst) {
            task::current().unpark();
            task::park();
        }
    });
}

#[test]
fn a_queue_is_served_in_turn() {
    // What yields comes after what was runnable already: no task laps another.
    crate::support::bounded(|| {
        with_workers(1).run(|| {
            const TASKS: usize = 50;
            let rounds: Arc<[AtomicUsize]> = (0..TASKS).map(|_| AtomicUsize::new(0)).collect();
            let tasks: Vec<_> = (0..TASKS)
                .map(|own| {
                    go!(clone(rounds) => {
                        // All have begun.
                        task::park();
                        for round in 1..=200 {
                            rounds[own].store(round, SeqCst);
                            for other in rounds.iter() {
                                let apart = other.load(SeqCst).abs_diff(round);
                                assert!(apart <= 1, "a task is {apart} rounds ahead");
                            }
                            task::yield_now();
                        }
                        // The last ones may not be behind because others ended.
                        rounds[own].store(200, SeqCst);
                    })
                })
                .collect();
            settle();
            tasks.iter().for_each(|task| task.task().unpark());
            tasks.into_iter().for_each(JoinHandle::wait);
        });
    });
}

/// Local tasks that spawn local tasks do not keep the worker from starting its other tasks.
#[test]
fn local_tasks_leave_room_for_others() {
    fn successor(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(go!(local => successor(stop)));
        }
    }
    on_workers(|workers| {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..2 * workers {
            drop(go!(clone(stop) => { successor(stop) }));
        }
        settle();
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            drop(go!(clone(count) => {
                count.fetch_add(1, SeqCst);
            }));
        }
        until(|| count.load(SeqCst) == 10);
        stop.store(true, SeqCst);
    });
}
