//! A new task starts on a worker that is neither stuck nor overloaded.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;

use gocoro::go;
use gocoro::net::TcpListener;
use gocoro::task::{self, JoinHandle};

use crate::support::{HANG, NEVER, settle, until, with_workers};

#[test]
fn unstarted_tasks_leave_a_worker_that_is_stuck() {
    for workers in [2, 4] {
        crate::support::bounded(move || {
            let runtime = with_workers(workers);
            let (release, stuck) = mpsc::channel::<()>();
            let (sender, receiver) = mpsc::channel();
            let task = runtime.spawn(move || {
                for n in 0..500 {
                    let sender = sender.clone();
                    drop(go!({ sender.send((n, thread::current().id())).unwrap() }));
                }
                // A computation, as far as the worker can tell.
                let _ = stuck.recv();
                thread::current().id()
            });
            let mut ran: Vec<_> =
                (0..500).map(|_| receiver.recv_timeout(HANG / 2).expect("it moves")).collect();
            assert!(!task.is_finished());
            drop(release);
            let there = task.wait();
            assert!(ran.iter().all(|&(_, thread)| thread != there));
            ran.sort_unstable_by_key(|&(n, _)| n);
            assert!(ran.iter().map(|&(n, _)| n).eq(0..500));
        });
    }
}

/// A worker that was woken for tasks which others had started by then lets itself not be woken for
/// a while. It looks by itself when that is over.
#[test]
fn a_worker_that_was_woken_in_vain_still_takes_what_waits() {
    for workers in [2, 4] {
        crate::support::bounded(move || {
            with_workers(workers).run(|| {
                for _ in 0..100 {
                    // The other workers are woken for these, which this one starts itself.
                    for _ in 0..10 {
                        drop(go!({}));
                        task::yield_now();
                    }
                    let (sender, receiver) = mpsc::channel();
                    drop(go!({ sender.send(thread::current().id()).unwrap() }));
                    // A computation, as far as the worker can tell.
                    let there = receiver.recv_timeout(HANG / 2).expect("it moves");
                    assert_ne!(there, thread::current().id());
                }
            });
        });
    }
}

#[test]
fn tasks_spawned_from_outside_avoid_a_worker_that_is_stuck() {
    for workers in [2, 4] {
        crate::support::bounded(move || {
            let runtime = with_workers(workers);
            let (release, stuck) = mpsc::channel::<()>();
            let (begun, is_begun) = mpsc::channel();
            let blocker = runtime.spawn(move || {
                begun.send(()).unwrap();
                let _ = stuck.recv();
            });
            is_begun.recv_timeout(HANG).unwrap();
            for n in 0..200 {
                let task = runtime.spawn(move || n);
                assert_eq!(task.join_timeout(HANG / 2).expect("it moves").unwrap(), n);
            }
            drop(release);
            blocker.wait();
        });
    }
}

/// Gives each worker of the running runtime something to do, so that none takes tasks of another.
fn occupy(workers: usize) {
    let busy = || {
        let _busy: JoinHandle<()> = go!(local, daemon => loop {
            task::yield_now();
        });
    };
    let begun = Arc::new(AtomicUsize::new(0));
    let meet = move || {
        begun.fetch_add(1, SeqCst);
        // Lets no other task in here, so each of them is on a worker of its own.
        while begun.load(SeqCst) < workers {
            thread::yield_now();
        }
        busy();
    };
    let others: Vec<_> = (1..workers).map(|_| task::spawn(meet.clone())).collect();
    meet();
    others.into_iter().for_each(JoinHandle::wait);
}

#[test]
fn long_lived_tasks_spread_over_the_workers() {
    for workers in [2, 4] {
        crate::support::bounded(move || {
            let runtime = with_workers(workers);
            let threads = runtime.run(|| {
                occupy(workers);
                const HALF: usize = 1_000;
                let begun = Arc::new(AtomicUsize::new(0));
                let spawn = || {
                    go!(stack_size = 16 * 1024, clone(begun) => {
                        begun.fetch_add(1, SeqCst);
                        task::park_timeout(NEVER);
                        thread::current().id()
                    })
                };
                let mut tasks: Vec<_> = (0..HALF).map(|_| spawn()).collect();
                until(|| begun.load(SeqCst) == HALF);
                // By now it is known how much lives where: this worker has all of them.
                settle();
                tasks.extend((0..HALF).map(|_| spawn()));
                until(|| begun.load(SeqCst) == 2 * HALF);
                tasks.iter().for_each(|task| task.task().unpark());
                tasks.into_iter().map(JoinHandle::wait).collect::<Vec<_>>()
            });
            let here = |wanted| threads.iter().filter(|&&thread| thread == wanted).count();
            let most = threads.iter().map(|&thread| here(thread)).max().unwrap();
            // A worker hands tasks over until another worker has half as many.
            assert!(most < 1_600, "{most} of 2000 live on one of {workers} workers");
        });
    }
}

/// A worker hands new tasks over once it has more than twice as many as the least loaded one, and
/// four. What a worker with nothing to run takes is not bounded by that: so the one that accepts
/// always has something, and takes nothing back; and nothing is said of the other's share.
#[test]
fn connections_do_not_pile_up_where_they_are_accepted() {
    const CONNECTIONS: usize = 120;
    crate::support::bounded(|| {
        let runtime = with_workers(2);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (serving, threads) = mpsc::channel();
        let server = runtime.spawn(move || {
            serving.send(thread::current().id()).unwrap();
            let _busy: JoinHandle<()> = go!(local, daemon => loop {
                task::yield_now();
            });
            for stream in listener.incoming() {
                let (mut stream, serving) = (stream.unwrap(), serving.clone());
                go!({
                    serving.send(thread::current().id()).unwrap();
                    stream.write_all(b"!").unwrap();
                    // Until the client goes.
                    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
                });
            }
        });
        let accepting = threads.recv().unwrap();
        let mut clients = Vec::new();
        let mut here = 0;
        for _ in 0..CONNECTIONS {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            // A byte comes from the connection's task, which so has started and counts as live.
            client.read_exact(&mut [0]).unwrap();
            clients.push(client);
            here += usize::from(threads.recv().unwrap() == accepting);
        }
        let there = CONNECTIONS - here;
        println!("{here} here, {there} there");
        // One of them started after the loads were looked at.
        assert!(here <= 2 * there + 4 + 1, "{here} of {CONNECTIONS} where they were accepted");
        drop(clients);
        server.cancel();
        let _: &JoinHandle<()> = &server;
        assert!(server.join().unwrap_err().is_cancelled());
    });
}
