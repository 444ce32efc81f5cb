//! zigcoro: its channel.

use gocoro::channel::{RecvError, SendError, bounded, unbounded};
use gocoro::go;

use crate::support::{Colour, on_workers, settle};

/// A sender of six messages and its receiver on one worker: how many operations each run of one of them
/// completes before the other's next.
fn runs(capacity: usize) -> Vec<usize> {
    Colour::Task.run(1, move || {
        let (log, events) = unbounded();
        let (sender, receiver) = bounded(capacity);
        let sending = go!(clone(log) => {
            for n in 0..6 {
                sender.send(n).unwrap();
                log.send('s').unwrap();
            }
        });
        let receiving = go!({
            let received = receiver.iter().inspect(|_| log.send('r').unwrap());
            received.sum::<i32>()
        });
        assert_eq!(receiving.wait(), 15);
        sending.wait();
        let events: Vec<_> = events.iter().collect();
        assert_eq!(events.len(), 12);
        events.chunk_by(|one, next| one == next).map(<[char]>::len).collect()
    })
}

/// The seed counts 12 switches with room for one, and 2 with room for all.
///
/// Here a receiver that waits takes a message past the buffer, and one that receives brings the next
/// sender's message into it: with room for one, up to three pass before a side has to wait.
#[test]
fn t_z4_a_sender_waits_for_room_and_no_more() {
    let narrow = runs(1);
    assert!((4..=12).contains(&narrow.len()), "{narrow:?}");
    assert!(narrow.iter().all(|&run| run <= 3), "{narrow:?}");
    assert_eq!(runs(6), [6, 6]);
}

/// Z-32, Z-33: the seed panics when a closed channel is sent to.
#[test]
fn z_33_what_is_left_is_received_after_the_end() {
    on_workers(|_| {
        let (sender, receiver) = bounded(3);
        (0..3).for_each(|n| sender.send(n).unwrap());
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(receiver.recv(), Err(RecvError));
        let (sender, receiver) = bounded(3);
        drop(receiver);
        assert_eq!(sender.send(1), Err(SendError(1)));
    });
}

/// Z-34: the seed wakes one receiver, and no sender.
#[test]
fn z_34_the_end_wakes_all_who_wait() {
    on_workers(|_| {
        let (sender, receiver) = bounded::<i32>(1);
        let receiving: Vec<_> =
            (0..4).map(|_| go!(clone(receiver) => { receiver.recv() })).collect();
        settle();
        drop(sender);
        assert!(receiving.into_iter().all(|task| task.wait().is_err()));

        let (sender, receiver) = bounded(1);
        sender.send(0).unwrap();
        let sending: Vec<_> = (1..5).map(|n| go!(clone(sender) => { sender.send(n) })).collect();
        settle();
        drop(receiver);
        let back: Vec<_> = sending.into_iter().map(|task| task.wait().unwrap_err().0).collect();
        assert_eq!(back, [1, 2, 3, 4]);
    });
}
