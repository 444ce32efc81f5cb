//! Channels do what Go documents of its own: its memory model, its tour, its idioms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use gocoro::channel::{Receiver, bounded, never, unbounded};
use gocoro::{go, select, task};

use super::{Peer, matrix, spawn};
use crate::support::{Colour, on_workers, until};

/// "A send on a channel is synchronized before the completion of the corresponding receive", "the
/// closing of a channel is synchronized before a receive that returns because the channel is
/// closed".
#[test]
fn a_send_and_the_end_come_before_their_receive() {
    matrix(|peer| {
        for closes in [false, true] {
            let shared = Arc::new(AtomicUsize::new(0));
            let (sender, receiver) = bounded(10);
            let theirs = shared.clone();
            let sending = spawn(peer, move || {
                theirs.store(1, Relaxed);
                if !closes {
                    sender.send(()).unwrap();
                }
            });
            assert_eq!(receiver.recv().is_err(), closes);
            assert_eq!(shared.load(Relaxed), 1);
            sending.wait();
        }
    });
}

/// "A receive from an unbuffered channel is synchronized before the completion of the corresponding
/// send on that channel."
#[test]
fn an_unbuffered_receive_comes_before_its_send_ends() {
    matrix(|peer| {
        let shared = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = bounded(0);
        let theirs = shared.clone();
        let receiving = spawn(peer, move || {
            theirs.store(1, Relaxed);
            receiver.recv()
        });
        sender.send(()).unwrap();
        assert_eq!(shared.load(Relaxed), 1);
        assert_eq!(receiving.wait(), Ok(()));
    });
}

/// "The k-th receive on a channel with capacity C is synchronized before the completion of the
/// k+C-th send": a channel counts as a semaphore.
#[test]
fn a_channel_bounds_how_many_work() {
    matrix(|peer| {
        const LIMIT: usize = 3;
        let (enter, leave) = bounded(LIMIT);
        let inside = Arc::new(AtomicUsize::new(0));
        let workers: Vec<Peer<()>> = (0..12)
            .map(|_| {
                let (enter, leave, inside) = (enter.clone(), leave.clone(), inside.clone());
                spawn(peer, move || {
                    enter.send(()).unwrap();
                    assert!(inside.fetch_add(1, SeqCst) < LIMIT);
                    task::yield_now();
                    inside.fetch_sub(1, SeqCst);
                    leave.recv().unwrap();
                })
            })
            .collect();
        workers.into_iter().for_each(Peer::wait);
        assert!(leave.is_empty());
    });
}

/// Two streams into one until both have ended; an ended one is set to nil, which never is ready.
#[test]
fn streams_merge_and_an_ended_one_is_set_to_never() {
    matrix(|peer| {
        let streams: [Receiver<u32>; 2] = [0, 100].map(|first| {
            let (sender, receiver) = bounded(1);
            drop(spawn(peer, move || (first..first + 50).for_each(|n| sender.send(n).unwrap())));
            receiver
        });
        let [mut even, mut odd] = streams;
        let (mut merged, mut ended) = (Vec::new(), 0);
        while ended < 2 {
            select! {
                recv(even) -> number => match number {
                    Ok(number) => merged.push(number),
                    Err(_) => { even = never(); ended += 1 }
                },
                recv(odd) -> number => match number {
                    Ok(number) => merged.push(number),
                    Err(_) => { odd = never(); ended += 1 }
                },
            }
        }
        let (low, high): (Vec<u32>, Vec<u32>) = merged.into_iter().partition(|n| *n < 100);
        assert_eq!((low, high), ((0..50).collect(), (100..150).collect()));
    });
}

/// Closing tells everybody, now and later.
#[test]
fn one_close_stops_all() {
    matrix(|peer| {
        let (done, stop) = bounded::<()>(0);
        let rounds = Arc::new(AtomicUsize::new(0));
        let workers: Vec<Peer<()>> = (0..6)
            .map(|_| {
                let (stop, rounds) = (stop.clone(), rounds.clone());
                spawn(peer, move || {
                    loop {
                        select! {
                            recv(stop) -> _ => return,
                            default => _ = rounds.fetch_add(1, SeqCst),
                        }
                        task::yield_now();
                    }
                })
            })
            .collect();
        until(|| rounds.load(SeqCst) > 20);
        drop(done);
        workers.into_iter().for_each(Peer::wait);
        assert!(stop.recv().is_err());
    });
}

/// The tour's generator: it is told to quit while it offers the next number.
#[test]
fn the_tours_fibonacci() {
    matrix(|peer| {
        let ((sender, numbers), (quit, quits)) = (bounded(0), bounded::<()>(0));
        let generator = spawn(peer, move || {
            let (mut now, mut next) = (0_u64, 1_u64);
            loop {
                select! {
                    send(sender, now) -> sent => sent.unwrap(),
                    recv(quits) -> _ => return,
                }
                (now, next) = (next, now + next);
            }
        });
        let first: Vec<_> = numbers.iter().take(10).collect();
        assert_eq!(first, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
        quit.send(()).unwrap();
        generator.wait();
        assert!(numbers.recv().is_err());
    });
}

/// A chain of filters, each a task; dropping its end ends all of it.
#[test]
fn the_prime_sieve() {
    on_workers(|_| {
        let ended = Arc::new(AtomicUsize::new(0));
        let (sender, mut numbers) = bounded(0);
        go!(clone(ended) => {
            (2_u32..).find(|n| sender.send(*n).is_err());
            ended.fetch_add(1, SeqCst);
        });
        let mut primes = Vec::new();
        for _ in 0..20 {
            let prime = numbers.recv().unwrap();
            primes.push(prime);
            let (sender, next) = bounded(0);
            let before = std::mem::replace(&mut numbers, next);
            go!(clone(ended) => {
                let mut left = before.iter().filter(|n| n % prime != 0);
                left.find(|n| sender.send(*n).is_err());
                ended.fetch_add(1, SeqCst);
            });
        }
        assert_eq!(primes[15..], [53, 59, 61, 67, 71]);
        drop(numbers);
        until(|| ended.load(SeqCst) == 21);
    });
}

/// "If one or more of the communications can proceed, a single one that can proceed is chosen via a
/// uniform pseudo-random selection."
#[test]
fn each_of_the_ready_is_chosen_about_as_often() {
    Colour::Task.run(1, || {
        const TIMES: usize = 3_000;
        let channels = [(); 3].map(|()| unbounded());
        for (sender, _) in &channels {
            (0..TIMES).for_each(|n| sender.send(n).unwrap());
        }
        let [a, b, c] = channels.each_ref().map(|(_, receiver)| receiver);
        let mut counts = [0; 3];
        for _ in 0..TIMES {
            let chosen = select! {
                recv(a) -> _ => 0,
                recv(b) -> _ => 1,
                recv(c) -> _ => 2,
            };
            counts[chosen] += 1;
        }
        // Twelve times the standard deviation from the mean.
        assert!(counts.iter().all(|count| (690..1310).contains(count)), "{counts:?}");
    });
}

/// "A send on a nil channel blocks forever", and so does a choice of nothing else: until it is
/// cancelled.
#[test]
fn what_is_never_ready_waits_for_a_cancel() {
    on_workers(|_| {
        let came = Arc::new(AtomicBool::new(false));
        let waiting = go!(clone(came) => {
            came.store(true, SeqCst);
            select! {
                recv(never::<()>()) -> _ => unreachable!(),
                recv(never::<i32>()) -> _ => unreachable!(),
            }
        });
        until(|| came.load(SeqCst));
        (0..100).for_each(|_| task::yield_now());
        assert!(!waiting.is_finished());
        waiting.cancel();
        assert!(waiting.join().unwrap_err().is_cancelled());
    });
}
