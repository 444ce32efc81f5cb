//! A channel that tasks of one worker have used for long, and that others then use as well.

use std::thread;

use gocoro::{channel::bounded, task};

use crate::support::Colour;

/// The worker's lock of the channel is taken from it in the middle of its use.
#[test]
fn threads_come_to_a_channel_of_one_worker_in_the_middle_of_its_use() {
    for capacity in [0, 1, 16] {
        Colour::Task.run(1, move || {
            let (sender, receiver) = bounded(capacity);
            let send = |numbers: std::ops::Range<u64>| {
                let sender = sender.clone();
                move || numbers.for_each(|n| sender.send(n).expect("a receiver"))
            };
            let own = task::spawn(send(0..20_000));
            let mut sum: u64 = receiver.iter().take(10_000).sum();
            let sending = thread::spawn(send(20_000..25_000));
            let also = receiver.clone();
            let receiving = thread::spawn(move || also.iter().sum::<u64>());
            drop(sender);
            sum += receiver.iter().sum::<u64>();
            own.wait();
            sending.join().unwrap();
            assert_eq!(sum + receiving.join().unwrap(), (0..25_000).sum::<u64>());
        });
    }
}
