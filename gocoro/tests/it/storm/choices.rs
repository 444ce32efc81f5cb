//! Choices over several channels from many sides: exactly one arm is done each time.

use std::sync::atomic::Ordering::SeqCst;

use gocoro::channel::{Receiver, Sender, bounded};
use gocoro::{select, select_biased, task};

use super::rounds;
use crate::channel::{COLOURS, Counted, Peer, live, spawn};
use crate::support::{Colour, Random, SOON, until};

const CHANNELS: usize = 3;

const SIDES: usize = 4;

const EACH: usize = 150;

type Message = (usize, Counted);

#[test]
fn each_choice_does_exactly_one_thing() {
    rounds(1, |workers, seed| {
        for capacity in [0, 1, 7] {
            for colour in COLOURS {
                println!("capacity: {capacity}");
                Colour::Task.run(workers, move || storm(colour, capacity, seed));
            }
        }
    });
}

fn storm(colour: Colour, capacity: usize, seed: u64) {
    let live = live();
    let mut seeds = Random::new(seed);
    let (senders, receivers): (Vec<Sender<Message>>, Vec<Receiver<Message>>) =
        (0..CHANNELS).map(|_| bounded(capacity)).unzip();
    let (stop, stopped) = bounded::<()>(0);
    let sending: Vec<Peer<Vec<usize>>> = (0..SIDES)
        .map(|side| {
            let (senders, live) = (senders.clone(), live.clone());
            let mut random = Random::new(seeds.next());
            spawn(if side == 0 { Colour::Task } else { colour }, move || {
                let mut sent = Vec::new();
                for number in (0..EACH).map(|n| side * EACH + n) {
                    if send_one(&senders, (number, Counted::new(&live)), &mut random) {
                        sent.push(number);
                    }
                }
                sent
            })
        })
        .collect();
    let receiving: Vec<Peer<Vec<usize>>> = (0..SIDES)
        .map(|side| {
            let (receivers, stopped) = (receivers.clone(), stopped.clone());
            let mut random = Random::new(seeds.next());
            spawn(if side == 0 { Colour::Task } else { colour }, move || {
                let mut received = Vec::new();
                while receive_one(&receivers, &stopped, &mut received, &mut random) {}
                received
            })
        })
        .collect();
    let mut sent: Vec<usize> = sending.into_iter().flat_map(Peer::wait).collect();
    until(|| receivers.iter().all(Receiver::is_empty));
    drop(stop);
    let mut received: Vec<usize> = receiving.into_iter().flat_map(Peer::wait).collect();
    received.extend(receivers.iter().flat_map(Receiver::try_iter).map(|(number, _)| number));
    sent.sort();
    received.sort();
    assert_eq!(sent, received);
    drop((senders, receivers));
    until(|| live.load(SeqCst) == 0);
}

/// Sends the message by one of the channels, or gives it up half-way.
fn send_one(senders: &[Sender<Message>], message: Message, random: &mut Random) -> bool {
    let [a, b, c] = senders else { unreachable!() };
    let gives_up = random.below(10) == 0;
    let yields = random.below(4) == 0;
    let make = || {
        if yields {
            task::yield_now();
        }
        (!gives_up).then_some(message)
    };
    let choose = || -> Option<bool> {
        Some(match random.below(3) {
            0 => select! {
                send(a, make()?) -> sent => sent.is_ok(),
                send(b, make()?) -> sent => sent.is_ok(),
                send(c, make()?) -> sent => sent.is_ok(),
            },
            1 => select_biased! {
                send(c, make()?) -> sent => sent.is_ok(),
                send(a, make()?) -> sent => sent.is_ok(),
                default(SOON / 40) => false,
            },
            _ => select! {
                send(b, make()?) -> sent => sent.is_ok(),
                send(c, make()?) -> sent => sent.is_ok(),
                default => false,
            },
        })
    };
    choose().unwrap_or(false)
}

/// Receives a message from one of the channels; `false`: it is time to stop.
fn receive_one(
    receivers: &[Receiver<Message>],
    stopped: &Receiver<()>,
    received: &mut Vec<usize>,
    random: &mut Random,
) -> bool {
    let [a, b, c] = receivers else { unreachable!() };
    let message = match random.below(3) {
        0 => select! {
            recv(a) -> message => message.ok(),
            recv(b) -> message => message.ok(),
            recv(c) -> message => message.ok(),
            recv(stopped) -> _ => return false,
        },
        1 => select_biased! {
            recv(b) -> message => message.ok(),
            recv(a) -> message => message.ok(),
            recv(stopped) -> _ => return false,
            default(SOON / 40) => None,
        },
        _ => select! {
            recv(c) -> message => message.ok(),
            recv(a) -> message => message.ok(),
            recv(stopped) -> _ => return false,
            default => {
                task::yield_now();
                None
            }
        },
    };
    received.extend(message.map(|(number, _)| number));
    true
}
