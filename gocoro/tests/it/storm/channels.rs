//! Channels with many on both sides: nothing is lost, doubled, reordered or leaked.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use gocoro::time::timeout;
use gocoro::{select, task};

use super::rounds;
use crate::channel::{COLOURS, Counted, Peer, live, matrix, spawn};
use crate::support::{Colour, Random, SOON, until};

const SIDE: usize = 4;

const EACH: usize = 300;

type Ends<T> = (Sender<T>, Receiver<T>);

fn channels() -> Vec<Ends<(usize, usize)>> {
    vec![bounded(0), bounded(1), bounded(3), bounded(100), unbounded()]
}

#[test]
fn each_message_arrives_once_and_in_order() {
    matrix(|peer| {
        for (sender, receiver) in channels() {
            let senders: Vec<Peer<()>> = (0..SIDE)
                .map(|side| {
                    let sender = sender.clone();
                    spawn(peer, move || (0..EACH).for_each(|n| sender.send((side, n)).unwrap()))
                })
                .collect();
            drop(sender);
            let receivers: Vec<Peer<Vec<_>>> = (0..SIDE)
                .map(|_| {
                    let receiver = receiver.clone();
                    spawn(Colour::Task, move || receiver.iter().collect())
                })
                .collect();
            drop(receiver);
            senders.into_iter().for_each(Peer::wait);
            let mut all = Vec::new();
            for received in receivers.into_iter().map(Peer::wait) {
                for side in 0..SIDE {
                    let own = received.iter().filter(|message| message.0 == side);
                    assert!(own.is_sorted(), "a receiver sees a sender's messages in order");
                }
                all.extend(received);
            }
            all.sort();
            let sent = (0..SIDE).flat_map(|side| (0..EACH).map(move |n| (side, n)));
            assert!(all.into_iter().eq(sent));
        }
    });
}

/// One of the ways to send, by chance; `false`: the message was not sent.
fn send_somehow(sender: &Sender<(usize, Counted)>, message: (usize, Counted), way: usize) -> bool {
    match way {
        0 => sender.send(message).is_ok(),
        1 => sender.try_send(message).is_ok(),
        2 => sender.send_timeout(message, SOON / 40).is_ok(),
        3 => {
            let mut message = Some(message);
            select! {
                send(sender, message.take().unwrap()) -> sent => sent.is_ok(),
                default(SOON / 40) => false,
            }
        }
        4 => timeout(SOON / 40, || sender.send(message).is_ok()).unwrap_or(false),
        _ => {
            let mut select = gocoro::channel::Select::new();
            select.send(sender);
            match select.select_timeout(SOON / 40) {
                Ok(chosen) if way == 5 => chosen.send(sender, message).is_ok(),
                _ => false,
            }
        }
    }
}

/// One of the ways to receive; `Err`: the end.
fn receive_somehow(
    receiver: &Receiver<(usize, Counted)>,
    way: usize,
) -> Result<Option<(usize, Counted)>, ()> {
    match way {
        0 => receiver.recv().map(Some).map_err(drop),
        1 => match receiver.try_recv() {
            Err(error) if error.is_empty() => Ok(None),
            received => received.map(Some).map_err(drop),
        },
        2 => match receiver.recv_timeout(SOON / 40) {
            Err(RecvTimeoutError::Timeout) => Ok(None),
            received => received.map(Some).map_err(drop),
        },
        3 => select! {
            recv(receiver) -> message => message.map(Some).map_err(drop),
            default(SOON / 40) => Ok(None),
        },
        4 => match timeout(SOON / 40, || receiver.recv()) {
            Ok(received) => received.map(Some).map_err(drop),
            Err(_) => Ok(None),
        },
        _ => {
            let mut select = gocoro::channel::Select::new();
            select.recv(receiver);
            match select.select_timeout(SOON / 40) {
                Ok(chosen) if way == 5 => chosen.recv(receiver).map(Some).map_err(drop),
                // Undone.
                _ => Ok(None),
            }
        }
    }
}

#[test]
fn all_ways_at_once_lose_nothing() {
    rounds(1, |workers, seed| {
        for capacity in [0, 1, 2, 5] {
            for colour in COLOURS {
                println!("capacity: {capacity}");
                Colour::Task.run(workers, move || all_ways(colour, capacity, seed));
            }
        }
    });
}

fn all_ways(colour: Colour, capacity: usize, seed: u64) {
    let live = live();
    let mut seeds = Random::new(seed);
    let (sender, receiver) = bounded(capacity);
    let senders: Vec<Peer<Vec<usize>>> = (0..SIDE)
        .map(|side| {
            let (sender, live) = (sender.clone(), live.clone());
            let mut random = Random::new(seeds.next());
            spawn(if side == 0 { Colour::Task } else { colour }, move || {
                let numbers = (0..EACH / 3).map(|n| side * EACH + n);
                let send = |&number: &usize| {
                    let message = (number, Counted::new(&live));
                    send_somehow(&sender, message, random.below(7))
                };
                numbers.filter(send).collect()
            })
        })
        .collect();
    drop(sender);
    let receivers: Vec<Peer<Vec<usize>>> = (0..SIDE)
        .map(|side| {
            let receiver = receiver.clone();
            let mut random = Random::new(seeds.next());
            spawn(if side == 0 { Colour::Task } else { colour }, move || {
                let mut received = Vec::new();
                while let Ok(message) = receive_somehow(&receiver, random.below(7)) {
                    received.extend(message.map(|(number, _)| number));
                }
                received
            })
        })
        .collect();
    drop(receiver);
    let mut sent: Vec<usize> = senders.into_iter().flat_map(Peer::wait).collect();
    let mut received: Vec<usize> = receivers.into_iter().flat_map(Peer::wait).collect();
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
    until(|| live.load(SeqCst) == 0);
    task::yield_now();
}
