//! What the types and errors promise to the compiler, and what they say.

use std::error::Error;
use std::fmt::{self, Debug, Write as _};
use std::panic::{RefUnwindSafe, UnwindSafe};

use gocoro::channel::{
    Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select, SelectTimeoutError,
    SendError, SendTimeoutError, Sender, TryReadyError, TryRecvError, TrySelectError, TrySendError,
    after, bounded, broadcast, never, oneshot, unbounded, watch,
};
use gocoro::sync::mpsc;

use crate::support::{self, SOON};

#[test]
fn sides_cross_threads_if_messages_do() {
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    fn safe<T: UnwindSafe + RefUnwindSafe>() {}
    both::<Sender<std::cell::Cell<i32>>>();
    both::<Receiver<std::cell::Cell<i32>>>();
    both::<oneshot::Sender<i32>>();
    both::<oneshot::Receiver<i32>>();
    both::<broadcast::Sender<i32>>();
    both::<broadcast::Receiver<i32>>();
    both::<watch::Sender<i32>>();
    both::<watch::Receiver<i32>>();
    both::<mpsc::Sender<i32>>();
    both::<mpsc::SyncSender<i32>>();
    send::<mpsc::Receiver<i32>>();
    send::<Iter<'_, i32>>();
    both::<Select<'_>>();
    safe::<Sender<std::cell::Cell<i32>>>();
    safe::<Receiver<std::cell::Cell<i32>>>();
}

#[test]
fn errors_say_what_crossbeams_say() {
    fn text(error: impl Error) -> String {
        error.to_string()
    }
    let closed = "sending on a disconnected channel";
    assert_eq!(text(SendError(1)), closed);
    assert_eq!(text(TrySendError::Disconnected(1)), closed);
    assert_eq!(text(SendTimeoutError::Disconnected(1)), closed);
    assert_eq!(text(TrySendError::Full(1)), "sending on a full channel");
    assert_eq!(text(SendTimeoutError::Timeout(1)), "timed out waiting on send operation");
    let closed = "receiving on an empty and disconnected channel";
    assert_eq!(text(RecvError), closed);
    assert_eq!(text(TryRecvError::Disconnected), closed);
    assert_eq!(text(TryRecvError::Empty), "receiving on an empty channel");
    assert_eq!(text(RecvTimeoutError::Timeout), "timed out waiting on receive operation");
    assert_eq!(text(RecvTimeoutError::Disconnected), "channel is empty and disconnected");
    assert_eq!(text(TrySelectError), "all operations in select would block");
    assert_eq!(text(SelectTimeoutError), "timed out waiting on select");
    assert!(!text(TryReadyError).is_empty() && !text(ReadyTimeoutError).is_empty());
    assert_eq!(format!("{:?}", SendError(1)), "\"SendError(..)\"");
    let lagged = broadcast::RecvError::Lagged(3);
    assert!(text(lagged).contains("3 messages lost"));
}

#[test]
fn errors_turn_into_each_other() {
    assert_eq!(TrySendError::from(SendError(1)), TrySendError::Disconnected(1));
    assert_eq!(SendTimeoutError::from(SendError(1)), SendTimeoutError::Disconnected(1));
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!(RecvTimeoutError::from(RecvError), RecvTimeoutError::Disconnected);
    assert_eq!((SendError(1).into_inner(), TrySendError::Full(2).into_inner()), (1, 2));
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert!(TrySendError::Full(0).is_full() && TrySendError::Disconnected(0).is_disconnected());
    assert!(SendTimeoutError::Timeout(0).is_timeout());
    assert!(TryRecvError::Empty.is_empty() && RecvTimeoutError::Timeout.is_timeout());
}

#[test]
fn a_set_of_operations_shows_its_size() {
    let receiver = gocoro::channel::never::<i32>();
    let mut select = Select::default();
    select.recv(&receiver);
    assert!(format!("{select:?}").contains("operations: 1"));
}

struct Writer<F>(F);

impl<F: FnMut()> fmt::Write for Writer<F> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        (self.0)();
        Ok(())
    }
}

/// Both sides are shown to writers that use them.
fn show<S: Debug, R: Debug>(sides: &(S, R), meanwhile: impl Fn(&S, &R)) {
    write!(Writer(|| meanwhile(&sides.0, &sides.1)), "{:?} {:?}", sides.0, sides.1).unwrap();
}

/// `Debug` runs the caller's writer outside of the channel's lock.
#[test]
fn a_writer_may_use_what_it_is_shown() {
    support::bounded(|| {
        show(&oneshot::<i32>(), |sender, receiver| {
            assert!(!sender.is_closed() && receiver.try_recv().is_err());
        });
        show(&broadcast(1), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.try_recv(), Ok(1));
        });
        show(&watch(0), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.changed(), Ok(()));
        });
        for sides in [bounded(1), unbounded()] {
            show(&sides, |sender, receiver| {
                sender.send(1).unwrap();
                assert_eq!(receiver.try_recv(), Ok(1));
            });
        }
        show(&mpsc::channel(), |sender, receiver| {
            sender.send(1).unwrap();
            assert_eq!(receiver.try_recv(), Ok(1));
        });
        show(&(after(SOON), never::<i32>()), |timer, never| {
            assert!(timer.len() <= 1 && never.is_empty());
        });
    });
}
