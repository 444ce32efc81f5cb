//! How listening ends.

use std::io::ErrorKind;
use std::sync::Arc;

use gocoro::channel::bounded;
use gocoro::select;

use super::{listen, own, raise};
use crate::channel::{COLOURS, matrix, spawn};
use crate::support::{in_both_colours, settle};
use crate::tcp::kind;

#[test]
fn a_close_ends_all_who_wait() {
    matrix(|peer| {
        let signals = Arc::new(listen(own(14)));
        let (begin, begun) = bounded(3);
        let waits = |wait: fn(&super::Signals) -> bool| {
            let (signals, begin) = (signals.clone(), begin.clone());
            spawn(peer, move || {
                begin.send(()).unwrap();
                wait(&signals)
            })
        };
        let all = [
            waits(|mut signals| signals.next().is_none()),
            waits(|signals| kind(signals.recv()) == ErrorKind::UnexpectedEof),
            waits(|signals| select! { wait(signals) -> signal => signal.is_none() }),
        ];
        all.iter().for_each(|_| begun.recv().unwrap());
        settle();
        signals.close();
        for peer in all {
            assert!(peer.wait());
        }
        // And all who come later.
        assert_eq!((&*signals).next(), None);
        assert_eq!(kind(signals.recv()), ErrorKind::UnexpectedEof);
        signals.close();
    });
}

#[test]
fn what_had_come_before_a_close_is_given_out() {
    in_both_colours(|| {
        let mut signals = listen(own(15));
        raise(own(15));
        signals.close();
        raise(own(15));
        assert_eq!(signals.next(), Some(own(15)));
        assert_eq!(signals.next(), None);
        assert_eq!(signals.pending().next(), None);
        assert_eq!(kind(signals.add_signal(own(15))), ErrorKind::UnexpectedEof);
        assert_eq!(format!("{signals:?}"), "Signals { closed: true, .. }");
    });
}

/// The last ones are dropped, and the signal does not end the process: it has no effect.
#[test]
fn the_default_does_not_come_back() {
    for colour in COLOURS {
        spawn(colour, || drop(listen(own(16)))).wait();
        raise(own(16));
        assert_eq!(listen(own(16)).pending().next(), None, "one that came before");
    }
}
