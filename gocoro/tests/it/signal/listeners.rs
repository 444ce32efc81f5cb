//! Who gets which signal, and which ones can be listened for.

use std::io::ErrorKind;
use std::sync::Arc;

use gocoro::channel::unbounded;
use gocoro::signal::{SIGINT, Signals};
use gocoro::task;

use super::{has_default, listen, own, raise};
use crate::channel::{COLOURS, matrix, spawn};
use crate::support::{WORKERS, in_both_colours, on_workers, with_workers};

#[test]
fn each_listener_gets_each_signal() {
    // From a task and from a thread; the listeners are of both kinds at once.
    in_both_colours(|| {
        let signals = [own(0), own(1)];
        let (tell, told) = unbounded();
        let listeners = [COLOURS, COLOURS].concat().into_iter().map(|colour| {
            let (own, tell) = (Signals::new(signals).unwrap(), tell.clone());
            let handle = own.handle();
            (handle, spawn(colour, move || own.for_each(|got| tell.send(got).unwrap())))
        });
        let listeners: Vec<_> = listeners.collect();
        for _ in 0..100 {
            for signal in signals {
                raise(signal);
                for _ in &listeners {
                    assert_eq!(told.recv(), Ok(signal));
                }
            }
        }
        for (handle, listener) in listeners {
            handle.close();
            listener.wait();
        }
        assert!(told.is_empty());
    });
}

/// One that collects several signals takes a single one, and the others hear of the rest.
#[test]
fn those_who_share_signals_get_each_one_once() {
    for workers in WORKERS {
        let signals = [own(2), own(3), own(4)];
        let shared = Arc::new(Signals::new(signals).unwrap());
        let (tell, told) = unbounded();
        let runtime = with_workers(workers);
        let listeners: Vec<_> = (0..6)
            .map(|number| {
                let (shared, tell) = (shared.clone(), tell.clone());
                let listen = move || (&*shared).for_each(|got| tell.send(got).unwrap());
                match number {
                    0 | 1 => spawn(COLOURS[1], listen),
                    _ => {
                        let task = runtime.spawn(listen);
                        spawn(COLOURS[1], move || task.wait())
                    }
                }
            })
            .collect();
        for _ in 0..300 {
            signals.into_iter().for_each(raise);
            let mut got: Vec<_> = signals.iter().map(|_| told.recv().unwrap()).collect();
            got.sort();
            assert_eq!(got, signals);
        }
        shared.close();
        listeners.into_iter().for_each(|listener| listener.wait());
        assert!(told.is_empty());
    }
}

#[test]
fn signals_come_while_nobody_waits() {
    in_both_colours(|| {
        let (low, high) = (own(5), own(6));
        let both = vec![high, low];
        let mut signals = Signals::new(&both).unwrap();
        for signal in [high, low, high] {
            raise(signal);
        }
        // By their numbers, and each once.
        assert_eq!(signals.recv().unwrap(), low);
        [high, low].into_iter().for_each(raise);
        assert_eq!(signals.recv().unwrap(), low);
        assert_eq!(signals.next(), Some(high));
        assert_eq!(signals.pending().next(), None);
    });
}

#[test]
fn pending_takes_each_once_and_leaves_what_it_is_not_asked_for() {
    in_both_colours(|| {
        let (low, high) = (own(7), own(8));
        let signals = Signals::new([low, high]).unwrap();
        assert_eq!(signals.pending().count(), 0);
        [low, high].into_iter().for_each(raise);
        let mut pending = signals.pending();
        assert_eq!(pending.next(), Some(low));
        raise(low);
        assert_eq!(pending.next(), Some(high));
        assert_eq!(pending.next(), None);
        raise(high);
        drop(pending);
        assert_eq!((&signals).take(2).collect::<Vec<_>>(), [low, high]);
    });
}

#[test]
fn a_signal_is_added_while_somebody_waits() {
    matrix(|peer| {
        let (first, second) = (own(9), own(10));
        let signals = listen(first);
        let handle = signals.handle();
        let waits = spawn(peer, move || signals.take(2).collect::<Vec<_>>());
        handle.add_signal(second).unwrap();
        handle.add_signal(second).unwrap();
        raise(second);
        // Whether the first has been taken or not, this is another one.
        raise(first);
        let mut got = waits.wait();
        got.sort();
        assert_eq!(got, [first, second]);
        assert!(handle.is_closed(), "the signals were dropped");
        assert_eq!(handle.add_signal(first).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn what_nobody_can_listen_for_is_refused_and_changes_nothing() {
    let untouched = own(11);
    for wrong in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGFPE, libc::SIGILL] {
        let error = Signals::new([untouched, wrong]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(&format!("signal {wrong} cannot be listened for")));
    }
    // glibc keeps 32 and 33 for itself.
    for wrong in [i32::MIN, -1, 0, 32, 65, 127, 128, 129, i32::MAX] {
        let error = Signals::new([untouched, wrong]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(&format!("there is no signal {wrong}")), "{error}");
    }
    assert!(has_default(untouched));
    let signals = Signals::new([0; 0]).unwrap();
    assert_eq!(signals.add_signal(libc::SIGKILL).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(signals.pending().next(), None);
    assert!(has_default(SIGINT), "no test of this process takes Ctrl-C from who runs it");
}

/// A flood is one signal or a few, and keeps nobody from anything.
#[test]
fn a_flood_lets_others_run() {
    on_workers(|_| {
        let signals = listen(own(12));
        let flood = spawn(COLOURS[1], || (0..20_000).for_each(|_| raise(own(12))));
        let other = task::spawn(|| (0..100).for_each(|_| task::yield_now()));
        let mut got = 0;
        while !other.is_finished() {
            got += signals.pending().count();
        }
        flood.wait();
        got += signals.pending().count();
        assert!((1..=20_000).contains(&got), "{got}");
    });
}

/// With a signal there each time, nothing of these waits.
#[test]
fn whatever_is_called_in_a_loop_others_run() {
    with_workers(1).run(|| {
        let signals = listen(own(13));
        let handle = signals.handle();
        let operations: [&dyn Fn(); 4] = [
            &|| assert_eq!((&signals).next(), Some(own(13))),
            &|| assert_eq!(signals.recv().unwrap(), own(13)),
            &|| assert_eq!(signals.pending().next(), Some(own(13))),
            &|| assert!(!handle.is_closed()),
        ];
        for operation in operations {
            let other = task::spawn(|| ());
            while !other.is_finished() {
                raise(own(13));
                operation();
            }
            assert!(signals.pending().count() <= 1);
        }
    });
}
