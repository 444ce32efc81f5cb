//! One arm is chosen, by chance or by its place, among those that are ready.

use gocoro::channel::{self, bounded, unbounded};
use gocoro::{go, select, select_biased, task};

use crate::channel::{matrix, spawn};
use crate::support::{Colour, on_workers};

/// Go's `doubleselect` and crossbeam's `fairness`: every arm that is ready is chosen some time.
#[test]
fn any_ready_arm_may_be_chosen() {
    const ROUNDS: usize = 3000;
    matrix(|_| {
        let (one, first) = unbounded();
        let (two, second) = unbounded();
        let (third, _three) = unbounded();
        (0..ROUNDS).for_each(|n| one.send(n).and(two.send(n)).unwrap());
        let mut chosen = [0; 3];
        for _ in 0..ROUNDS {
            let arm = select! {
                recv(first) -> n => n.map(|_| 0).unwrap(),
                recv(second) -> n => n.map(|_| 1).unwrap(),
                send(third, ()) -> sent => sent.map(|()| 2).unwrap(),
            };
            chosen[arm] += 1;
        }
        // 1000 each; seven standard deviations.
        assert!(chosen.iter().all(|count| (815..1185).contains(count)), "{chosen:?}");
    });
}

/// An arm that is never ready does not favour its neighbour.
#[test]
fn arms_that_are_not_ready_favour_none() {
    const ROUNDS: usize = 3000;
    let (one, first) = unbounded();
    let (two, second) = unbounded();
    let (_silent, quiet) = unbounded::<usize>();
    (0..ROUNDS).for_each(|n| one.send(n).and(two.send(n)).unwrap());
    let mut chosen = [0; 2];
    for _ in 0..ROUNDS {
        select! {
            recv(first) -> n => { n.unwrap(); chosen[0] += 1 }
            recv(quiet) -> _ => unreachable!(),
            recv(second) -> n => { n.unwrap(); chosen[1] += 1 }
        }
    }
    assert!(chosen.iter().all(|count| (1300..1700).contains(count)), "{chosen:?}");
}

#[test]
fn biased_takes_the_first_listed() {
    matrix(|_| {
        let (one, first) = unbounded();
        let (two, second) = unbounded();
        (0..100).for_each(|n| one.send(n).and(two.send(n)).unwrap());
        for n in 0..200 {
            let got = select_biased! {
                recv(first) -> got => got.ok().filter(|_| n < 100),
                recv(second) -> got => got.ok().map(|got| got + 100),
            };
            assert_eq!(got, Some(n), "the first while it has any");
            if n == 99 {
                one.send(0).unwrap();
                assert_eq!(first.recv(), Ok(0));
            }
        }
    });
}

/// The ready arm is not passed by because others wait, and a waiting choice takes one message only.
#[test]
fn one_of_many_senders_is_served() {
    matrix(|peer| {
        let channels: Vec<_> = (0..4).map(|_| bounded(0)).collect();
        let senders: Vec<_> = (0..4)
            .map(|n| {
                let sender = channels[n].0.clone();
                spawn(peer, move || sender.send(n))
            })
            .collect();
        let mut left = [true; 4];
        for _ in 0..4 {
            let got = select! {
                recv(channels[0].1) -> got => got,
                recv(channels[1].1) -> got => got,
                recv(channels[2].1) -> got => got,
                recv(channels[3].1) -> got => got,
            };
            assert!(std::mem::take(&mut left[got.unwrap()]));
        }
        senders.into_iter().for_each(|sender| sender.wait().unwrap());
    });
}

/// One message and many choices that wait for it: one takes it, the others go on waiting.
#[test]
fn one_of_many_choices_is_served() {
    on_workers(|_| {
        let (sender, receiver) = bounded(0);
        let (stop, stopped) = bounded::<()>(0);
        let choices: Vec<_> = (0..8)
            .map(|_| {
                go!(clone(receiver, stopped) => {
                    select! {
                        recv(receiver) -> got => got.unwrap(),
                        recv(stopped) -> _ => 0,
                    }
                })
            })
            .collect();
        sender.send(1).unwrap();
        sender.send(1).unwrap();
        task::yield_now();
        drop(stop);
        assert_eq!(choices.into_iter().map(|choice| choice.wait()).sum::<i32>(), 2);
    });
}

/// A choice that always finds an arm ready lets others run.
#[test]
fn a_choice_in_a_loop_is_fair_to_other_tasks() {
    Colour::Task.run(1, || {
        let (sender, receiver) = unbounded();
        let other = go!(sender.send(()));
        loop {
            select! {
                recv(receiver) -> _ => break,
                default => {}
            }
        }
        other.wait().unwrap();
    });
}

/// A sieve of Eratosthenes, as in Go's tests: a chain of tasks with a choice in each.
#[test]
fn a_chain_of_choices() {
    on_workers(|_| {
        let (numbers, mut left) = bounded(0);
        let (stop, stopped) = bounded::<()>(0);
        go!(clone(stopped) => {
            for n in 2_u32.. {
                select! {
                    send(numbers, n) -> sent => if sent.is_err() { return },
                    recv(stopped) -> _ => return,
                }
            }
        });
        let mut primes = Vec::new();
        for _ in 0..20 {
            let prime = left.recv().unwrap();
            primes.push(prime);
            let (passed, right) = bounded(0);
            go!(clone(stopped) => {
                loop {
                    let n = select! {
                        recv(left) -> n => match n {
                            Ok(n) => n,
                            Err(_) => return,
                        },
                        recv(stopped) -> _ => return,
                    };
                    if n % prime != 0 {
                        select! {
                            send(passed, n) -> sent => if sent.is_err() { return },
                            recv(stopped) -> _ => return,
                        }
                    }
                }
            });
            left = right;
        }
        drop(stop);
        assert_eq!(primes[..5], [2, 3, 5, 7, 11]);
        assert_eq!(primes[19], 71);
    });
}

/// A choice that begins to wait while a message comes takes that one first.
#[test]
fn a_choice_receives_in_the_order_of_sending() {
    on_workers(|_| {
        let (sender, receiver) = channel::bounded(1);
        let other = channel::never::<()>();
        let sending = go!({ (0..500).for_each(|n| sender.send(n).unwrap()) });
        for expected in 0..500 {
            let got = select! {
                recv(receiver) -> got => got,
                recv(other) -> _ => unreachable!("it never comes"),
            };
            assert_eq!(got, Ok(expected));
        }
        sending.wait();
    });
}
