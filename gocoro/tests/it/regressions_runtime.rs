//! What once went wrong in the runtime below the primitives. Each names what was seen.

mod process;

use std::cell::Cell;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gocoro::net::{TcpListener, TcpStream};
use gocoro::runtime::LocalRuntime;
use gocoro::sync::{Event, Mutex};
use gocoro::task;
use gocoro::time::{sleep, timeout};
use gocoro::{go, task_local};

use crate::support::{Colour, NEVER, SOON, bounded, on_drop, on_workers, settle, until};

/// More than a system call takes.
const BUFFERS: usize = 1500;

type Read1 = fn(&TcpStream, &mut [IoSliceMut<'_>]) -> std::io::Result<usize>;
type Write1 = fn(&TcpStream, &[IoSlice<'_>]) -> std::io::Result<usize>;

/// A vectored transfer of all that one call takes was thought to be short, for it had been given more
/// buffers: the next operation waited for an event that had no reason to come.
#[test]
fn a_vectored_transfer_of_more_buffers_than_a_call_takes() {
    /// Made known to the worker's poll, whose first events are over.
    fn register(mut stream: &TcpStream) {
        stream.set_read_timeout(Some(SOON)).unwrap();
        assert!(stream.read(&mut [0]).is_err());
        stream.set_read_timeout(None).unwrap();
        settle();
    }
    fn transfer(read: Read1, write: Write1) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        register(&client);
        register(&peer);
        let bytes: Vec<_> = (0..BUFFERS).map(|n| n as u8).collect();
        let slices: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
        let written = write(&client, &slices).unwrap();
        assert!(0 < written && written < BUFFERS, "{written}");
        client.write_all(&bytes[written..]).unwrap();
        until(|| peer.peek(&mut [0; BUFFERS]).unwrap() == BUFFERS);
        settle();
        let mut seen = vec![0; BUFFERS];
        let mut slices: Vec<_> = seen.chunks_mut(1).map(IoSliceMut::new).collect();
        let count = read(&peer, &mut slices).unwrap();
        assert!(0 < count && count < BUFFERS, "{count}");
        peer.read_exact(&mut seen[count..]).unwrap();
        assert_eq!(seen, bytes);
    }
    on_workers(|_| {
        transfer(
            |mut stream, bufs| stream.read_vectored(bufs),
            |mut stream, bufs| stream.write_vectored(bufs),
        );
        transfer(TcpStream::try_read_vectored, TcpStream::try_write_vectored);
    });
}

/// What a panic of its thread does to a local runtime: drops it, after `f`.
fn while_the_thread_panics<T>(kept: T, f: impl FnOnce(&mut T)) {
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let mut kept = kept;
        let _guard = on_drop(move || {
            f(&mut kept);
            drop(kept);
        });
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
}

/// A task that swallowed a cancel was taken for unwinding from then on if its thread panicked: the runtime
/// turned for ever, and its drop did not return.
#[test]
fn a_swallowed_cancel_is_thrown_again_while_the_thread_panics() {
    bounded(|| {
        let throws = Rc::new(Cell::new(0));
        let theirs = throws.clone();
        let mut runtime = LocalRuntime::new().unwrap();
        let task = runtime.spawn(move || {
            for _ in 0..3 {
                if catch_unwind(|| sleep(NEVER)).is_err() {
                    theirs.set(theirs.get() + 1);
                }
            }
            sleep(NEVER);
        });
        runtime.poll_once(Some(Duration::ZERO));
        while_the_thread_panics(runtime, |_| ());
        assert_eq!(throws.get(), 3);
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

/// While the thread panicked, each turn woke the cancelled tasks that waited in their destructors.
#[test]
fn a_destructor_waits_at_rest_while_the_thread_panics() {
    bounded(|| {
        let gate = Arc::new(Event::new());
        let theirs = gate.clone();
        let mut runtime = LocalRuntime::new().unwrap();
        let task = runtime.spawn(move || {
            let _guard = on_drop(move || theirs.wait());
            sleep(NEVER);
        });
        runtime.poll_once(Some(Duration::ZERO));
        let rests = Rc::new(Cell::new(false));
        let seen = rests.clone();
        while_the_thread_panics((runtime, task), move |(runtime, task)| {
            task.cancel();
            seen.set((0..1000).any(|_| !runtime.poll_once(Some(Duration::ZERO))));
            gate.set();
        });
        assert!(rests.get());
    });
}

/// A cancel or a timeout that user code swallowed hid later panics from the locks that were held.
#[test]
fn a_panic_after_a_swallowed_timeout_poisons() {
    for colour in [Colour::Task, Colour::Thread] {
        colour.run(1, || {
            let mutex = Mutex::new(());
            let panicked = catch_unwind(|| {
                timeout(Duration::ZERO, || {
                    let _held = mutex.lock().unwrap();
                    assert!(catch_unwind(|| sleep(NEVER)).is_err());
                    panic!("on purpose");
                })
            });
            assert!(panicked.is_err());
            assert!(mutex.is_poisoned());
            // And one that is thrown does not, also after another was swallowed and kept.
            mutex.clear_poison();
            let mut kept = None;
            let ended = timeout(Duration::ZERO, || {
                kept = catch_unwind(|| sleep(NEVER)).err();
                let _held = mutex.lock().unwrap();
                let _dropped_meanwhile = kept.take();
                sleep(NEVER);
            });
            assert!(ended.is_err());
            assert!(!mutex.is_poisoned());
        });
    }
}

/// A value that came too late for a race was dropped with a lock held, which blocked the worker when
/// another one came while its destructor waited.
#[test]
fn late_values_of_a_race_may_wait_in_their_destructors() {
    struct Slow<'a>(&'a AtomicUsize);
    impl Drop for Slow<'_> {
        fn drop(&mut self) {
            task::shield(|| sleep(SOON));
            self.0.fetch_add(1, SeqCst);
        }
    }
    on_workers(|_| {
        let (waiting, gate) = (AtomicUsize::new(0), Event::new());
        let dropped = AtomicUsize::new(0);
        let late = || {
            waiting.fetch_add(1, SeqCst);
            gate.wait();
            Slow(&dropped)
        };
        let first = || {
            until(|| waiting.load(SeqCst) == 2);
            gate.set();
            Slow(&dropped)
        };
        let won = task::race((first, late, late));
        assert!(won.is_some());
        let others = dropped.load(SeqCst);
        drop(won);
        assert_eq!(dropped.load(SeqCst), others + 1);
    });
}

/// Binding a value in a destructor, to a key whose value was dropped, brought the key back.
#[test]
fn a_task_local_that_was_dropped_is_not_bound_again() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    struct Uses;
    impl Drop for Uses {
        fn drop(&mut self) {
            let bound = AtomicBool::new(false);
            let caught = catch_unwind(|| LATER.scope(1, || bound.store(true, SeqCst)));
            assert!(caught.is_err() && !bound.load(SeqCst));
            assert!(LATER.try_with(|_| ()).is_err());
            SEEN.fetch_add(1, SeqCst);
        }
    }
    task_local! {
        static EARLIER: Uses = Uses;
        static LATER: u32 = 0;
    }
    // The newest is dropped first.
    let body = || {
        EARLIER.with(|_| ());
        LATER.with(|_| ());
    };
    go!({ body() }).wait();
    std::thread::spawn(body).join().unwrap();
    assert_eq!(SEEN.load(SeqCst), 2);
}
