//! Many futures at once, of which most are dropped: nothing is lost, and nobody waits in vain.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use gocoro::channel::{Receiver, bounded};
use gocoro::future::wait;
use gocoro::go;

use super::executor::{block_on, either, poll_once};
use crate::support::{Random, on_workers};

const ROUNDS: usize = 6;
const MESSAGES: usize = 600;

/// Receives until the channels close, by futures that are raced, dropped, or awaited; the sum of
/// what was received.
async fn receive(one: Receiver<usize>, other: Receiver<usize>, seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let (mut count, mut sum) = (0, 0);
    loop {
        let got = match random.below(3) {
            0 => either(one.recv_async(), other.recv_async()).await,
            1 => either(other.recv_async(), one.recv_async()).await,
            _ => {
                // One that waits, or has a message by now, and is dropped.
                let _ = poll_once(pin!(one.recv_async())).map(|got| {
                    if let Ok(number) = got {
                        (count, sum) = (count + 1, sum + number);
                    }
                });
                let mut dropped = Box::pin(other.recv_async());
                if let std::task::Poll::Ready(Ok(number)) = poll_once(dropped.as_mut()) {
                    (count, sum) = (count + 1, sum + number);
                }
                thread::yield_now();
                continue;
            }
        };
        match got {
            Ok(number) => (count, sum) = (count + 1, sum + number),
            Err(_) => break,
        }
    }
    for receiver in [one, other] {
        while let Ok(number) = receiver.recv_async().await {
            (count, sum) = (count + 1, sum + number);
        }
    }
    (count, sum)
}

#[test]
fn no_message_is_lost_in_futures_that_are_dropped() {
    on_workers(|workers| {
        for round in 0..ROUNDS {
            let capacity = round % 3;
            let ((one, first), (other, second)) = (bounded(capacity), bounded(capacity));
            let (sent, sum) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut tasks = Vec::new();
            let mut threads = Vec::new();
            for number in 0..3 {
                let seed = (workers * 100 + round * 10 + number) as u64;
                let (one, other) = (one.clone(), other.clone());
                let (sent, sum) = (sent.clone(), sum.clone());
                let send = async move {
                    let mut random = Random::new(seed);
                    for number in 0..MESSAGES / 3 {
                        let sender = [&one, &other][random.below(2)];
                        sender.send_async(number).await.unwrap();
                        sent.fetch_add(1, SeqCst);
                        sum.fetch_add(number, SeqCst);
                    }
                };
                match number {
                    0 => threads.push(thread::spawn(move || block_on(send))),
                    _ => tasks.push(go!({ wait(send) })),
                }
            }
            drop((one, other));
            let receivers: Vec<_> = (0..4)
                .map(|number| {
                    let received = receive(first.clone(), second.clone(), number as u64);
                    match number % 2 {
                        0 => go!({ wait(received) }),
                        _ => go!({ gocoro::blocking::unblock(move || block_on(received)) }),
                    }
                })
                .collect();
            drop((first, second));
            tasks.into_iter().for_each(|task| task.wait());
            let received = receivers.into_iter().map(|task| task.wait());
            let received = received.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(received, (sent.load(SeqCst), sum.load(SeqCst)));
        }
    });
}
