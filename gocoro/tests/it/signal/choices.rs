//! Signals beside other things in a choice.

use std::io::{ErrorKind, Read, Write};

use gocoro::channel::{bounded, never};
use gocoro::io::pipe;
use gocoro::{select, select_biased, task};

use super::{listen, own, raise};
use crate::channel::{matrix, spawn};
use crate::support::{SOON, in_both_colours, on_drop, on_workers, settle};

#[test]
fn a_signal_is_chosen_or_stays() {
    matrix(|peer| {
        let signals = listen(own(17));
        select! {
            wait(signals) -> _ => unreachable!("none has come"),
            default => {}
        }
        select! {
            wait(signals) -> _ => unreachable!("none has come"),
            default(SOON) => {}
        }
        let (sender, receiver) = bounded(1);
        let sends = spawn(peer, move || sender.send(1).map(|()| sender).unwrap());
        select! {
            wait(signals) -> _ => unreachable!("none has come"),
            recv(receiver) -> got => assert_eq!(got, Ok(1)),
        }
        let _sender = sends.wait();
        let raises = spawn(peer, || {
            settle();
            raise(own(17));
        });
        select! {
            wait(&signals) -> got => assert_eq!(got, Some(own(17))),
            recv(receiver) -> _ => unreachable!("nobody sends"),
        }
        raises.wait();
        // An arm that loses takes nothing.
        raise(own(17));
        let (_reader, writer) = pipe().unwrap();
        select_biased! {
            writable(writer) -> ready => ready.unwrap(),
            wait(signals) -> _ => unreachable!("the other one is first, and ready"),
        }
        assert_eq!(signals.pending().next(), Some(own(17)));
    });
}

#[test]
fn signals_and_descriptors_in_one_choice() {
    matrix(|peer| {
        let (first, second) = (listen(own(18)), listen(own(19)));
        let (reader, mut writer) = pipe().unwrap();
        for round in 0..60 {
            let other = spawn(peer, move || {
                match round % 3 {
                    0 => raise(own(18)),
                    1 => raise(own(19)),
                    _ => writer.write_all(b"x").unwrap(),
                }
                writer
            });
            select! {
                wait(first) -> got => assert_eq!((got, round % 3), (Some(own(18)), 0)),
                wait(second) -> got => assert_eq!((got, round % 3), (Some(own(19)), 1)),
                readable(reader) -> ready => {
                    ready.unwrap();
                    assert_eq!(((&reader).read(&mut [0; 2]).unwrap(), round % 3), (1, 2));
                }
            }
            writer = other.wait();
        }
    });
}

/// Two choose from the same signals, and one is sent: the other goes on waiting.
#[test]
fn a_signal_that_another_has_taken_is_not_chosen() {
    matrix(|peer| {
        let signals = std::sync::Arc::new(listen(own(20)));
        let (tell, told) = bounded(2);
        let (stop, stopped) = bounded::<()>(0);
        let choosers = [0, 1].map(|_| {
            let (signals, tell, stopped) = (signals.clone(), tell.clone(), stopped.clone());
            spawn(peer, move || {
                loop {
                    select! {
                        wait(signals) -> got => tell.send(got).unwrap(),
                        recv(stopped) -> _ => break,
                    }
                }
            })
        });
        for _ in 0..100 {
            raise(own(20));
            assert_eq!(told.recv(), Ok(Some(own(20))));
        }
        drop(stop);
        choosers.into_iter().for_each(|chooser| chooser.wait());
        assert!(told.is_empty());
    });
}

/// There a descriptor's arm fails, and that of signals waits, as a channel's does.
#[test]
fn in_a_destructor_of_a_cancelled_task() {
    on_workers(|_| {
        let signals = listen(own(21));
        let (tell, told) = bounded(2);
        let (begin, begun) = bounded(1);
        let task = task::spawn(move || {
            let _guard = on_drop(move || {
                let (reader, _writer) = pipe().unwrap();
                let kind = select! {
                    wait(signals) -> _ => unreachable!("none has come"),
                    readable(reader) -> ready => ready.unwrap_err().kind(),
                };
                assert_eq!(kind, ErrorKind::Other);
                tell.send(None).unwrap();
                let silent = never::<()>();
                let got = select! {
                    wait(signals) -> got => got,
                    recv(silent) -> _ => unreachable!(),
                };
                tell.send(got).unwrap();
            });
            begin.send(()).unwrap();
            task::park();
        });
        begun.recv().unwrap();
        task.cancel();
        assert_eq!(told.recv(), Ok(None));
        settle();
        raise(own(21));
        assert_eq!(told.recv(), Ok(Some(own(21))));
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// A reference, a box and an `Arc` are waited for alike.
#[test]
fn through_pointers() {
    in_both_colours(|| {
        let signals = std::sync::Arc::new(Box::new(listen(own(22))));
        raise(own(22));
        let got = select! { wait(signals) -> got => got };
        assert_eq!(got, Some(own(22)));
    });
}
